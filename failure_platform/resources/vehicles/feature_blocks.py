"""Describes vehicles of an open lake, some thousand at a time.

What belongs here: the blocks, and which part of the lake is read. What does not: the SQL (description_sql), which
vehicles are asked for, and what becomes of the frames (vehicle_tables).

Memory holds one block and the frames, whatever the lake holds; and describing some vehicles is the same work as
describing all, only less of it.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import duckdb
import pandas as pd

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.features.names import MEDIAN_DAYS
from failure_platform.domain.features.wide import widen
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.lake.tables import superseded_table
from failure_platform.resources.storage import sql_text
from failure_platform.resources.vehicles.feature_sql import (
    MEDIANS,
    RESULTS,
    TOUCHED,
    Declared,
    Questions,
    questions,
    touched_by,
)

_VEHICLES_AT_ONCE = 4096
_CELLS_AT_ONCE = 1_000_000


class Describing:
    """The work of describing a target's vehicles on a connection to the lake, which may be read-only."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, target: Target, declared: Declared, sequence_length: int
    ) -> None:
        """Have the questions ready; read nothing."""
        self._con, self._target, self._declared = connection, target, declared
        self.questions: Questions = questions(target, declared, sequence_length)

    def labels(self) -> pd.DataFrame:
        """Return KNR, predicted_at, label, label_reason and failure_group of every vehicle with a prediction point."""
        return self._con.execute(self.questions.labels).df()

    def without(self) -> tuple[int, int]:
        """Return how many vehicles have no prediction point, and how many of these passed a later checkpoint."""
        [(vehicles, reached_later)] = self._con.execute(self.questions.without).fetchall()
        return vehicles, reached_later

    def touched(self, uploads: Sequence[str]) -> frozenset[str]:
        """Return the vehicles that uploads touch which came in; with and without a prediction point."""
        if not uploads:
            return frozenset()
        [(first, last)] = self._con.execute(
            "SELECT min(first_data), max(last_data) FROM uploads "
            "WHERE kind = 'resultados' AND list_contains(?, upload)",
            [list(uploads)],
        ).fetchall()
        self._read_results(sql_text.between(first, last + timedelta(days=MEDIAN_DAYS + 1)) if first else "false")
        by_rules = self._con.execute(touched_by(self._target, self._declared, uploads)).fetchall()
        # A row that gave way at once can still change which of two other uploads stands for a key.
        gave_way = " UNION ALL ".join(
            f"SELECT KNR FROM {sql_text.name(superseded_table(CONTRACTS[kind]))} WHERE list_contains($uploads, upload)"
            for kind in READ_KINDS
        )
        return frozenset(
            knr for (knr,) in by_rules + self._con.execute(gave_way, {"uploads": list(uploads)}).fetchall()
        )

    def all_vehicles(self, knrs: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the wide frames of all vehicles that have a prediction point, block by block."""
        self._read_results("true")
        yield from self._blocks(knrs)

    def some_vehicles(self, knrs: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the wide frames of some vehicles that have a prediction point; only the rows they need are read."""
        self._touch(knrs)
        [(first, last)] = self._con.execute(self.questions.needed).fetchall()
        self._read_results(sql_text.between(first, last) if first is not None else "false")
        yield from self._blocks(knrs)

    def _blocks(self, knrs: Sequence[str]) -> Iterator[pd.DataFrame]:
        self._make(MEDIANS, self.questions.medians)
        # Neighbours in KNR were built in the same days: their rows lie together, and the others are not opened.
        ordered = sorted(knrs)
        for begin in range(0, len(ordered), _VEHICLES_AT_ONCE):
            self._touch(ordered[begin : begin + _VEHICLES_AT_ONCE])
            for name, sql in self.questions.steps:
                self._make(name, sql)
            yield widen(
                self._con.execute(self.questions.vehicles).df(),
                self._con.execute(self.questions.features).df(),
                self._con.execute(self.questions.cells).to_arrow_reader(_CELLS_AT_ONCE),
            )

    def _touch(self, knrs: Sequence[str]) -> None:
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {TOUCHED} AS SELECT unnest(?::VARCHAR[]) AS KNR", [list(knrs)])

    def _read_results(self, where: str) -> None:
        """Say which results are at hand, in literals: row groups without any are never opened."""
        self._con.execute(f"CREATE OR REPLACE TEMP VIEW {RESULTS} AS SELECT * FROM resultados WHERE {where}")

    def _make(self, name: str, sql: str) -> None:
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {sql_text.name(name)} AS {sql}")
