"""Computes the features of vehicles in an open lake, in blocks of some thousand vehicles.

Memory holds one block and the frames, whatever the size of the lake.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import duckdb
import pandas as pd

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.features.names import MEDIAN_DAYS
from failure_platform.domain.features.touched import Changes
from failure_platform.domain.features.wide import widen
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.coverage import DEFECTS
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.lake.tables import superseded_table
from failure_platform.resources.storage import sql_text
from failure_platform.resources.vehicles.feature_sql import (
    COVERED,
    MEDIANS,
    RESULTS,
    TOUCHED,
    Declared,
    FeatureSql,
    compile_sql,
    touched_sql,
)

_VEHICLES_AT_ONCE = 4096
_CELLS_AT_ONCE = 1_000_000


class FeatureQueries:
    """The queries for a target's vehicles on a connection to the lake, which may be read-only."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, target: Target, declared: Declared, sequence_length: int
    ) -> None:
        """Compile the SQL, and find the days that falhas cover."""
        self._con, self._target, self._declared = connection, target, declared
        self.sql: FeatureSql = compile_sql(target, declared, sequence_length)
        self._create(COVERED, self.sql.covered)

    def days_of_known_defects(self) -> frozenset[date]:
        """Return the days on which earlier defects are known."""
        days = self._con.execute(f"SELECT day FROM {COVERED} WHERE use = ?", [DEFECTS]).fetchall()
        return frozenset(day for (day,) in days)

    def labels(self) -> pd.DataFrame:
        """Return the result of `domain.vehicles.labels`: every vehicle with a prediction point, and its outcome."""
        return self._con.execute(self.sql.labels).df()

    def without_prediction_point(self) -> tuple[int, int]:
        """Return how many vehicles have no prediction point, and how many of these passed a later checkpoint."""
        [(vehicles, reached_later)] = self._con.execute(self.sql.without_prediction_point).fetchall()
        return vehicles, reached_later

    def touched(self, changed: Changes) -> frozenset[str]:
        """Return the vehicles that newly merged uploads touch, with and without a prediction point."""
        uploads = changed.uploads
        if not uploads:
            return frozenset()
        [(first, last)] = self._con.execute(
            "SELECT min(first_data), max(last_data) FROM uploads "
            "WHERE kind = 'resultados' AND list_contains(?, upload)",
            [list(uploads)],
        ).fetchall()
        self._read_results(sql_text.between(first, last + timedelta(days=MEDIAN_DAYS + 1)) if first else "false")
        by_rules = self._con.execute(touched_sql(self._target, self._declared, changed)).fetchall()
        # A row that was superseded when it was merged can still change which of two other uploads holds a key.
        superseded = " UNION ALL ".join(
            f"SELECT KNR FROM {sql_text.name(superseded_table(CONTRACTS[kind]))} WHERE list_contains($uploads, upload)"
            for kind in READ_KINDS
        )
        return frozenset(
            knr for (knr,) in by_rules + self._con.execute(superseded, {"uploads": list(uploads)}).fetchall()
        )

    def all_vehicles(self, knrs: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the wide frames of all vehicles that have a prediction point, block by block."""
        self._read_results("true")
        yield from self._blocks(knrs)

    def some_vehicles(self, knrs: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the wide frames of some vehicles that have a prediction point, reading only the rows they need."""
        self._select(knrs)
        [(first, last)] = self._con.execute(self.sql.needed).fetchall()
        self._read_results(sql_text.between(first, last) if first is not None else "false")
        yield from self._blocks(knrs)

    def _blocks(self, knrs: Sequence[str]) -> Iterator[pd.DataFrame]:
        self._create(MEDIANS, self.sql.medians)
        # Vehicles with neighbouring KNR were built on the same days: their rows are stored together, and DuckDB skips
        # the other row groups.
        ordered = sorted(knrs)
        for begin in range(0, len(ordered), _VEHICLES_AT_ONCE):
            self._select(ordered[begin : begin + _VEHICLES_AT_ONCE])
            for name, sql in self.sql.steps:
                self._create(name, sql)
            yield widen(
                self._con.execute(self.sql.vehicles).df(),
                self._con.execute(self.sql.features).df(),
                self._con.execute(self.sql.cells).to_arrow_reader(_CELLS_AT_ONCE),
            )

    def _select(self, knrs: Sequence[str]) -> None:
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {TOUCHED} AS SELECT unnest(?::VARCHAR[]) AS KNR", [list(knrs)])

    def _read_results(self, where: str) -> None:
        """Restrict resultados, by literals: DuckDB skips row groups that cannot match."""
        self._con.execute(f"CREATE OR REPLACE TEMP VIEW {RESULTS} AS SELECT * FROM resultados WHERE {where}")

    def _create(self, name: str, sql: str) -> None:
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {sql_text.name(name)} AS {sql}")
