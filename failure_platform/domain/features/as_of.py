"""The time rule, and the other operations that all feature families share."""

from collections.abc import Callable, Iterable
from functools import reduce

import ibis
import ibis.expr.types as ir

Materialize = Callable[[str, ir.Table], ir.Table]
"""Stores a table that several results read: takes a name and the table, returns the table to read instead.

Whoever streams the cells of more than a small lake should write each to a temporary table. Otherwise it is computed
once per reader, and DuckDB 1.5.6 was seen to deadlock when such a query is streamed.
"""


def not_materialized(_name: str, table: ir.Table) -> ir.Table:
    """Return the table itself, so that each of its readers computes it."""
    return table


def known_at_prediction(rows: ir.Table, points: ir.Table) -> ir.Table:
    """Return the rows of each vehicle from before its prediction point: the only implementation of the time rule.

    Args:
        rows: KNR, DATA and more.
        points: vehicle, KNR, predicted_at.

    Returns:
        the columns of `rows` without KNR, and vehicle, predicted_at.
    """
    timed = rows.join(points, "KNR")
    return timed.filter(timed.predicted_at > timed.DATA).drop("KNR")


def as_cells(rows: ir.Table, name: ir.Value, value: ir.Value) -> ir.Table:
    """Return cells: vehicle, feature_name, value (double)."""
    return rows.select("vehicle", feature_name=name, value=value.cast("float64"))


def name_part(text: ir.StringValue) -> ir.StringValue:
    """Return a plant code in the form that it has in feature names.

    DuckDB treats columns whose names differ only in case as one, a colon separates the parts of a name, and ALL is a
    total. The plant's codes have none of these and are unchanged; other codes become upper case with the start of their
    MD5.
    """
    plain = ~text.re_search("[a-z:]") & (text != "ALL")
    return ibis.cases((plain, text), else_=text.upper().replace(":", ".") + "~" + text.hexdigest("md5").left(8))


def union_all(tables: Iterable[ir.Table]) -> ir.Table:
    """Return all rows of tables with the same columns, duplicates included."""
    return reduce(lambda a, b: a.union(b), tables)
