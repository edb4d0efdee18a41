"""What was known of each vehicle before its prediction point, as Ibis expressions.

What belongs here: the features, each from rows with DATA strictly before predicted_at. What does not: what came
after (labels), how cells become a wide frame (wide), which features a model keeps (families).

Never a feature: an identifier, an upload, a row hash, a person, an absolute date. Durations and counts are safe.
"""

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import ibis
import ibis.expr.types as ir

from failure_platform.domain.labels import coverage, labels
from failure_platform.domain.lake_tables import LakeTables
from failure_platform.domain.targets import Target

OK, NOK = 10, 13
CHECKPOINTS = ("R750", "L540", "G700", "M600", "M620", "M700", "M710", "M720", "M800")
# The plant has about 900 series. The limit bounds the width of the frame when a dirty upload invents test names.
SERIES_LIMIT = 3000


@dataclass(frozen=True)
class Description:
    """Three expressions that together describe the vehicles of a target; run them on one and the same snapshot.

    Attributes:
        vehicles: vehicle (int32, position by predicted_at and KNR), KNR, predicted_at, label, label_reason,
            last_row_at (DATA of the newest row used, NULL where there was none).
        features: feature (int32, position by name), feature_name. (Not `name`: DuckDB would take it for NAME.)
        cells: vehicle, feature, value (double); only cells that exist, in no order. Up to vehicles x features rows:
            read it in batches.
    """

    vehicles: ir.Table
    features: ir.Table
    cells: ir.Table


def describe(lake: LakeTables, target: Target) -> Description:
    """Return the description of every vehicle that reached the target's prediction point."""
    labelled = labels(lake, target)
    in_order = ibis.window(order_by=[labelled.predicted_at, labelled.KNR])
    vehicles = labelled.mutate(vehicle=ibis.row_number().over(in_order).cast("int32"))
    points = vehicles.select("vehicle", "KNR", "predicted_at")
    results = _before(lake.resultados.select("KNR", "NAME", "ID", "STATUS", "VALUE_ID", "VALUE", "DATA"), points)
    events = _before(lake.status.select("KNR", "STATUS", "DATA"), points)
    defects = _before(lake.falhas.select("KNR", "HALLE", "S_GROUP_ID", "DATA"), points)

    measured = results.filter(results.VALUE.notnull(), ~results.VALUE.isnan(), ~results.VALUE.isinf())
    series = _series(measured)
    counted = reduce(
        lambda a, b: a.union(b),
        (
            _nok(results),
            _retested(results),
            _rows(results),
            _stages(events, points, target),
            _defects(defects, points, coverage(lake.uploads)),
        ),
    )
    names = series.select("feature_name").union(counted.select("feature_name").distinct())
    numbered = names.mutate(feature=ibis.row_number().over(ibis.window(order_by=names.feature_name)).cast("int32"))
    features = numbered.select("feature", "feature_name")
    small = counted.join(features, "feature_name").select("vehicle", "feature", "value")
    cells = _newest_values(measured, series.join(features, "feature_name")).union(small)
    newest = _newest_rows((results, events, defects))
    described = vehicles.left_join(newest, "vehicle").select(vehicles, newest.last_row_at)
    columns = ("vehicle", "KNR", "predicted_at", "label", "label_reason", "last_row_at")
    return Description(vehicles=described.select(*columns).order_by("vehicle"), features=features, cells=cells)


def _before(rows: ir.Table, points: ir.Table) -> ir.Table:
    """Return the rows of each vehicle that were known at its prediction point: the one place of the time rule."""
    timed = rows.join(points, "KNR")
    return timed.filter(timed.predicted_at > timed.DATA).drop("KNR", "predicted_at")


def _newest_rows(tables: tuple[ir.Table, ...]) -> ir.Table:
    """Return vehicle and last_row_at, the newest DATA over all given as-of tables."""
    newest = (table.group_by("vehicle").aggregate(newest=table.DATA.max()) for table in tables)
    every = reduce(lambda a, b: a.union(b), newest)
    return every.group_by("vehicle").aggregate(last_row_at=every.newest.max())


def _series(measured: ir.Table) -> ir.Table:
    """Return the numeric series worth a column, the most frequent first: ID, NAME, VALUE_ID, feature_name."""
    counts = measured.group_by(["ID", "NAME", "VALUE_ID"]).aggregate(n=measured.count())
    kept = counts.order_by([ibis.desc("n"), "ID", "NAME", "VALUE_ID"]).limit(SERIES_LIMIT)
    name = ibis.literal("value:") + kept.ID.cast("string") + ":" + kept.NAME + ":" + kept.VALUE_ID.cast("string")
    return kept.select("ID", "NAME", "VALUE_ID", feature_name=name)


