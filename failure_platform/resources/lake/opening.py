"""Opens one DuckDB file of the lake with the platform's settings, and waits where another process holds it."""

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
"""Oldest DuckDB that must be able to open the file; fixed, so that a newer library does not change its format."""


@dataclass(frozen=True)
class Opening:
    """The settings of a connection; see `Lake` for their meaning."""

    wait_seconds: float
    threads: int | None
    memory_limit: str | None

    def connect(self, file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open a file; one that does not exist is made, unless it is opened `read_only`.

        Raises LakeBusyError, LakeUnreadableError; FileNotFoundError where `read_only` and there is no file.
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
            # One folder for each process and file: two that spill into the same folder overwrite each other's rows, and
            # both end with a segmentation fault.
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
    """Return the number of writes in the lake file that `con` has open; a file without the count is given one.

    Raises:
        LakeBehindError: the file lacks acknowledged writes.
    """
    con.execute("CREATE TABLE IF NOT EXISTS commits (number BIGINT)")
    con.execute("INSERT INTO commits SELECT 0 WHERE NOT EXISTS (FROM commits)")
    found = int(con.execute("SELECT number FROM commits").fetchall()[0][0])
    known = snapshot.acknowledged(lake)
    if found < known:
        raise errors.behind(lake, found, known)
    return found


def sweep_spills(folder: Path) -> None:
    """Remove what dead processes spilled into the folder of the lake."""
    for spill in folder.glob("spill-*-*"):
        if not is_at_work(int(spill.name.split("-")[1]), spill):
            shutil.rmtree(spill, ignore_errors=True)
