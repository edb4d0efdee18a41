"""The lake under Dagster's usual interface, for assets and notebooks that a plant adds of its own.

What belongs here: dagster-duckdb's resource, opened our way. What does not: the platform's own reads and writes (lake).

The base class opens for writing, retries every I/O error for over a minute and leaves its connection open after an
exception; one such reader would hold up every upload. This one reads only, waits for the lock alone, and always closes.
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
        """Give a connection for as long as the block runs. Raises what Lake.read raises."""
        lake = Lake(
            Path(self.database),
            wait_seconds=self.wait_seconds,
            threads=self.threads,
            memory_limit=self.memory_limit,
        )
        with lake.read() as connection:
            yield connection
