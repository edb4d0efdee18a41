"""Labels: whether each vehicle failed after its prediction point, and whether that is known.

The falhas files contain only vehicles that failed. A vehicle without a falha is therefore known to be good only where
falhas uploads cover its complete horizon. The same rule applies to vehicles that did fail: if failures near the edge of
the coverage were kept and the others dropped, the failure rate there would be biased upwards.
"""

import ibis
import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import OUTCOMES, coverage
from failure_platform.domain.vehicles.lake_tables import LakeTables
from failure_platform.domain.vehicles.prediction_points import prediction_points

NOT_COVERED = "not covered"
HORIZON_NOT_OVER = "horizon not over"
DEFECT_NOT_PLACED = "a defect without hall or group"


def labels(lake: LakeTables, target: Target, covered: ir.Table | None = None) -> ir.Table:
    """Return every vehicle that reached its prediction point, with its label or the reason why there is none.

    label 1: a falha of the target with predicted_at < DATA <= predicted_at + horizon; 0: none. Known only where all
    days of [predicted_at, predicted_at + horizon] are covered; else NULL, with a reason: `horizon not over` while the
    horizon ends after the newest covered day (a later falhas upload will decide), `not covered` otherwise. A vehicle
    without such a falha, but with one that lacks the HALLE or S_GROUP_ID that would decide, has the reason `a defect
    without hall or group`. failure_group is the S_GROUP_ID of the first falha where the label is 1: part of the
    outcome, never a feature.

    Args:
        lake: the tables.
        target: what is predicted.
        covered: `coverage` of lake and target, if the caller has it already.

    Returns:
        KNR, predicted_at, label (int8), label_reason, failure_group (strings), thin (whether the label is 0 and a day
        of the horizon is covered thinly); one row per vehicle, unordered.
    """
    covered = coverage(lake, target) if covered is None else covered
    covered = covered.filter(covered.use == OUTCOMES)
    horizon = ibis.interval(seconds=int(target.horizon.total_seconds()))
    points = prediction_points(lake.status, target)
    horizons = points.mutate(until=points.predicted_at + horizon, day=points.predicted_at.date())
    newest = covered.aggregate(covered_until=covered.covered_to.max())
    inside = horizons.left_join(covered, "day").select(
        horizons,
        inside=(horizons.until <= covered.covered_to).fill_null(False),
        thinly=(covered.thin_from <= horizons.until.date()).fill_null(False),
    )
    with_newest = inside.cross_join(newest)
    failed, undecided = _failed(lake.falhas, horizons, target)
    joined = with_newest.left_join(failed, "KNR").select(
        with_newest, failed.failure_group, has_failed=failed.KNR.notnull()
    )
    joined = joined.left_join(undecided, "KNR").select(joined, decided=joined.has_failed | undecided.KNR.isnull())
    known = joined.inside & joined.decided
    label = ibis.cases((known, joined.has_failed.cast("int8")), else_=ibis.null("int8"))
    reason = ibis.cases(
        (known, ibis.null("string")),
        (joined.inside, DEFECT_NOT_PLACED),
        (joined.until > joined.covered_until, HORIZON_NOT_OVER),
        else_=NOT_COVERED,
    )
    return joined.select(
        "KNR",
        "predicted_at",
        label=label,
        label_reason=reason,
        failure_group=ibis.cases((known, joined.failure_group), else_=ibis.null("string")),
        thin=known & ~joined.has_failed & joined.thinly,
    )


def _failed(falhas: ir.Table, horizons: ir.Table, target: Target) -> tuple[ir.Table, ir.Table]:
    """Return the falhas inside the horizons, by KNR: those of the target, and those that may be of it.

    Returns:
        KNR, failure_group (that of the first falha of the target); and KNR of the vehicles with a falha that lacks what
        would say whether it is of the target. Both distinct.
    """
    timed = falhas.join(horizons, [falhas.KNR == horizons.KNR])
    timed = timed.filter(timed.predicted_at < timed.DATA, timed.until >= timed.DATA)
    conditions = []
    if target.halle:
        conditions.append(timed.HALLE.isin(target.halle))
    if target.failure_groups is not None:
        conditions.append(timed.S_GROUP_ID.isin(target.failure_groups))
    hits = timed.filter(*conditions) if conditions else timed
    first = hits.S_GROUP_ID.first(order_by=[hits.DATA, hits.S_GROUP_ID], include_null=True)
    # A condition on a missing value is NULL.
    possible = [condition.fill_null(True) for condition in conditions]
    undecided = timed.filter(*possible) if possible else timed
    return hits.group_by("KNR").aggregate(failure_group=first), undecided.select("KNR").distinct()
