"""The rules that describe vehicles, as SQL for DuckDB: written once a process, run on any lake.

What belongs here: which questions are asked, in which order, and the temporary tables that answers wait in. What does
not: the rules (domain.features, domain.vehicles.labels) and running them (describing).

The SQL is written on an empty lake: it needs the columns only, and takes longer than many a run on a small one.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from functools import cache

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from failure_platform.domain.features.description import describe
from failure_platform.domain.features.touched import rows_needed, touched_vehicles
from failure_platform.domain.features.values import running_medians
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.labels import labels, vehicles_without_prediction_point
from failure_platform.domain.vehicles.lake_tables import LakeTables
from failure_platform.resources.lake.tables import create_tables
from failure_platform.resources.storage import sql_text

Declared = tuple[tuple[str, tuple[date, date]], ...]
"""By falhas file name, the first and last day that it is declared to cover."""

TOUCHED, RESULTS, MEDIANS = "touched", "results_at_hand", "medians_at_hand"
"""What the one who runs the SQL makes: a table of the KNR asked for; a view of the part of resultados that is needed;
and a table of what `Questions.medians` gives of it."""


@dataclass(frozen=True)
class Questions:
    """SQL of the rules for one target.

    Attributes:
        labels: every vehicle with its prediction point and outcome.
        without: one row, how many vehicles have none, and how many of these came further.
        needed: one row, between which times results are needed to describe the vehicles in TOUCHED.
        medians: the running medians of RESULTS.
        steps: names and SQL of the tables to make, in this order, for the vehicles in TOUCHED.
        vehicles, features, cells: the parts of their `Description`, read from these tables.
    """

    labels: str
    without: str
    needed: str
    medians: str
    steps: tuple[tuple[str, str], ...]
    vehicles: str
    features: str
    cells: str

    @property
    def fingerprint(self) -> str:
        """Another one where the rules, or what turns them into SQL, ask anything else of the lake."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:16]


@cache
def questions(target: Target, declared: Declared, sequence_length: int) -> Questions:
    """Return the SQL that describes vehicles of a target; `sequence_length` as for `describe`."""
    with _empty_lake() as backend:
        steps: list[tuple[str, str]] = []

        def keep(name: str, table: ir.Table) -> ir.Table:
            steps.append((name, backend.compile(table)))
            return _made(backend, *steps[-1])

        lake, touched = _tables(backend, "resultados", declared), backend.table(TOUCHED)
        medians = backend.compile(running_medians(backend.table(RESULTS)))
        described = describe(lake, target, touched, sequence_length, keep, _made(backend, MEDIANS, medians))
        return Questions(
            backend.compile(labels(lake, target)),
            backend.compile(vehicles_without_prediction_point(lake, target)),
            backend.compile(rows_needed(lake, touched)),
            medians,
            tuple(steps),
            *(backend.compile(table) for table in (described.vehicles, described.features, described.cells)),
        )


def touched_by(target: Target, declared: Declared, uploads: Sequence[str]) -> str:
    """Return the SQL of the KNR that uploads touch; it looks for their results, and those of later days, in RESULTS."""
    with _empty_lake() as backend:
        return str(backend.compile(touched_vehicles(_tables(backend, RESULTS, declared), target, uploads)))


@contextlib.contextmanager
def _empty_lake() -> Iterator[Backend]:
    with contextlib.closing(duckdb.connect(":memory:")) as con:
        create_tables(con)
        con.execute(f"CREATE TEMP TABLE {TOUCHED} (KNR VARCHAR)")
        con.execute(f"CREATE TEMP VIEW {RESULTS} AS SELECT * FROM resultados")
        yield ibis.duckdb.from_connection(con)


def _tables(backend: Backend, results: str, declared: Declared) -> LakeTables:
    falhas, status, uploads = (backend.table(name) for name in ("falhas", "status", "uploads"))
    return LakeTables(backend.table(results), falhas, status, uploads, dict(declared))


def _made(backend: Backend, name: str, sql: str) -> ir.Table:
    backend.con.execute(f"CREATE TEMP TABLE {sql_text.name(name)} AS {sql}")
    return backend.table(name)
