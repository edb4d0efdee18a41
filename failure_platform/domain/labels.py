"""Labels: when each vehicle is asked about, whether it failed afterwards, and whether that can be known.

What belongs here: prediction point, coverage by falhas uploads, label and the reason of an unknown one, all as Ibis
expressions. What does not: what was known of a vehicle before its prediction point (features).

The falhas files name only vehicles that failed. "No failure" can therefore be said only where a falhas upload covers
the vehicle's whole horizon, and the same rule holds for a vehicle that did fail: were failures near the edge of the
coverage kept and non-failures dropped, the edge would look full of failures.
"""

from functools import reduce

import ibis
import ibis.expr.types as ir

from failure_platform.domain.lake_tables import LakeTables
from failure_platform.domain.targets import Target

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
    """Return one row, `vehicles`: how many KNR the lake knows that never reached the prediction point."""
    tables = (lake.resultados, lake.falhas, lake.status)
    known = reduce(lambda a, b: a.union(b), [table.select("KNR").distinct() for table in tables]).distinct()
    missing = known.filter(known.KNR.notnull()).anti_join(prediction_points(lake.status, target), "KNR")
    return missing.aggregate(vehicles=missing.count())


def coverage(uploads: ir.Table) -> ir.Table:
    """Return the periods for which failures are known: the union of the periods of the merged falhas uploads.

    An upload covers its first day from 00:00 to its last day at 24:00, since an export is made of whole days.
    Periods that touch or overlap become one; a day between two uploads that no upload names stays a gap.

    Returns:
        covered_from, covered_to (timestamps, from inclusive to exclusive); disjoint, possibly empty.
    """
    merged = uploads.filter(
        uploads.kind == "falhas", uploads.state == "merged", uploads.first_data.notnull(), uploads.last_data.notnull()
    )
    days = merged.select(
        covered_from=merged.first_data.truncate("D"), covered_to=merged.last_data.truncate("D") + ibis.interval(days=1)
    ).distinct()
    before = ibis.window(order_by=[days.covered_from, days.covered_to], preceding=(None, 1))
    seen = days.mutate(reached=days.covered_to.max().over(before))
    # A period that starts after everything before it has ended opens a new island; the running sum numbers them.
    opens = seen.mutate(opens=(seen.reached.isnull() | (seen.covered_from > seen.reached)).cast("int64"))
    upto = ibis.window(order_by=[opens.covered_from, opens.covered_to], preceding=None, following=0)
    islands = opens.mutate(island=opens.opens.sum().over(upto))
    periods = islands.group_by("island").aggregate(
        covered_from=islands.covered_from.min(), covered_to=islands.covered_to.max()
    )
    return periods.select("covered_from", "covered_to")


def labels(lake: LakeTables, target: Target) -> ir.Table:
    """Return every vehicle that reached its prediction point, with its label or the reason why there is none.

    label 1: a falha of the target with predicted_at < DATA <= predicted_at + horizon; 0: none. Known only where
    [predicted_at, predicted_at + horizon] lies inside one covered period; else NULL, with a reason:
    `horizon not over` while the horizon reaches past the newest covered day (a later falhas upload will tell),
    `not covered` otherwise.

    Returns:
        KNR, predicted_at, label (int8), label_reason (string); one row per vehicle, in no particular order.
    """
    horizon = ibis.interval(seconds=int(target.horizon.total_seconds()))
    points = prediction_points(lake.status, target)
    asked = points.mutate(until=points.predicted_at + horizon)
    periods = coverage(lake.uploads)
    newest = periods.aggregate(covered_until=periods.covered_to.max())
    inside = asked.left_join(
        periods, [asked.predicted_at >= periods.covered_from, asked.until <= periods.covered_to]
    ).select(asked.KNR, asked.predicted_at, asked.until, known=periods.covered_from.notnull())
    judged = inside.cross_join(newest)
    failed = _failed(lake.falhas, asked, target)
    joined = judged.left_join(failed, "KNR").select(judged, has_failed=failed.KNR.notnull())
    label = ibis.cases((joined.known, joined.has_failed.cast("int8")), else_=ibis.null("int8"))
    reason = ibis.cases(
        (joined.known, ibis.null("string")),
        (joined.until > joined.covered_until, HORIZON_NOT_OVER),
        else_=NOT_COVERED,
    )
    return joined.select("KNR", "predicted_at", label=label, label_reason=reason)


def _failed(falhas: ir.Table, asked: ir.Table, target: Target) -> ir.Table:
    """Return the KNR with a falha of the target inside its horizon, once each."""
    counts = falhas.filter(falhas.HALLE.isin(target.halle))
    if target.failure_groups is not None:
        counts = counts.filter(counts.S_GROUP_ID.isin(target.failure_groups))
    timed = counts.join(asked, [counts.KNR == asked.KNR])
    hits = timed.filter(timed.predicted_at < timed.DATA, timed.until >= timed.DATA)
    return hits.select("KNR").distinct()
