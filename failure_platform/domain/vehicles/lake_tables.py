"""The lake as the modelling rules see it: four Ibis tables on any engine, and what was declared about uploads.

What belongs here: the bundle of tables, and which of their columns the rules read.
What does not: how the tables are written or opened (resources), and what their columns mean (contracts).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
