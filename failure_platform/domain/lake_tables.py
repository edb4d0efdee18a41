"""The lake as the modelling rules see it: four Ibis tables on any engine.

What belongs here: the bundle of tables, and which of their columns the rules read.
What does not: how the tables are written or opened (resources), and what their columns mean (contracts).
"""

from dataclasses import dataclass

import ibis.expr.types as ir


@dataclass(frozen=True)
class LakeTables:
    """The tables from which vehicles are described.

    Attributes:
        resultados: test results; read: KNR, NAME, ID, STATUS, VALUE_ID, VALUE, DATA.
        falhas: recorded defects; read: KNR, HALLE, S_GROUP_ID, DATA.
        status: tracking events; read: KNR, STATUS, DATA.
        uploads: the ledger; read: kind, state, first_data, last_data.
    """

    resultados: ir.Table
    falhas: ir.Table
    status: ir.Table
    uploads: ir.Table