def _newest_values(measured: ir.Table, series: ir.Table) -> ir.Table:
    """Return the newest value of each series per vehicle.

    (KNR, NAME, ID, VALUE_ID, DATA) is the natural key, so the newest row is one row and the value no accident.
    """
    cells = measured.join(series, ["ID", "NAME", "VALUE_ID"]).select("vehicle", "feature", "VALUE", "DATA")
    return cells.group_by(["vehicle", "feature"]).aggregate(value=cells.VALUE.argmax(cells.DATA))


def _named(rows: ir.Table, name: ir.Value, value: ir.Value) -> ir.Table:
    return rows.select("vehicle", feature_name=name, value=value.cast("float64"))


def _nok(results: ir.Table) -> ir.Table:
    """Count NOK verdicts per test, per test family, and in all.

    One tightening writes several rows of one time; they are one verdict, so times are counted, not rows.
    """
    bad = results.filter(results.STATUS == NOK)
    tests = bad.group_by(["vehicle", "ID", "NAME"]).aggregate(times=bad.DATA.nunique())
    families = tests.group_by(["vehicle", "ID"]).aggregate(times=tests.times.sum())
    every = families.group_by("vehicle").aggregate(times=families.times.sum())
    per_test = _named(tests, ibis.literal("nok:") + tests.ID.cast("string") + ":" + tests.NAME, tests.times)
    per_family = _named(families, ibis.literal("nok:") + families.ID.cast("string") + ":all", families.times)
    return per_test.union(per_family).union(_named(every, ibis.literal("nok:all:all"), every.times))


def _retested(results: ir.Table) -> ir.Table:
    """Count, per test family, the tests that were NOK and OK at a later time."""
    bad = results.filter(results.STATUS == NOK)
    first = bad.group_by(["vehicle", "ID", "NAME"]).aggregate(first_nok=bad.DATA.min())
    good = results.filter(results.STATUS == OK).join(first, ["vehicle", "ID", "NAME"])
    redone = good.filter(good.first_nok < good.DATA).select("vehicle", "ID", "NAME").distinct()
    tests = redone.group_by(["vehicle", "ID"]).aggregate(tests=redone.count())
    return _named(tests, ibis.literal("retested:") + tests.ID.cast("string"), tests.tests)


def _rows(results: ir.Table) -> ir.Table:
    """Count result rows per test family; a vehicle with fewer rows than usual is unfinished or skipped tests."""
    counts = results.group_by(["vehicle", "ID"]).aggregate(rows=results.count())
    return _named(counts, ibis.literal("rows:") + counts.ID.cast("string"), counts.rows)


def _stages(events: ir.Table, points: ir.Table, target: Target) -> ir.Table:
    """Measure hours between neighbouring checkpoints, and from the first event to the prediction point.

    A checkpoint stamped before the one it follows gives a negative time: it is what was written, and it is kept.
    """
    after = CHECKPOINTS.index(target.prediction_point) if target.prediction_point in CHECKPOINTS else None
    line = CHECKPOINTS[:after]
    here = points.select("vehicle", STATUS=ibis.literal(target.prediction_point), DATA=points.predicted_at)
    reached = events.filter(events.STATUS.isin(line)).select("vehicle", "STATUS", "DATA").union(here)
    wide = reached.group_by("vehicle").aggregate(
        **{code: reached.DATA.min(where=code == reached.STATUS) for code in (*line, target.prediction_point)}
    )
    begun = events.group_by("vehicle").aggregate(first=events.DATA.min())
    wide = wide.left_join(begun, "vehicle").select(wide, begun.first)
    codes = (*line, target.prediction_point)
    pairs = [*pairwise(codes), ("first", target.prediction_point)]
    stages = (
        _named(
            wide,
            ibis.literal(f"stage:{begin}:{end}"),
            (wide[end].epoch_seconds() - wide[begin].epoch_seconds()).cast("float64") / 3600.0,
        )
        for begin, end in pairs
    )
    every = reduce(lambda a, b: a.union(b), stages)
    return every.filter(every.value.notnull())


def _defects(defects: ir.Table, points: ir.Table, periods: ir.Table) -> ir.Table:
    """Count earlier defects in all, per HALLE and per failure group.

    Zero is written only for vehicles whose prediction point a falhas upload covers: elsewhere nobody knows.
    """
    known = points.join(
        periods, [points.predicted_at >= periods.covered_from, points.predicted_at < periods.covered_to]
    ).select("vehicle")
    names = (
        ibis.literal("defects:all:all"),
        ibis.literal("defects:HALLE:") + defects.HALLE,
        ibis.literal("defects:S_GROUP_ID:") + defects.S_GROUP_ID,
    )
    rows = reduce(lambda a, b: a.union(b), (defects.select("vehicle", feature_name=name) for name in names))
    rows = rows.filter(rows.feature_name.notnull())
    counts = rows.group_by(["vehicle", "feature_name"]).aggregate(n=rows.count())
    grid = known.cross_join(rows.select("feature_name").distinct())
    filled = grid.left_join(counts, ["vehicle", "feature_name"]).select(grid, counts.n)
    return _named(filled, filled.feature_name, filled.n.fill_null(0))
