"""Where a test usually lies these days: the running median that distances are measured from.

What belongs here: rows with a number, days, medians. What does not: a vehicle's own values (values).
"""

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.names import FIRST_SUB_VALUE, MEDIAN_DAYS

LEAST_ROWS = 20
"""A median of fewer rows says more of their noise than of the test."""

_TEST = ("ID", "NAME")


def running_medians(resultados: ir.Table) -> ir.Table:
    """Return, per test and day with rows, the median of the daily medians of the MEDIAN_DAYS days before that day.

    Only rows of these days count, of whichever vehicle, so the figure never changes once their uploads are in. A slow
    drift moves it along, and single outliers do not. Days count alike, however many vehicles each had.

    Args:
        resultados: the lake table, or the part of it that holds whole days and the MEDIAN_DAYS days before each.

    Returns:
        ID, NAME, day (days since 1970), median (unit of the test); no row where the days before have fewer than
        LEAST_ROWS rows.
    """
    rows = measured(resultados).filter(resultados.VALUE_ID == FIRST_SUB_VALUE)
    daily = rows.group_by(*_TEST, day=day_of(rows.DATA)).aggregate(middle=rows.VALUE.median(), rows=rows.count())
    earlier = ibis.window(group_by=[daily[column] for column in _TEST], order_by=daily.day, range=(-MEDIAN_DAYS, -1))
    running = daily.select(
        *_TEST, "day", median=daily.middle.median().over(earlier), rows=daily["rows"].sum().over(earlier)
    )
    return running.filter(running["rows"] >= LEAST_ROWS).select(*_TEST, "day", "median")


def measured(resultados: ir.Table) -> ir.Table:
    """Return the rows that hold a finite number."""
    value = resultados.VALUE
    return resultados.filter(value.notnull(), ~value.isnan(), ~value.isinf())


def day_of(time: ir.TimestampValue) -> ir.IntegerValue:
    """Return the day of a time, as a number that windows can count with: days since 1970."""
    return (time.epoch_seconds() // 86_400).cast("int32")
