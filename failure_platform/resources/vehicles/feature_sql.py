"""Compiles the rules that describe vehicles to DuckDB SQL, once per process.

The SQL depends on the columns only, so it is compiled on an empty lake. On a small lake, compiling takes longer than
running.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date
from functools import cache

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from failure_platform.domain.features.description import describe
from failure_platform.domain.features.touched import Changes, rows_needed, touched_vehicles
from failure_platform.domain.features.values import running_medians
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import coverage
from failure_platform.domain.vehicles.labels import labels
from failure_platform.domain.vehicles.lake_tables import LakeTables
from failure_platform.domain.vehicles.prediction_points import vehicles_without_prediction_point
from failure_platform.resources.lake.tables import FALHAS_DAYS, create_tables
from failure_platform.resources.storage import sql_text

Declared = tuple[tuple[str, tuple[date, date]], ...]
"""First and last day that a falhas file is declared to cover, by file name."""

TOUCHED, RESULTS, MEDIANS, COVERED = "touched", "results_at_hand", "medians_at_hand", "covered_at_hand"
"""Names that the caller creates before running the SQL: a table of the KNR of the selected vehicles; a view of the part
of resultados that they need; and tables with the results of `FeatureSql.medians` on it and of `FeatureSql.covered`."""


@dataclass(frozen=True)
class FeatureSql:
    """The SQL of the rules for one target.

    Attributes:
        covered: the days for which outcomes, and earlier defects, are known.
        labels: every vehicle with its prediction point and outcome.
        without_prediction_point: one row: number of vehicles without one, and of those that passed a later checkpoint.
        needed: one row: the time range of the results that the vehicles in TOUCHED need.
        medians: the running medians of RESULTS.
        steps: names and SQL of the tables to create, in this order, for the vehicles in TOUCHED.
        vehicles, features, cells: the parts of their `Description`, read from these tables.
    """

    covered: str
    labels: str
    without_prediction_point: str
    needed: str
    medians: str
    steps: tuple[tuple[str, str], ...]
    vehicles: str
    features: str
    cells: str

    @property
    def fingerprint(self) -> str:
        """A hash of the SQL: it changes when the rules change, or how Ibis compiles them."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:16]


@cache
def compile_sql(target: Target, declared: Declared, sequence_length: int) -> FeatureSql:
    """Return the SQL that describes vehicles of a target; `sequence_length` as for `describe`."""
    with empty_lake() as backend:
        steps: list[tuple[str, str]] = []

        def create(name: str, table: ir.Table) -> ir.Table:
            steps.append((name, backend.compile(table)))
            return _create_table(backend, *steps[-1])

        lake, selected = lake_tables(backend, "resultados", declared), backend.table(TOUCHED)
        medians = backend.compile(running_medians(backend.table(RESULTS)))
        covered = backend.compile(coverage(lake, target))
        days = _create_table(backend, COVERED, covered)
        described = describe(
            lake, target, selected, sequence_length, create, _create_table(backend, MEDIANS, medians), days
        )
        return FeatureSql(
            covered,
            backend.compile(labels(lake, target, days)),
            backend.compile(vehicles_without_prediction_point(lake, target)),
            backend.compile(rows_needed(lake, selected)),
            medians,
            tuple(steps),
            *(backend.compile(table) for table in (described.vehicles, described.features, described.cells)),
        )


def touched_sql(target: Target, declared: Declared, changed: Changes) -> str:
    """Return the SQL of the KNR that changes touch; it reads results of uploads, and of later days, from RESULTS."""
    with empty_lake() as backend:
        lake = lake_tables(backend, RESULTS, declared)
        return str(backend.compile(touched_vehicles(lake, target, changed.uploads, changed.days)))


@contextlib.contextmanager
def empty_lake() -> Iterator[Backend]:
    """A lake without rows, to compile expressions on."""
    with contextlib.closing(duckdb.connect(":memory:")) as con:
        create_tables(con)
        con.execute(f"CREATE TEMP TABLE {TOUCHED} (KNR VARCHAR)")
        con.execute(f"CREATE TEMP VIEW {RESULTS} AS SELECT * FROM resultados")
        yield ibis.duckdb.from_connection(con)


def lake_tables(backend: Backend, results: str, declared: Declared) -> LakeTables:
    """Return the tables of a lake, with resultados read from `results`."""
    falhas, status, uploads, days = (backend.table(name) for name in ("falhas", "status", "uploads", FALHAS_DAYS))
    return LakeTables(backend.table(results), falhas, status, uploads, days, dict(declared))


def _create_table(backend: Backend, name: str, sql: str) -> ir.Table:
    backend.con.execute(f"CREATE TEMP TABLE {sql_text.name(name)} AS {sql}")
    return backend.table(name)
