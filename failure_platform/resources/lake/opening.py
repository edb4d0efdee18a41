"""Opening one DuckDB file of the lake: with which settings, and waiting for whoever holds it.

Belongs here: DuckDB's settings, the wait, the number of commits that a file holds. Does not belong here: which file is
opened when (`lake`).
"""

import fcntl
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb
import psutil

from failure_platform.resources.lake import errors, snapshot
from failure_platform.resources.lake.errors import LakeBusyError, still_in_use
from failure_platform.resources.storage.atomic_files import is_at_work

STORAGE_VERSION = "v1.5.0"
"""Oldest DuckDB that must be able to open the file; fixed, so that a newer library does not change the file."""

_PAUSE_SECONDS = 0.02


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
                    raise LakeBusyError(errors.still_in_use(file, self.wait_seconds, who)) from error
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


def pause(deadline: float) -> None:
    """Wait a moment before the next look, not beyond `deadline` (of the monotonic clock)."""
    # All wait equally long, so that nobody is favoured; jitter keeps them from knocking at the same moments for ever.
    time.sleep(max(min(_PAUSE_SECONDS * random.uniform(0.5, 1.5), deadline - time.monotonic()), 0.0))  # noqa: S311


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


class WritersLock:
    """The lock of one lake; it ends with its process, however that ends.

    Two files: `lock` is held while at work, `queue` while next in line. Without the queue a writer that comes straight
    back would always be faster than one that looks every few milliseconds, which would starve.
    """

    def __init__(self, lake: Path, wait_seconds: float) -> None:
        """Keep where it lies and how long to wait; touch nothing."""
        self._lake = lake
        self._lock = lake.with_name("lake.lock")
        self._queue = lake.with_name("lake.queue")
        self._wait_seconds = wait_seconds

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for as long as the block runs.

        Raises:
            LakeBusyError: someone else held it until the deadline.
        """
        deadline = time.monotonic() + self._wait_seconds
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._queue.open("a") as queue, self._lock.open("a+") as lock:
            self._wait(queue, deadline)
            self._wait(lock, deadline)
            fcntl.flock(queue, fcntl.LOCK_UN)
            with _noted(lock):
                yield

    @contextmanager
    def tried(self) -> Iterator[bool]:
        """Hold the lock for as long as the block runs where it is free now; say whether it is held."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            if not _taken(lock):
                yield False
                return
            with _noted(lock):
                yield True

    def busy(self) -> LakeBusyError:
        """Say that the lock was held until the deadline, and by whom."""
        return LakeBusyError(still_in_use(self._lake, self._wait_seconds, self._holder()))

    def _wait(self, lock: IO[str], deadline: float) -> None:
        while not _taken(lock):
            if time.monotonic() >= deadline:
                raise self.busy()
            pause(deadline)

    def _holder(self) -> str:
        pid = self._lock.read_text(encoding="utf-8")
        if pid == str(os.getpid()):
            return "another write of this process is under way"
        try:
            return f"process {pid} ({psutil.Process(int(pid)).name()}) holds it"
        except (ValueError, psutil.NoSuchProcess):
            return "another process holds it"


@contextmanager
def _noted(lock: IO[str]) -> Iterator[None]:
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    try:
        yield
    finally:
        # Unlocked by word: closing would not do while a forked child still has the file open.
        fcntl.flock(lock, fcntl.LOCK_UN)


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
