"""Gives the lake as dagster-duckdb's resource, for assets and notebooks that a plant adds of its own.

The base class opens for writing, retries every I/O error for over a minute and leaves its connection open after an
exception; one such reader would block every upload. This one opens read-only, waits only for the lock, and always
closes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster_duckdb import DuckDBResource
from duckdb import DuckDBPyConnection
from pydantic import Field

from failure_platform.resources.lake.lake import Lake


class LakeReader(DuckDBResource):
    """`duckdb.get_connection()` gives a read-only connection to the lake's published snapshot.

    Within a process DuckDB opens a file with one set of settings only, so these must be those of every other reader.
    """

    wait_seconds: float = Field(60.0, description="How long to wait for the lake.")
    threads: int | None = Field(None, description="Threads DuckDB may use.")
    memory_limit: str | None = Field(None, description="Memory DuckDB may use before it spills to disk.")

    @contextmanager
    def get_connection(self) -> Iterator[DuckDBPyConnection]:
        """Give a connection while the block runs. Raises what Lake.read raises."""
        lake = Lake(
            Path(self.database),
            wait_seconds=self.wait_seconds,
            threads=self.threads,
            memory_limit=self.memory_limit,
        )
        with lake.read() as connection:
            yield connection
