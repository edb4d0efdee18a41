"""What was measured: the newest value of each series, and of a test's first sub-value also how it varied.

What belongs here: which series get columns, and the cells of the families value, distance, spread and again. What does
not: the medians that distances are measured from (medians).

A series is a test's sub-value: ID, NAME, VALUE_ID; the plant has about 900. Distance and spread are given for the first
sub-value of each test only (about 290): of a screw, its first torque.
"""

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import before, code, together
from failure_platform.domain.features.names import FAMILIES, FIRST_SUB_VALUE, MEDIAN_DAYS

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


_SERIES = ("ID", "NAME", "VALUE_ID")


def series_known(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return the series worth a column, the most frequent first.

    Returns:
        ID, NAME, VALUE_ID, leading (whether it has a distance and a spread), series (`<ID>:<NAME>:<VALUE_ID>`).
    """
    rows = before(measured(resultados).select("KNR", *_SERIES, "DATA"), points)
    counts = rows.group_by(*_SERIES).aggregate(n=rows.count(), first=rows.VALUE_ID.min() == FIRST_SUB_VALUE)
    frequent = [ibis.desc(counts.n), *(counts[column] for column in _SERIES)]
    ranked = counts.mutate(
        rank=ibis.row_number().over(order_by=frequent),
        rank_of_its_kind=ibis.row_number().over(group_by=counts["first"], order_by=frequent),
    )
    kept = ranked.filter(ranked["rank"] < FAMILIES["value"].most)
    return kept.select(
        *_SERIES,
        leading=kept["first"] & (kept.rank_of_its_kind < FAMILIES["distance"].most),
        series=kept.ID.cast("string") + ":" + code(kept.NAME) + ":" + kept.VALUE_ID.cast("string"),
    )


def value_names(series: ir.Table) -> ir.Table:
    """Return feature_name of every feature that these series can have."""
    leading = series.filter(series.leading)
    return together(
        [
            series.select(feature_name="value:" + series.series),
            leading.select(feature_name="distance:" + leading.series),
            leading.select(feature_name="spread:" + leading.series),
            leading.select(feature_name="again:" + leading.ID.cast("string")).distinct(),
        ]
    )


def newest_values(resultados: ir.Table, points: ir.Table, series: ir.Table, features: ir.Table) -> ir.Table:
    """Return cells (vehicle, feature, value) of the series that have nothing but their newest value.

    (KNR, NAME, ID, VALUE_ID, DATA) is the natural key, so the newest row is one row and the value no accident.
    """
    rows = _rows(resultados, points, _with_number(series.filter(~series.leading), features, "value"))
    return rows.group_by("vehicle", "feature").aggregate(value=rows.VALUE.argmax(rows.DATA))


def leading_values(resultados: ir.Table, points: ir.Table, series: ir.Table, features: ir.Table) -> ir.Table:
    """Return what a vehicle measured in each leading series.

    Returns:
        vehicle, feature (of its newest value), value, day (of the newest value), spread, times.
    """
    firsts = resultados.filter(resultados.VALUE_ID == FIRST_SUB_VALUE)
    rows = _rows(firsts, points, _with_number(series.filter(series.leading), features, "value"))
    return rows.group_by("vehicle", "feature").aggregate(
        value=rows.VALUE.argmax(rows.DATA),
        day=day_of(rows.DATA.max()),
        spread=rows.VALUE.max() - rows.VALUE.min(),
        times=rows.count(),
    )


def leading_cells(leading: ir.Table, series: ir.Table, features: ir.Table, medians: ir.Table) -> ir.Table:
    """Return cells (vehicle, feature, value) of the families value, distance, spread and again.

    Args:
        leading: what `leading_values` gives.
        series: what `series_known` gives.
        features: feature, feature_name.
        medians: what `medians.running_medians` gives.
    """
    known = _with_number(series.filter(series.leading), features, "value")
    usual = medians.join(
        known.join(_with_number(series, features, "distance", "distance"), _SERIES), ["ID", "NAME"]
    ).select("feature", "day", "distance", "median")
    compared = leading.join(usual, ["feature", "day"])
    varied = leading.filter(leading.spread > 0).join(
        known.join(_with_number(series, features, "spread", "varied"), _SERIES).select("feature", "varied"), "feature"
    )
    tests = known.mutate(feature_name="again:" + known.ID.cast("string")).join(features, "feature_name")
    tests = tests.select("feature", family=tests.feature_right)
    repeated = leading.filter(leading.times > 1).join(tests, "feature")
    again = repeated.group_by("vehicle", "family").aggregate(value=(repeated.times - 1).sum().cast("float64"))
    return together(
        [
            leading.select("vehicle", "feature", "value"),
            compared.select("vehicle", feature=compared.distance, value=compared.value - compared["median"]),
            varied.select("vehicle", feature=varied.varied, value=varied.spread),
            again.select("vehicle", feature=again.family, value=again.value),
        ]
    )


def _rows(resultados: ir.Table, points: ir.Table, numbered: ir.Table) -> ir.Table:
    known = before(measured(resultados).select("KNR", *_SERIES, "VALUE", "DATA"), points)
    return known.join(numbered, _SERIES).select("vehicle", "feature", "VALUE", "DATA")


def _with_number(series: ir.Table, features: ir.Table, family: str, name: str = "feature") -> ir.Table:
    """Return ID, NAME, VALUE_ID and the number of each series' feature of that family, in a column of that name."""
    called = series.select(*_SERIES, feature_name=f"{family}:" + series.series)
    return called.join(features, "feature_name").select(*_SERIES, **{name: features.feature})
