"""The lake as the modelling rules see it: Ibis tables on any engine, and what was declared about uploads."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

import ibis.expr.types as ir


@dataclass(frozen=True)
class LakeTables:
    """The tables from which vehicles are described.

    Attributes:
        resultados: test results; read: KNR, NAME, ID, STATUS, VALUE_ID, VALUE, DATA, upload.
        falhas: recorded defects; read: KNR, MODELO, COR, MOTOR, HALLE, S_GROUP_ID, DATA, upload.
        status: tracking events; read: KNR, STATUS, DATA, upload.
        uploads: the ledger; read: upload, kind, name, state, first_data, last_data.
        declared_periods: by name of a falhas file, the first and last day for which it is declared to be complete.
    """

    resultados: ir.Table
    falhas: ir.Table
    status: ir.Table
    uploads: ir.Table
    declared_periods: Mapping[str, tuple[date, date]] = field(default_factory=dict)


READ_KINDS = tuple(one.name for one in fields(LakeTables) if one.name not in ("uploads", "declared_periods"))
"""The upload kinds that describe a vehicle; an upload of any other kind changes no vehicle."""
