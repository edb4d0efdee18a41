"""What every family of features is made with: the time rule, the form of a cell, and names that cannot collide.

What belongs here: these. What does not: any one feature.
"""

from collections.abc import Callable, Iterable
from functools import reduce

import ibis
import ibis.expr.types as ir

Keep = Callable[[str, ir.Table], ir.Table]
"""What to do with a table that several results read: given a name and the table, returns the table to go on with.

Whoever streams the cells of more than a small lake should write it to a temporary table: unkept, it is computed for
each reader, and DuckDB 1.5.6 was seen to wait for itself for ever when such a query is streamed.
"""


def as_is(_name: str, table: ir.Table) -> ir.Table:
    """Keep nothing: whatever reads the table computes it."""
    return table


def before(rows: ir.Table, points: ir.Table) -> ir.Table:
    """Return the rows of each vehicle that were known at its prediction point: the one place of the time rule.

    Args:
        rows: KNR, DATA and more.
        points: vehicle, KNR, predicted_at.

    Returns:
        the columns of `rows` but KNR, vehicle, predicted_at.
    """
    timed = rows.join(points, "KNR")
    return timed.filter(timed.predicted_at > timed.DATA).drop("KNR")


def named(rows: ir.Table, name: ir.Value, value: ir.Value) -> ir.Table:
    """Return cells: vehicle, feature_name, value (double)."""
    return rows.select("vehicle", feature_name=name, value=value.cast("float64"))


def code(text: ir.StringValue) -> ir.StringValue:
    """Return a plant code as a part of a name.

    DuckDB takes columns that differ only in case for one, a colon parts names, and ALL is a total. Codes of the plant
    have none of it and stay as they are; another one becomes upper case with the start of its md5.
    """
    plain = ~text.re_search("[a-z:]") & (text != "ALL")
    return ibis.cases((plain, text), else_=text.upper().replace(":", ".") + "~" + text.hexdigest("md5").left(8))


def together(tables: Iterable[ir.Table]) -> ir.Table:
    """Return all rows of tables of the same columns."""
    return reduce(lambda a, b: a.union(b), tables)
