"""Coverage: the days of which the falhas uploads tell, so that "no failure" can be said of them.

What belongs here: the period of each upload, and their union. What does not: what follows for a label (labels).
"""

from datetime import date

import ibis
import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import LakeTables


def upload_periods(lake: LakeTables) -> ir.Table:
    """Return the period of each merged falhas upload: as declared for its file name, else its own days.

    Its own days go from the first one at 00:00 to the last one at 24:00, since an export is made of whole days.

    Returns:
        upload, covered_from, covered_to (timestamps, from inclusive to exclusive); none for an upload without rows
        that nobody declared anything about.
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
    """Return the periods of which failures are known: the union of the uploads' periods.

    Periods that touch or overlap become one; a day between two uploads that no upload names stays a gap. Older exports
    have no S_GROUP_ID: they say nothing of a target that asks for failure groups, and do not count for it.

    Returns:
        covered_from, covered_to (timestamps, from inclusive to exclusive); disjoint, possibly empty.
    """
    periods = upload_periods(lake)
    if target is not None and target.failure_groups is not None:
        brought = lake.falhas.group_by("upload").aggregate(groups=lake.falhas.S_GROUP_ID.count())
        periods = periods.anti_join(brought.filter(brought.groups == 0), "upload")
    days = periods.select("covered_from", "covered_to").distinct()
    before = ibis.window(order_by=[days.covered_from, days.covered_to], preceding=(None, 1))
    seen = days.mutate(reached=days.covered_to.max().over(before))
    # A period that starts after everything before it has ended opens a new island; the running sum numbers them.
    opens = seen.mutate(opens=(seen.reached.isnull() | (seen.covered_from > seen.reached)).cast("int64"))
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
