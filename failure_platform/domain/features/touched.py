"""Finds the vehicles that must be described again after uploads were merged, and the rows that this needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import union_all
from failure_platform.domain.features.names import FIRST_SUB_VALUE, MEDIAN_DAYS
from failure_platform.domain.features.values import day_of
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import READ_KINDS, LakeTables
from failure_platform.domain.vehicles.prediction_points import prediction_points


@dataclass(frozen=True)
class Basis:
    """The inputs from which a vehicles table was, or would be, built.

    Attributes:
        uploads: when each upload in the lake was merged, as text, by upload.
        rules: everything else that determines the content, by name: code, target, declared periods ...
        days: the days on which earlier defects are known (`coverage` for DEFECTS).
    """

    uploads: Mapping[str, str]
    rules: Mapping[str, str]
    days: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Changes:
    """What changed since a vehicles table was built.

    Attributes:
        uploads: keys of the uploads that were merged since.
        rebuild_reason: why all vehicles must be described again; None where those that the others touch are enough.
        days: the days on which earlier defects are known now and were not, or the reverse.
    """

    uploads: tuple[str, ...] = ()
    rebuild_reason: str | None = None
    days: frozenset[date] = frozenset()


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
    return Changes(uploads=tuple(sorted(now.uploads.keys() - before.uploads.keys())), days=before.days ^ now.days)


def touched_vehicles(lake: LakeTables, target: Target, uploads: Sequence[str], days: Collection[date] = ()) -> ir.Table:
    """Return the vehicles whose description may have changed when these uploads were merged.

    These are the vehicles of their rows (a row that one of them replaced had the same KNR); those that were measured
    within MEDIAN_DAYS days after a day on which the uploads have rows of the same test, since their running median
    changed; and those whose prediction point is on a day of which it became known, or unknown, what defects there were.
    Labels may change of any vehicle.

    A withdrawn upload leaves no trace in the tables: describe all vehicles then.

    Args:
        lake: the tables with these uploads in them.
        target: gives the prediction points.
        uploads: ledger keys of merged uploads, of any kind.
        days: as in `Changes`.

    Returns:
        KNR, distinct; also of vehicles that have no prediction point (any more).
    """
    tables: list[ir.Table] = [getattr(lake, kind) for kind in READ_KINDS]
    of_rows = (table.filter(table.upload.isin(uploads)).select("KNR") for table in tables)
    points = prediction_points(lake.status, target)
    on_days = points.filter(points.predicted_at.date().isin(sorted(days))).select("KNR")
    touched = union_all([*of_rows, _measured_after(lake.resultados, uploads), on_days])
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
