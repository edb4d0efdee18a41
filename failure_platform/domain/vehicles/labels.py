"""Labels: the prediction point of each vehicle, whether it failed afterwards, and whether that is known.

The falhas files contain only vehicles that failed. A vehicle without a falha is therefore known to be good only where
falhas uploads cover its complete horizon. The same rule applies to vehicles that did fail: if failures near the edge of
the coverage were kept and the others dropped, the failure rate there would be biased upwards.
"""

from functools import reduce

import ibis
import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import coverage
from failure_platform.domain.vehicles.lake_tables import LakeTables

NOT_COVERED = "not covered"
HORIZON_NOT_OVER = "horizon not over"


def prediction_points(status: ir.Table, target: Target) -> ir.Table:
    """Return the prediction time of each vehicle: its FIRST status row with the target's code.

    A prediction is made at the first pass; for a vehicle that passes the checkpoint again after rework, a later time
    would let in what became known in between. A vehicle without the code has no row.

    Returns:
        KNR, predicted_at (timestamp); one row per vehicle.
    """
    reached = status.filter(target.prediction_point == status.STATUS, status.KNR.notnull(), status.DATA.notnull())
    return reached.group_by("KNR").aggregate(predicted_at=reached.DATA.min())


def vehicles_without_prediction_point(lake: LakeTables, target: Target) -> ir.Table:
    """Count the KNR in the lake that never reached the prediction point; they have no label and no features.

    Returns:
        one row: vehicles, and reached_later, the number of them with a status of a later checkpoint of the line: these
        passed, and their stamp is missing. The others are unfinished. (0 if the prediction point is not on the line.)
    """
    tables = (lake.resultados, lake.falhas, lake.status)
    known = reduce(lambda a, b: a.union(b), [table.select("KNR").distinct() for table in tables]).distinct()
    missing = known.filter(known.KNR.notnull()).anti_join(prediction_points(lake.status, target), "KNR")
    later = lake.status.filter(lake.status.STATUS.isin(target.line_after)).select("KNR").distinct()
    found = missing.left_join(later, "KNR").select(missing.KNR, later=later.KNR.notnull())
    return found.aggregate(vehicles=found.count(), reached_later=found.count(where=found.later))


def labels(lake: LakeTables, target: Target) -> ir.Table:
    """Return every vehicle that reached its prediction point, with its label or the reason why there is none.

    label 1: a falha of the target with predicted_at < DATA <= predicted_at + horizon; 0: none. Known only where one
    covered period contains [predicted_at, predicted_at + horizon]; else NULL, with a reason: `horizon not over` while
    the horizon ends after the newest covered day (a later falhas upload will decide), `not covered` otherwise.
    failure_group is the S_GROUP_ID of the first such falha where the label is 1: part of the outcome, never a feature.

    Returns:
        KNR, predicted_at, label (int8), label_reason, failure_group (strings); one row per vehicle, unordered.
    """
    horizon = ibis.interval(seconds=int(target.horizon.total_seconds()))
    points = prediction_points(lake.status, target)
    horizons = points.mutate(until=points.predicted_at + horizon)
    periods = coverage(lake, target)
    newest = periods.aggregate(covered_until=periods.covered_to.max())
    inside = horizons.left_join(
        periods, [horizons.predicted_at >= periods.covered_from, horizons.until <= periods.covered_to]
    ).select(horizons.KNR, horizons.predicted_at, horizons.until, known=periods.covered_from.notnull())
    with_newest = inside.cross_join(newest)
    failed = _failed(lake.falhas, horizons, target)
    joined = with_newest.left_join(failed, "KNR").select(
        with_newest, failed.failure_group, has_failed=failed.KNR.notnull()
    )
    label = ibis.cases((joined.known, joined.has_failed.cast("int8")), else_=ibis.null("int8"))
    reason = ibis.cases(
        (joined.known, ibis.null("string")),
        (joined.until > joined.covered_until, HORIZON_NOT_OVER),
        else_=NOT_COVERED,
    )
    group = ibis.cases((joined.known, joined.failure_group), else_=ibis.null("string"))
    return joined.select("KNR", "predicted_at", label=label, label_reason=reason, failure_group=group)


def _failed(falhas: ir.Table, horizons: ir.Table, target: Target) -> ir.Table:
    """Return the distinct KNR with a falha of the target inside its horizon, and the failure group of the first."""
    counts = falhas.filter(falhas.HALLE.isin(target.halle)) if target.halle else falhas
    if target.failure_groups is not None:
        counts = counts.filter(counts.S_GROUP_ID.isin(target.failure_groups))
    timed = counts.join(horizons, [counts.KNR == horizons.KNR])
    hits = timed.filter(timed.predicted_at < timed.DATA, timed.until >= timed.DATA)
    first = hits.S_GROUP_ID.first(order_by=[hits.DATA, hits.S_GROUP_ID], include_null=True)
    return hits.group_by("KNR").aggregate(failure_group=first)
