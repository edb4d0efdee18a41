"""Features of measured values: the newest value of each series, its distance from the running median, its spread.

A series is a sub-value of a test: ID, NAME, VALUE_ID; the plant has about 900. Distance and spread exist only for the
first sub-value of each test (about 290), for example the first torque of a screw.
"""

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import as_cells, known_at_prediction, name_part, union_all
from failure_platform.domain.features.names import FAMILIES, FIRST_SUB_VALUE, MEDIAN_DAYS

MIN_ROWS = 20
"""A median of fewer rows is mostly noise."""

_TEST = ("ID", "NAME")
_SERIES = ("ID", "NAME", "VALUE_ID")


def running_medians(resultados: ir.Table) -> ir.Table:
    """Return, per test and day with rows, the median of the daily medians of the MEDIAN_DAYS days before that day.

    Only rows of these days count, of any vehicle, so the median is final once their uploads are merged. It follows a
    slow drift and is robust to single outliers. All days have the same weight, whatever their number of vehicles.

    Args:
        resultados: the lake table, or a part of it that holds complete days and the MEDIAN_DAYS days before each.

    Returns:
        ID, NAME, day (days since 1970), median (unit of the test); no row where these days have fewer than MIN_ROWS
        rows.
    """
    rows = measured(resultados).filter(resultados.VALUE_ID == FIRST_SUB_VALUE)
    daily = rows.group_by(*_TEST, day=day_of(rows.DATA)).aggregate(middle=rows.VALUE.median(), rows=rows.count())
    earlier = ibis.window(group_by=[daily[column] for column in _TEST], order_by=daily.day, range=(-MEDIAN_DAYS, -1))
    running = daily.select(
        *_TEST, "day", median=daily.middle.median().over(earlier), rows=daily["rows"].sum().over(earlier)
    )
    return running.filter(running["rows"] >= MIN_ROWS).select(*_TEST, "day", "median")


def measured(resultados: ir.Table) -> ir.Table:
    """Return the rows with a finite value."""
    value = resultados.VALUE
    return resultados.filter(value.notnull(), ~value.isnan(), ~value.isinf())


def day_of(time: ir.TimestampValue) -> ir.IntegerValue:
    """Return the day of a time as days since 1970, which range windows need."""
    return (time.epoch_seconds() // 86_400).cast("int32")


def known_series(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return the most frequent series, up to the limit of columns.

    Returns:
        ID, NAME, VALUE_ID, leading (whether it has a distance and a spread), series (`<ID>:<NAME>:<VALUE_ID>`).
    """
    rows = known_at_prediction(measured(resultados).select("KNR", *_SERIES, "DATA"), points)
    counts = rows.group_by(*_SERIES).aggregate(n=rows.count(), first=rows.VALUE_ID.min() == FIRST_SUB_VALUE)
    frequent = [ibis.desc(counts.n), *(counts[column] for column in _SERIES)]
    ranked = counts.mutate(
        rank=ibis.row_number().over(order_by=frequent),
        rank_of_its_kind=ibis.row_number().over(group_by=counts["first"], order_by=frequent),
    )
    kept = ranked.filter(ranked["rank"] < FAMILIES["value"].max_columns)
    return kept.select(
        *_SERIES,
        leading=kept["first"] & (kept.rank_of_its_kind < FAMILIES["distance"].max_columns),
        series=series_name(kept),
    )


def series_name(series: ir.Table) -> ir.StringValue:
    """Return `<ID>:<NAME>:<VALUE_ID>` of each row, as in feature names."""
    return series.ID.cast("string") + ":" + name_part(series.NAME) + ":" + series.VALUE_ID.cast("string")


def value_names(series: ir.Table) -> ir.Table:
    """Return feature_name of every feature of these series."""
    leading = series.filter(series.leading)
    return union_all(
        [
            series.select(feature_name="value:" + series.series),
            leading.select(feature_name="distance:" + leading.series),
            leading.select(feature_name="spread:" + leading.series),
            leading.select(feature_name="again:" + leading.ID.cast("string")).distinct(),
        ]
    )


def newest_values(resultados: ir.Table, points: ir.Table, series: ir.Table, features: ir.Table) -> ir.Table:
    """Return cells (vehicle, feature, value) of the series that have only the newest value as a feature.

    (KNR, NAME, ID, VALUE_ID, DATA) is the natural key, so the newest row is unique and the value is deterministic.
    """
    rows = _rows(resultados, points, _with_number(series.filter(~series.leading), features, "value"))
    return rows.group_by("vehicle", "feature").aggregate(value=rows.VALUE.argmax(rows.DATA))


def valueless_cells(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return a cell of 1, family recorded, for each series that a vehicle has a row of without a finite value."""
    rows = resultados.select("KNR", *_SERIES, "VALUE", "DATA")
    rows = rows.filter(rows.VALUE.isnull() | rows.VALUE.isnan() | rows.VALUE.isinf())
    rows = known_at_prediction(rows.drop("VALUE"), points).select("vehicle", *_SERIES).distinct()
    return as_cells(rows, "recorded:" + series_name(rows), ibis.literal(1))


def leading_values(resultados: ir.Table, points: ir.Table, series: ir.Table, features: ir.Table) -> ir.Table:
    """Return the statistics of each vehicle in each leading series.

    Returns:
        vehicle, feature (of its newest value), value (newest), day (of the newest value), spread, times.
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
        leading: the result of `leading_values`.
        series: the result of `known_series`.
        features: feature, feature_name.
        medians: the result of `running_medians`.
    """
    known = _with_number(series.filter(series.leading), features, "value")
    reference = medians.join(
        known.join(_with_number(series, features, "distance", "distance"), _SERIES), ["ID", "NAME"]
    ).select("feature", "day", "distance", "median")
    compared = leading.join(reference, ["feature", "day"])
    varied = leading.filter(leading.spread > 0).join(
        known.join(_with_number(series, features, "spread", "varied"), _SERIES).select("feature", "varied"), "feature"
    )
    tests = known.mutate(feature_name="again:" + known.ID.cast("string")).join(features, "feature_name")
    tests = tests.select("feature", family=tests.feature_right)
    repeated = leading.filter(leading.times > 1).join(tests, "feature")
    again = repeated.group_by("vehicle", "family").aggregate(value=(repeated.times - 1).sum().cast("float64"))
    return union_all(
        [
            leading.select("vehicle", "feature", "value"),
            compared.select("vehicle", feature=compared.distance, value=compared.value - compared["median"]),
            varied.select("vehicle", feature=varied.varied, value=varied.spread),
            again.select("vehicle", feature=again.family, value=again.value),
        ]
    )


def _rows(resultados: ir.Table, points: ir.Table, numbered: ir.Table) -> ir.Table:
    known = known_at_prediction(measured(resultados).select("KNR", *_SERIES, "VALUE", "DATA"), points)
    return known.join(numbered, _SERIES).select("vehicle", "feature", "VALUE", "DATA")


def _with_number(series: ir.Table, features: ir.Table, family: str, name: str = "feature") -> ir.Table:
    """Return ID, NAME, VALUE_ID and, in a column `name`, the number of each series' feature of a family."""
    named = series.select(*_SERIES, feature_name=f"{family}:" + series.series)
    return named.join(features, "feature_name").select(*_SERIES, **{name: features.feature})
