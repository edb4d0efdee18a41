"""Gives DuckDB databases in memory, for the work on one upload.

Opening one takes 8 ms, half of the cost of a small upload, so an idle one is kept for the next upload of this process.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.disk_space import room_for

_KEPT = "Nothing of it was merged, and its original stays in the archive: make room and run again."

# By process: a database does not survive a fork. Removed while in use, so that it has one user at a time.
_idle: dict[tuple[int, int | None, str | None], duckdb.DuckDBPyConnection] = {}


@contextlib.contextmanager
def scratch(
    folder: Path, *, threads: int | None = None, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database in memory that spills into `folder`. Tables made in it must be temporary: they end with it."""
    settings = (os.getpid(), threads, memory_limit)
    database = _idle.pop(settings, None) or _opened(threads, memory_limit)
    with contextlib.ExitStack() as done:
        done.callback(database.close)
        _spill_into(database, str(folder / "spill"))
        with database.cursor() as connection, room_for("the rows of an upload", folder, None, _KEPT):
            yield connection
        with contextlib.suppress(duckdb.NotImplementedException):
            # A database that has spilled cannot change its folder: it is closed.
            _spill_into(database, "")
            if _idle.setdefault(settings, database) is database:
                done.pop_all()


def _opened(threads: int | None, memory_limit: str | None) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        # It identifies files by path and time, and would read a file that is rewritten within a moment from the cache.
        "enable_external_file_cache": "false",
    }
    if threads is not None:
        config["threads"] = threads
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    return duckdb.connect(":memory:", config=config)


def _spill_into(database: duckdb.DuckDBPyConnection, folder: str) -> None:
    database.execute(f"SET temp_directory = {sql_text.text(folder)}")
