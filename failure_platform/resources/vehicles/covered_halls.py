"""Reads which days falhas uploads cover for each hall, for the page of `falhas`."""

from collections.abc import Collection
from functools import cache

import duckdb

from failure_platform.domain.figures.coverage import CoverageStrip, coverage_strip
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import hall_coverage
from failure_platform.resources.lake.tables import FALHAS_DAYS
from failure_platform.resources.vehicles.feature_sql import Declared, empty_lake, lake_tables

_MOST_HALLS = 12


def covered_halls(
    con: duckdb.DuckDBPyConnection, targets: Collection[Target], declared: Declared
) -> CoverageStrip | None:
    """Return the covered days of the halls that targets ask for and of those with most rows; None without any row.

    What is usual is measured at the prediction points of the first target.
    """
    [(first, last)] = con.execute(f"SELECT min(day), max(day) FROM {FALHAS_DAYS}").fetchall()
    if first is None or not targets:
        return None
    counted = con.execute(
        f"SELECT HALLE FROM {FALHAS_DAYS} WHERE HALLE <> '' GROUP BY HALLE ORDER BY sum(vehicles) DESC, HALLE LIMIT ?",
        [_MOST_HALLS],
    ).fetchall()
    needed = sorted({hall for target in targets for hall in target.halle})
    halls = tuple(dict.fromkeys([*needed, *(hall for (hall,) in counted)]))
    days = con.execute(_hall_sql(next(iter(targets)), declared, halls)).df()
    return coverage_strip(days.assign(day=days["day"].dt.date), halls, first, last)


@cache
def _hall_sql(target: Target, declared: Declared, halls: tuple[str, ...]) -> str:
    with empty_lake() as backend:
        return str(backend.compile(hall_coverage(lake_tables(backend, "resultados", declared), target, halls)))
