"""Who may write the lake: one at a time, among the threads of a process as among processes.

Belongs here: the lock, the wait for it and who holds it. Does not belong here: what is done under it (`lake`).

DuckDB's own lock is not enough: within a process it lets several write at once, it is lost when the process closes any
other handle on the file (as a copy does), and nobody holds it between closing the lake and publishing it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from failure_platform.resources.lake_errors import LakeBusyError, still_in_use
from failure_platform.resources.lake_file import pause


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
