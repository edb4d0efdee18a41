"""Labels: when each vehicle is asked about, whether it failed afterwards, and whether that can be known.

What belongs here: prediction point, label and the reason of an unknown one, all as Ibis expressions. What does not:
which days the uploads tell of (coverage), what was known of a vehicle before its prediction point (features).

The falhas files name only vehicles that failed. "No failure" can therefore be said only where falhas uploads cover
the vehicle's whole horizon, and the same rule holds for a vehicle that did fail: were failures near the edge of the
coverage kept and non-failures dropped, the edge would look full of failures.
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
    """Return the time each vehicle is asked about: its FIRST status row with the target's code.

    The first, because that is when the question arises; a vehicle that passes the checkpoint again after rework
    would otherwise bring what was learnt in between. A vehicle without the code gets no row.

    Returns:
        KNR, predicted_at (timestamp); one row per vehicle.
    """
    reached = status.filter(target.prediction_point == status.STATUS, status.KNR.notnull(), status.DATA.notnull())
    return reached.group_by("KNR").aggregate(predicted_at=reached.DATA.min())


def vehicles_without_prediction_point(lake: LakeTables, target: Target) -> ir.Table:
    """Return how many KNR the lake knows that never reached the prediction point; they are left out and counted.

    Returns:
        one row: vehicles, and reached_later, those of them with a status of a later checkpoint of the line: they did
        pass, and their stamp is missing. The others are unfinished. (0 where the prediction point is no checkpoint.)
    """
    tables = (lake.resultados, lake.falhas, lake.status)
    known = reduce(lambda a, b: a.union(b), [table.select("KNR").distinct() for table in tables]).distinct()
    missing = known.filter(known.KNR.notnull()).anti_join(prediction_points(lake.status, target), "KNR")
    later = lake.status.filter(lake.status.STATUS.isin(target.line_after)).select("KNR").distinct()
    told = missing.left_join(later, "KNR").select(missing.KNR, later=later.KNR.notnull())
    return told.aggregate(vehicles=told.count(), reached_later=told.count(where=told.later))


def labels(lake: LakeTables, target: Target) -> ir.Table:
    """Return every vehicle that reached its prediction point, with its label or the reason why there is none.

    label 1: a falha of the target with predicted_at < DATA <= predicted_at + horizon; 0: none. Known only where
    [predicted_at, predicted_at + horizon] lies inside one covered period; else NULL, with a reason:
    `horizon not over` while the horizon reaches past the newest covered day (a later falhas upload will tell),
    `not covered` otherwise. failure_group is the S_GROUP_ID of the first such falha where the label is 1: a part of
    the outcome, never to be used as a feature.

    Returns:
        KNR, predicted_at, label (int8), label_reason, failure_group (strings); one row per vehicle, in no order.
    """
    horizon = ibis.interval(seconds=int(target.horizon.total_seconds()))
    points = prediction_points(lake.status, target)
    asked = points.mutate(until=points.predicted_at + horizon)
    periods = coverage(lake, target)
    newest = periods.aggregate(covered_until=periods.covered_to.max())
    inside = asked.left_join(
        periods, [asked.predicted_at >= periods.covered_from, asked.until <= periods.covered_to]
    ).select(asked.KNR, asked.predicted_at, asked.until, known=periods.covered_from.notnull())
    judged = inside.cross_join(newest)
    failed = _failed(lake.falhas, asked, target)
    joined = judged.left_join(failed, "KNR").select(judged, failed.failure_group, has_failed=failed.KNR.notnull())
    label = ibis.cases((joined.known, joined.has_failed.cast("int8")), else_=ibis.null("int8"))
    reason = ibis.cases(
        (joined.known, ibis.null("string")),
        (joined.until > joined.covered_until, HORIZON_NOT_OVER),
        else_=NOT_COVERED,
    )
    group = ibis.cases((joined.known, joined.failure_group), else_=ibis.null("string"))
    return joined.select("KNR", "predicted_at", label=label, label_reason=reason, failure_group=group)


def _failed(falhas: ir.Table, asked: ir.Table, target: Target) -> ir.Table:
    """Return the KNR with a falha of the target inside its horizon, once each, and the failure group of the first."""
    counts = falhas.filter(falhas.HALLE.isin(target.halle)) if target.halle else falhas
    if target.failure_groups is not None:
        counts = counts.filter(counts.S_GROUP_ID.isin(target.failure_groups))
    timed = counts.join(asked, [counts.KNR == asked.KNR])
    hits = timed.filter(timed.predicted_at < timed.DATA, timed.until >= timed.DATA)
    first = hits.S_GROUP_ID.first(order_by=[hits.DATA, hits.S_GROUP_ID], include_null=True)
    return hits.group_by("KNR").aggregate(failure_group=first)
