"""Locks on open files: each ends with the process that holds it, however that process ends."""

import fcntl
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, EAGAIN
from pathlib import Path
from typing import IO

import psutil

_PAUSE_SECONDS = 0.02


def try_lock(file: IO[str]) -> bool:
    """Lock an open file (`flock`); return False where another open file holds the lock, in this process or another."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(file: IO[str]) -> None:
    """Release the lock of an open file, also where a forked child still has the file open."""
    fcntl.flock(file, fcntl.LOCK_UN)


def try_lock_range(file: IO[bytes]) -> bool:
    """Lock an open file against locks of byte ranges (`fcntl`), such as DuckDB's, for as long as it is open here.

    A range lock usually belongs to the process. This one belongs to the open file, so that it also conflicts with a
    DuckDB in this process. Return False where the file is locked, or where the system offers no such lock.
    """
    if not hasattr(fcntl, "F_OFD_SETLK"):
        return False
    complete_file = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(file.fileno(), fcntl.F_OFD_SETLK, complete_file)
    except OSError as refused:
        if refused.errno not in (EACCES, EAGAIN):
            raise
        return False
    return True


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Make a folder, and wait until no other process or thread holds its lock; hold it while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pause(deadline: float) -> None:
    """Wait a moment before the next attempt, not beyond `deadline` (of the monotonic clock)."""
    # All wait equally long, so that nobody is favoured; jitter keeps them from trying at the same moments for ever.
    time.sleep(max(min(_PAUSE_SECONDS * random.uniform(0.5, 1.5), deadline - time.monotonic()), 0.0))  # noqa: S311


class QueuedLock:
    """A lock for which processes and threads queue, and which records the process that holds it.

    Two files: `lock` is held while at work, `queue` while next in line. Without the queue, a holder that returns at
    once would always be faster than one that tries every few milliseconds, which would starve.

    Args:
        lock: the file of the lock; it holds the process id of the last holder.
        queue: the file of the queue.
        wait_seconds: how long to wait.
        busy: makes the error to raise after that time from a phrase that names the holder.
    """

    def __init__(self, lock: Path, queue: Path, wait_seconds: float, busy: Callable[[str], Exception]) -> None:
        """Keep the settings; touch nothing."""
        self._lock, self._queue, self._wait_seconds, self._busy = lock, queue, wait_seconds, busy

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock while the block runs. Raises the error of `busy` where it was not free until the deadline."""
        deadline = time.monotonic() + self._wait_seconds
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._queue.open("a") as queue, self._lock.open("a+") as lock:
            self._wait(queue, deadline)
            self._wait(lock, deadline)
            unlock(queue)
            with _recorded(lock):
                yield

    @contextmanager
    def tried(self) -> Iterator[bool]:
        """Hold the lock while the block runs if it is free now; give whether it is held."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            if not try_lock(lock):
                yield False
                return
            with _recorded(lock):
                yield True

    def busy(self) -> Exception:
        """Return the error that names the process which holds the lock."""
        return self._busy(self._holder())

    def _wait(self, lock: IO[str], deadline: float) -> None:
        while not try_lock(lock):
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
def _recorded(lock: IO[str]) -> Iterator[None]:
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    try:
        yield
    finally:
        # Closing alone would not release it while a forked child still has the file open.
        unlock(lock)
