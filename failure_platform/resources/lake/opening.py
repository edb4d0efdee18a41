"""Opening one DuckDB file of the lake: with which settings, and waiting for whoever holds it.

Belongs here: DuckDB's settings, the wait, the number of commits that a file holds. Does not belong here: which file is
opened when (`lake`).
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from failure_platform.resources.lake import errors, snapshot
from failure_platform.resources.storage.atomic_files import is_at_work
from failure_platform.resources.storage.locks import pause

STORAGE_VERSION = "v1.5.0"
"""Oldest DuckDB that must be able to open the file; fixed, so that a newer library does not change the file."""


@dataclass(frozen=True)
class Opening:
    """How to open a file; see `Lake` for the meaning of each setting."""

    wait_seconds: float
    threads: int | None
    memory_limit: str | None

    def connect(self, file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open a file, or make it where there is none and it is opened for writing.

        Raises LakeBusyError, LakeUnreadableError; FileNotFoundError where there is none and `read_only`.
        """
        deadline = time.monotonic() + self.wait_seconds
        while True:
            try:
                return duckdb.connect(str(file), read_only=read_only, config=self._config(file))
            except duckdb.Error as error:
                if read_only and not file.exists():
                    raise FileNotFoundError(file) from error
                who = errors.holder(str(error))
                if who is None:
                    raise errors.unreadable(file, error) from error
                if time.monotonic() >= deadline:
                    raise errors.busy(file, self.wait_seconds, who) from error
            pause(deadline)

    def _config(self, file: Path) -> dict[str, str | bool | int | float | list[str]]:
        config: dict[str, str | bool | int | float | list[str]] = {
            # Of this process and this file alone: two that spill into one folder overwrite each other's rows, and both
            # end with a segmentation fault.
            "temp_directory": str(file.with_name(f"spill-{os.getpid()}-{file.stem}")),
            "storage_compatibility_version": STORAGE_VERSION,
            # The platform needs no extension beyond those built in, and must not reach for the network to find one.
            "autoinstall_known_extensions": "false",
        }
        if self.threads is not None:
            config["threads"] = self.threads
        if self.memory_limit is not None:
            config["memory_limit"] = self.memory_limit
        return config


def commits_in(con: duckdb.DuckDBPyConnection, lake: Path) -> int:
    """Return how many writes the lake file that `con` has open holds; the count is made where it has none yet.

    Raises:
        LakeBehindError: writes that were acknowledged are not in it.
    """
    con.execute("CREATE TABLE IF NOT EXISTS commits (number BIGINT)")
    con.execute("INSERT INTO commits SELECT 0 WHERE NOT EXISTS (FROM commits)")
    found = int(con.execute("SELECT number FROM commits").fetchall()[0][0])
    known = snapshot.acknowledged(lake)
    if found < known:
        raise errors.behind(lake, found, known)
    return found


def sweep_spills(folder: Path) -> None:
    """Remove what dead processes spilled beside the lake."""
    for spill in folder.glob("spill-*-*"):
        if not is_at_work(int(spill.name.split("-")[1]), spill):
            shutil.rmtree(spill, ignore_errors=True)
