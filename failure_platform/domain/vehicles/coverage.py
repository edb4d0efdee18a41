"""Coverage: the days on which falhas uploads would show a failure, so that no failure recorded means no failure.

A day is covered for a hall where an upload that counts for the hall reports it, unless the hall is silent for so many
rows of other halls that chance does not explain it.
"""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.evidence import ANY_HALL, SURPRISE, Evidence
from failure_platform.domain.vehicles.lake_tables import LakeTables

OUTCOMES, DEFECTS = "outcomes", "defects"
"""What days are covered for: the outcomes that a target asks for, and the defects of all halls."""


def coverage(lake: LakeTables, target: Target) -> ir.Table:
    """Return the days that are covered for every hall of the target (OUTCOMES), and for all halls together (DEFECTS).

    Uploads without S_GROUP_ID do not count for the outcomes of a target with failure groups.

    Returns:
        use (OUTCOMES or DEFECTS), day (date); covered_to (timestamp, exclusive), the end of the covered days in a row
        to which the day belongs; thin_from (date), the first day from it on that is thin for one of the halls, or NULL;
        distinct, possibly empty.
    """
    halls = tuple(dict.fromkeys(target.halle)) or (ANY_HALL,)
    wanted = _table_of([*((OUTCOMES, hall) for hall in halls), (DEFECTS, ANY_HALL)])
    by_hall = hall_days(Evidence(lake, target), wanted, groups_needed=target.failure_groups is not None)
    days = by_hall.group_by("use", "day").aggregate(halls=by_hall.count(), thin=by_hall.thin.any())
    return _with_ends(days.filter((days.use == DEFECTS) | (days.halls == len(halls))))


def hall_coverage(lake: LakeTables, target: Target, halls: Iterable[str]) -> ir.Table:
    """Return the days that are covered for each of some halls, for outcomes at the prediction points of a target.

    Returns:
        HALLE, day (date), thin; distinct.
    """
    return hall_days(Evidence(lake, target), _table_of((hall, hall) for hall in halls)).drop("use")


def hall_days(evidence: Evidence, wanted: ir.Table, *, groups_needed: bool = False) -> ir.Table:
    """Return the days that are covered for some halls (ANY_HALL: for all of them together).

    Days in a row without a row of the hall are not covered if that is less likely than 1 in 10,000, by the rows of
    other halls and by the vehicles that passed. They may be of several uploads, as of an export that is made every day.

    Args:
        evidence: what the uploads have.
        wanted: use, HALLE.
        groups_needed: whether uploads without S_GROUP_ID do not count for OUTCOMES.

    Returns:
        use, HALLE, day (date), thin (whether every upload that covers the day has no row of the hall, and too few
        others for that to tell); distinct.
    """
    judged = evidence.halls(wanted).join(evidence.stretches, "upload")
    declared = evidence.declared.cross_join(wanted)
    if groups_needed:
        judged, declared = (
            table.filter(table.use != OUTCOMES).union(
                table.filter(table.use == OUTCOMES).anti_join(evidence.without_groups, "upload")
            )
            for table in (judged, declared)
        )
    reported = _reported(evidence, judged, declared)
    days = reported.group_by("use", "HALLE", "day").aggregate(
        own=reported.own.max(),
        expected=reported.expected.max(),
        counts=reported.counts.any(),
        thin=reported.thin.all(where=reported.counts),
    )
    seen = (days.own > 0).cast("int64")
    upto = ibis.window(group_by=["use", "HALLE"], order_by=days.day, preceding=None, following=0)
    runs = days.mutate(seen=seen, run=seen.sum().over(upto))
    silent = runs.expected.sum(where=runs.seen == 0).over(ibis.window(group_by=["use", "HALLE", "run"]))
    runs = runs.mutate(silent=silent.fill_null(0.0))
    reliable = runs.filter(runs.counts & ((runs.seen == 1) | (runs.silent <= SURPRISE)))
    return reliable.select("use", "HALLE", "day", "thin")


def _reported(evidence: Evidence, judged: ir.Table, declared: ir.Table) -> ir.Table:
    """Return use, HALLE, day, own (rows of the hall), expected, counts, thin of every upload on each day it reports."""
    days = _each_day(judged)
    own = evidence.counts.select("upload", "HALLE", "day", own="vehicles")
    every = evidence.counts.filter(evidence.counts.HALLE == ANY_HALL).select("upload", "day", every="vehicles")
    days = days.left_join(own, ["upload", "HALLE", "day"]).select(days, own=own.own.fill_null(0))
    days = days.left_join(every, ["upload", "day"]).select(days, every=every.every.fill_null(0))
    passed = evidence.passed
    days = days.left_join(passed, "day").select(days, passed=passed.passed.fill_null(0))
    days = days.mutate(expected=ibis.least(days.share * days.every, days.rate * days.passed))
    # A declaration stands for rows of every hall.
    rows_of_all = _each_day(declared).mutate(
        own=ibis.literal(1, "int64"),
        expected=ibis.literal(0.0),
        counts=ibis.literal(True),
        thin=ibis.literal(False),
    )
    columns = ("use", "HALLE", "day", "own", "expected", "counts", "thin")
    return days.select(*columns).union(rows_of_all.select(*columns))


def _each_day(spans: ir.Table) -> ir.Table:
    """Return a row for each day of spans (first, last; both included) in the place of each span."""
    days = ibis.range(0, spans["last"].epoch_days() - spans["first"].epoch_days() + 1).unnest()
    each = spans.mutate(after=days)
    # DuckDB adds days to a date as to a timestamp, which Ibis takes for a date.
    day = (each["first"].cast("timestamp") + each.after.as_interval("D")).date()
    # `drop` of several columns names them in another order in every process, and the SQL is fingerprinted.
    kept = [name for name in spans.columns if name not in ("first", "last")]
    return each.select(*kept, day=day)


def _with_ends(days: ir.Table) -> ir.Table:
    """Add to the days of each use where the covered days in a row end, and which day is thin next."""
    numbered = days.mutate(row=ibis.row_number().over(ibis.window(group_by="use", order_by=days.day)))
    # Gaps and islands: days in a row have one difference between day and row number.
    islands = numbered.mutate(island=numbered.day.epoch_days() - numbered["row"])
    last = islands.day.max().over(ibis.window(group_by=["use", "island"]))
    from_here = ibis.window(group_by="use", order_by=islands.day, preceding=0, following=None)
    return islands.select(
        "use",
        "day",
        covered_to=last.cast("timestamp") + ibis.interval(days=1),
        thin_from=ibis.ifelse(islands.thin, islands.day, ibis.null("date")).min().over(from_here),
    )


def _table_of(wanted: Iterable[tuple[str, str]]) -> ir.Table:
    pairs = ibis.array([ibis.struct({"use": use, "HALLE": hall}) for use, hall in wanted]).unnest()
    return pairs.name("wanted").as_table().unpack("wanted")
