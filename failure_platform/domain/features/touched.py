"""Finds the vehicles that must be described again after uploads were merged, and the rows that this needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import union_all
from failure_platform.domain.features.names import FIRST_SUB_VALUE, MEDIAN_DAYS
from failure_platform.domain.features.values import day_of
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import coverage, upload_periods
from failure_platform.domain.vehicles.labels import prediction_points
from failure_platform.domain.vehicles.lake_tables import READ_KINDS, LakeTables


@dataclass(frozen=True)
class Basis:
    """The inputs from which a vehicles table was, or would be, built.

    Attributes:
        uploads: when each upload in the lake was merged, as text, by upload.
        rules: everything else that determines the content, by name: code, target, declared periods ...
    """

    uploads: Mapping[str, str]
    rules: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """What changed since a vehicles table was built.

    Attributes:
        uploads: keys of the uploads that were merged since.
        rebuild_reason: why all vehicles must be described again; None where those that `uploads` touch are enough.
    """

    uploads: tuple[str, ...] = ()
    rebuild_reason: str | None = None


def changes(before: Basis | None, now: Basis) -> Changes:
    """Compare the basis of a table with the current one.

    A withdrawn upload leaves no trace of its vehicles, so all are described again. An upload that was merged at another
    time belongs to a lake that was rebuilt from the originals, by the current rules.
    """
    if before is None:
        return Changes(rebuild_reason="there was no table yet")
    names = sorted(before.rules.keys() | now.rules.keys())
    if other := [name for name in names if before.rules.get(name) != now.rules.get(name)]:
        return Changes(rebuild_reason=f"of a change in: {', '.join(other)}")
    if gone := sorted(before.uploads.keys() - now.uploads.keys()):
        return Changes(rebuild_reason=f"these uploads were withdrawn: {', '.join(gone)}")
    if again := sorted(key for key, at in before.uploads.items() if now.uploads[key] != at):
        return Changes(rebuild_reason=f"these uploads were merged again: {', '.join(again)}")
    return Changes(uploads=tuple(sorted(now.uploads.keys() - before.uploads.keys())))


def touched_vehicles(lake: LakeTables, target: Target, uploads: Sequence[str]) -> ir.Table:
    """Return the vehicles whose description may have changed when these uploads were merged.

    These are the vehicles of their rows (a row that one of them replaced had the same KNR); those that were measured
    within MEDIAN_DAYS days after a day on which the uploads have rows of the same test, since their running median
    changed; and those whose horizon overlaps the periods of the falhas uploads, or was not over without them.

    A withdrawn upload leaves no trace in the tables: describe all vehicles then.

    Args:
        lake: the tables with these uploads in them.
        target: gives the prediction points and the horizon.
        uploads: ledger keys of merged uploads, of any kind.

    Returns:
        KNR, distinct; also of vehicles that have no prediction point (any more).
    """
    tables: list[ir.Table] = [getattr(lake, kind) for kind in READ_KINDS]
    of_rows = (table.filter(table.upload.isin(uploads)).select("KNR") for table in tables)
    touched = union_all([*of_rows, _measured_after(lake.resultados, uploads), _covered(lake, target, uploads)])
    return touched.filter(touched.KNR.notnull()).distinct()


def rows_needed(lake: LakeTables, selected: ir.Table) -> ir.Table:
    """Return the time range of the resultados that `describe` reads for the selected vehicles (KNR).

    Returns:
        one row: first, last (timestamps, both included; NULL without rows). With these as literals in a filter, DuckDB
        skips the row groups outside.
    """
    rows = lake.resultados.semi_join(selected, "KNR")
    return rows.aggregate(first=rows.DATA.min().truncate("D") - ibis.interval(days=MEDIAN_DAYS), last=rows.DATA.max())


def _measured_after(resultados: ir.Table, uploads: Sequence[str]) -> ir.Table:
    """Return the KNR of vehicles whose running medians the uploads change."""
    firsts = resultados.filter(resultados.VALUE_ID == FIRST_SUB_VALUE)
    firsts = firsts.select("KNR", "ID", "NAME", "upload", day=day_of(firsts.DATA))
    changed = firsts.filter(firsts.upload.isin(uploads)).select("ID", "NAME", "day").distinct()
    later = changed.cross_join(ibis.range(1, MEDIAN_DAYS + 1).unnest().name("after").as_table())
    later = later.select("ID", "NAME", day=(later.day + later.after).cast("int32")).distinct()
    return firsts.semi_join(later, ["ID", "NAME", "day"]).select("KNR")


def _covered(lake: LakeTables, target: Target, uploads: Sequence[str]) -> ir.Table:
    """Return the KNR of vehicles whose label the periods of falhas uploads can change."""
    periods = upload_periods(lake)
    new = periods.filter(periods.upload.isin(uploads))
    old = coverage(replace(lake, uploads=lake.uploads.filter(~lake.uploads.upload.isin(uploads))), target)
    extent = new.aggregate(uploads=new.count()).cross_join(old.aggregate(until=old.covered_to.max()))
    points = prediction_points(lake.status, target)
    horizon = ibis.interval(seconds=int(target.horizon.total_seconds()))
    horizons = points.mutate(ends=points.predicted_at + horizon)
    overlapping = horizons.join(new, [horizons.predicted_at <= new.covered_to, horizons.ends >= new.covered_from])
    waiting = horizons.cross_join(extent.filter(extent.uploads > 0))
    waiting = waiting.filter(waiting.until.isnull() | (waiting.ends > waiting.until))
    return union_all([overlapping.select("KNR"), waiting.select("KNR")])
