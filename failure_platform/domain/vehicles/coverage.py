"""Coverage: the days for which the falhas uploads are complete, so that no failure recorded means no failure."""

from datetime import date

import ibis
import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import LakeTables


def upload_periods(lake: LakeTables) -> ir.Table:
    """Return the period of each merged falhas upload: as declared for its file name, else its own days.

    Its own days are those from its first to its last DATA, both complete, since exports are made by day.

    Returns:
        upload, covered_from (inclusive), covered_to (exclusive; timestamps); no row for an upload without rows and
        without a declared period.
    """
    merged = lake.uploads.filter(lake.uploads.kind == "falhas", lake.uploads.state == "merged")
    declared = lake.declared_periods.items()
    first = _declared(merged, {name: first for name, (first, _) in declared}).fill_null(merged.first_data)
    last = _declared(merged, {name: last for name, (_, last) in declared}).fill_null(merged.last_data)
    periods = merged.select(
        "upload", covered_from=first.truncate("D"), covered_to=last.truncate("D") + ibis.interval(days=1)
    )
    return periods.filter(periods.covered_from.notnull(), periods.covered_to.notnull())


def coverage(lake: LakeTables, target: Target | None = None) -> ir.Table:
    """Return the periods for which failures are known: the union of the uploads' periods.

    Periods that touch or overlap are merged; a day that no upload covers stays a gap. Older exports have no S_GROUP_ID
    and do not count for a target with failure groups.

    Returns:
        covered_from (inclusive), covered_to (exclusive; timestamps); disjoint, possibly empty.
    """
    periods = upload_periods(lake)
    if target is not None and target.failure_groups is not None:
        groups = lake.falhas.group_by("upload").aggregate(groups=lake.falhas.S_GROUP_ID.count())
        periods = periods.anti_join(groups.filter(groups.groups == 0), "upload")
    days = periods.select("covered_from", "covered_to").distinct()
    before = ibis.window(order_by=[days.covered_from, days.covered_to], preceding=(None, 1))
    extended = days.mutate(reached=days.covered_to.max().over(before))
    # Gaps and islands: a period that starts after all previous ones have ended opens an island; the running sum numbers
    # them.
    opens = extended.mutate(
        opens=(extended.reached.isnull() | (extended.covered_from > extended.reached)).cast("int64")
    )
    upto = ibis.window(order_by=[opens.covered_from, opens.covered_to], preceding=None, following=0)
    islands = opens.mutate(island=opens.opens.sum().over(upto))
    united = islands.group_by("island").aggregate(
        covered_from=islands.covered_from.min(), covered_to=islands.covered_to.max()
    )
    return united.select("covered_from", "covered_to")


def _declared(uploads: ir.Table, by_name: dict[str, date]) -> ir.TimestampValue:
    nothing = ibis.null("timestamp")
    if not by_name:
        return nothing
    days = ((uploads["name"] == name, ibis.literal(day).cast("timestamp")) for name, day in by_name.items())
    return ibis.cases(*days, else_=nothing)
