"""The door to the lake: one DuckDB file, opened for a moment, closed for certain.

Belongs here: finding, making and opening the file; waiting for whoever holds it; one transaction per write; errors
that say what to do. Does not belong here: what is in the tables (`tables`, `merging`, `lake_views`).

DuckDB lets one process write, or several read, never both at once. So connections are short, and a caller waits for
the lock up to a deadline instead of failing.
"""

import contextlib
import json
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from failure_platform.resources.tables import create_tables

STORAGE_VERSION = "v1.5.0"
"""Oldest DuckDB that must be able to open the file; fixed, so that a newer library does not change the file."""

_HELD_ELSEWHERE = "Could not set lock on file"
_HELD_IN_THIS_PROCESS = "different configuration than existing connections"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25

# DuckDB shares one database between the threads of a process, and its snapshots would let two of them merge the same
# upload twice; this keeps writers of one process in single file, as the file lock does between processes.
_writers: dict[Path, threading.Lock] = {}


class LakeError(Exception):
    """The lake cannot be used; the message says why and what to do."""


class LakeBusyError(LakeError):
    """Someone else held the lake until the deadline."""


class LakeMissingError(LakeError):
    """A lake was here before and its file is gone."""


class LakeUnreadableError(LakeError):
    """The file is there and DuckDB cannot open it."""


class Lake:
    """One lake file. Holds settings only: nothing is opened before `read` or `write`.

    `path` is the DuckDB file; `lake.json` beside it remembers that a lake exists. `wait_seconds` bounds the wait for
    a lock. `threads` and `memory_limit` (such as "2GB") are DuckDB's own; None leaves its defaults.
    """

    def __init__(
        self, path: Path, *, wait_seconds: float = 60.0, threads: int | None = None, memory_limit: str | None = None
    ) -> None:
        """Keep the settings; touch nothing."""
        self.path = path.resolve()
        self.marker = self.path.with_name("lake.json")
        self.wait_seconds = wait_seconds
        self.threads = threads
        self.memory_limit = memory_limit
        self._config: dict[str, str | int] = {
            "temp_directory": str(self.path.with_name("spill")),
            "storage_compatibility_version": STORAGE_VERSION,
            # The platform needs no extension beyond those built in, and must not reach for the network to find one.
            "autoinstall_known_extensions": "false",
        }
        if threads is not None:
            self._config["threads"] = threads
        if memory_limit is not None:
            self._config["memory_limit"] = memory_limit

    @contextlib.contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection, closed at the end. An empty lake is made first where there never was one.

        Raises LakeBusyError, LakeMissingError, LakeUnreadableError.
        """
        self._ensure_exists()
        con = self._open(read_only=True, deadline=time.monotonic() + self.wait_seconds)
        try:
            yield con
        finally:
            con.close()

    @contextlib.contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: committed when the block ends, rolled back when it raises; then checkpointed and closed.

        Upload tables that an older lake lacks are made first.

        Raises LakeBusyError, LakeMissingError, LakeUnreadableError, and whatever the block raises.
        """
        self._ensure_exists()
        deadline = time.monotonic() + self.wait_seconds
        turn = _writers.setdefault(self.path, threading.Lock())
        if not turn.acquire(timeout=self.wait_seconds):
            raise self._busy("another thread of this process is writing")
        try:
            con = self._open(read_only=False, deadline=deadline)
            try:
                con.execute("BEGIN")
                try:
                    create_tables(con)
                    yield con
                except BaseException:
                    # The block's own error is the one to show; a transaction that DuckDB already ended is no news.
                    with contextlib.suppress(duckdb.TransactionException):
                        con.execute("ROLLBACK")
                    raise
                con.execute("COMMIT")
                # With its write-ahead log lost, a lake opens without the latest commits and does not say so.
                con.execute("CHECKPOINT")
            finally:
                con.close()
        finally:
            turn.release()

    def _ensure_exists(self) -> None:
        if self.path.exists():
            if not self.marker.exists():
                self._write_marker()
            return
        if self.marker.exists():
            raise LakeMissingError(
                f"The lake file {self.path} is gone, although {self.marker.name} beside it says that a lake was made "
                f"here. Nothing was created in its place. Put the file back from a backup; or, to begin again with an "
                f"empty lake on purpose, delete {self.marker} too."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.new-{os.getpid()}-{threading.get_ident()}")
        try:
            with contextlib.closing(duckdb.connect(str(fresh), config=dict(self._config))) as con:
                create_tables(con)
            # A link, not a rename: whoever comes second must not replace a lake that already holds rows.
            with contextlib.suppress(FileExistsError):
                self.path.hardlink_to(fresh)
        finally:
            fresh.unlink(missing_ok=True)
        self._write_marker()

    def _write_marker(self) -> None:
        draft = self.marker.with_name(f"{self.marker.name}.new-{os.getpid()}-{threading.get_ident()}")
        draft.write_text(json.dumps({"lake": self.path.name}) + "\n", encoding="utf-8")
        draft.replace(self.marker)

    def _open(self, *, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=read_only, config=dict(self._config))
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                holder = _holder(str(error))
                if holder is None:
                    raise LakeUnreadableError(
                        f"The lake file {self.path} cannot be opened: {error}. It was left as it is. "
                        f"Put the file back from a backup."
                    ) from error
                if time.monotonic() >= deadline:
                    raise self._busy(holder) from error
            # Jitter keeps several that wait from knocking at the same moments for ever.
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(deadline - time.monotonic(), 0.0)))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _busy(self, holder: str) -> LakeBusyError:
        return LakeBusyError(
            f"The lake {self.path} was still in use after {self.wait_seconds:g} s: {holder}. "
            f"Wait for that work to end, or stop that process, and try again."
        )


def _holder(message: str) -> str | None:
    """Who holds the lake, read from DuckDB's message; None when the error is about something else."""
    if _HELD_IN_THIS_PROCESS in message:
        return "this process itself holds it open in the other mode (reading or writing)"
    if _HELD_ELSEWHERE not in message:
        return None
    found = re.search(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)", message)
    return f"process {found['pid']} ({found['program']}) holds it" if found else "another process holds it"
