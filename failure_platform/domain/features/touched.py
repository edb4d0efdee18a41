"""Which vehicles must be described again after uploads came in, and which rows that needs.

What belongs here: the ways in which a row can reach a vehicle's description. What does not: describing them
(description), keeping the result (resources).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import together
from failure_platform.domain.features.names import FIRST_SUB_VALUE, MEDIAN_DAYS
from failure_platform.domain.features.values import day_of
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import coverage, upload_periods
from failure_platform.domain.vehicles.labels import prediction_points
from failure_platform.domain.vehicles.lake_tables import READ_KINDS, LakeTables


@dataclass(frozen=True)
class Basis:
    """What a vehicles table was, or would be, built from.

    Attributes:
        uploads: of every upload in the lake, when it was merged, as text.
        rules: what else decides about the content, each under its name: code, target, declared periods ...
    """

    uploads: Mapping[str, str]
    rules: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """What came since.

    Attributes:
        uploads: keys of the uploads that came in.
        whole: why all vehicles must be described anew; None where the vehicles that `uploads` touch will do.
    """

    uploads: tuple[str, ...] = ()
    whole: str | None = None


def changes(before: Basis | None, now: Basis) -> Changes:
    """Compare a table's basis with what it would be built from now.

    An upload that went leaves nothing behind that would tell its vehicles. One that was merged at another time came
    into another lake, built anew from the originals by today's rules.
    """
    if before is None:
        return Changes(whole="there was no table yet")
    names = sorted(before.rules.keys() | now.rules.keys())
    if other := [name for name in names if before.rules.get(name) != now.rules.get(name)]:
        return Changes(whole=f"of a change in: {', '.join(other)}")
    if gone := sorted(before.uploads.keys() - now.uploads.keys()):
        return Changes(whole=f"these uploads were withdrawn: {', '.join(gone)}")
    if again := sorted(key for key, at in before.uploads.items() if now.uploads[key] != at):
        return Changes(whole=f"these uploads were merged anew: {', '.join(again)}")
    return Changes(uploads=tuple(sorted(now.uploads.keys() - before.uploads.keys())))


def touched_vehicles(lake: LakeTables, target: Target, uploads: Sequence[str]) -> ir.Table:
    """Return the vehicles whose description may differ from what it was before these uploads were merged.

    Those are the vehicles of their rows (a row that one of them replaced had the same KNR); those that were measured
    within MEDIAN_DAYS days after a day on which the uploads have rows of the same test, since their running median
    moved; and those whose horizon meets the falhas uploads' periods, or is not over yet without them.

    An upload that was withdrawn leaves no trace in the tables: describe all vehicles then.

    Args:
        lake: the tables with these uploads in them.
        target: gives the prediction points and the horizon.
        uploads: ledger keys of merged uploads, of any kind.

    Returns:
        KNR, once each; also of vehicles that have no prediction point (any more).
    """
    tables: list[ir.Table] = [getattr(lake, kind) for kind in READ_KINDS]
    of_rows = (table.filter(table.upload.isin(uploads)).select("KNR") for table in tables)
    touched = together([*of_rows, _measured_after(lake.resultados, uploads), _told_of(lake, target, uploads)])
    return touched.filter(touched.KNR.notnull()).distinct()


def rows_needed(lake: LakeTables, touched: ir.Table) -> ir.Table:
    """Return between which times `description.describe` needs resultados to describe these vehicles.

    Returns:
        one row: first, last (timestamps, both included; NULL when there are no rows). A caller that knows them can
        narrow the table with literals, so that DuckDB never opens the row groups outside.
    """
    rows = lake.resultados.semi_join(touched, "KNR")
    return rows.aggregate(first=rows.DATA.min().truncate("D") - ibis.interval(days=MEDIAN_DAYS), last=rows.DATA.max())


def _measured_after(resultados: ir.Table, uploads: Sequence[str]) -> ir.Table:
    firsts = resultados.filter(resultados.VALUE_ID == FIRST_SUB_VALUE)
    firsts = firsts.select("KNR", "ID", "NAME", "upload", day=day_of(firsts.DATA))
    moved = firsts.filter(firsts.upload.isin(uploads)).select("ID", "NAME", "day").distinct()
    later = moved.cross_join(ibis.range(1, MEDIAN_DAYS + 1).unnest().name("after").as_table())
    later = later.select("ID", "NAME", day=(later.day + later.after).cast("int32")).distinct()
    return firsts.semi_join(later, ["ID", "NAME", "day"]).select("KNR")


def _told_of(lake: LakeTables, target: Target, uploads: Sequence[str]) -> ir.Table:
    periods = upload_periods(lake)
    new = periods.filter(periods.upload.isin(uploads))
    old = coverage(replace(lake, uploads=lake.uploads.filter(~lake.uploads.upload.isin(uploads))), target)
    told = new.aggregate(uploads=new.count()).cross_join(old.aggregate(until=old.covered_to.max()))
    points = prediction_points(lake.status, target)
    horizon = ibis.interval(seconds=int(target.horizon.total_seconds()))
    asked = points.mutate(ends=points.predicted_at + horizon)
    met = asked.join(new, [asked.predicted_at <= new.covered_to, asked.ends >= new.covered_from])
    waiting = asked.cross_join(told.filter(told.uploads > 0))
    waiting = waiting.filter(waiting.until.isnull() | (waiting.ends > waiting.until))
    return together([met.select("KNR"), waiting.select("KNR")])
