"""The lake's tables that the modelling rules read, as Ibis tables of any engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import ibis.expr.types as ir


@dataclass(frozen=True)
class LakeTables:
    """The tables from which vehicles are described; columns that no rule reads are not listed.

    Attributes:
        resultados: test results; read: KNR, NAME, ID, STATUS, VALUE_ID, VALUE, DATA, upload.
        falhas: recorded defects; read: KNR, MODELO, COR, MOTOR, HALLE, S_GROUP_ID, DATA, upload.
        status: tracking events; read: KNR, STATUS, DATA, upload.
        uploads: the ledger; read: upload, kind, name, state.
        falhas_days: the number of `vehicles` in the good rows of each falhas upload by `day` and HALLE, and how many
            of them are `grouped` (have an S_GROUP_ID); rows that another upload repeats or replaces count as well.
        declared_periods: the first and last day for which a falhas file is declared to be complete, by file name.
    """

    resultados: ir.Table
    falhas: ir.Table
    status: ir.Table
    uploads: ir.Table
    falhas_days: ir.Table
    declared_periods: Mapping[str, tuple[date, date]] = field(default_factory=dict)


READ_KINDS = ("resultados", "falhas", "status")
"""The upload kinds that describe a vehicle; an upload of any other kind changes no vehicle."""
