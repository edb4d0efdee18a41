"""Promises of the locks: one holder at a time, known by its process, and no lock outlives the process that held it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from failure_platform.resources.storage.locks import QueuedLock, exclusive_lock, try_lock, try_lock_range, unlock

HOLD = (
    "import sys, time\n"
    "from failure_platform.resources.storage.locks import try_lock\n"
    "file = open(sys.argv[1], 'a'); print(try_lock(file), flush=True); time.sleep(600)"
)


class HeldError(Exception):
    """The lock was not free; the message names the holder."""


@pytest.fixture
def queued(tmp_path: Path) -> QueuedLock:
    return QueuedLock(tmp_path / "lock", tmp_path / "queue", 0.2, HeldError)


def test_one_open_file_holds_a_lock_until_it_is_unlocked(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert try_lock(first)
        assert try_lock(first)
        assert not try_lock(second)
        unlock(first)
        assert try_lock(second)


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    with holder, (tmp_path / "lock").open("a") as ours:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not try_lock(ours)
        holder.kill()
        holder.wait()
        assert try_lock(ours)


def test_a_range_lock_meets_duckdb_in_this_process(tmp_path: Path) -> None:
    """DuckDB's own lock belongs to its process, so a usual range lock would not see it from here."""
    file = tmp_path / "lake.duckdb"
    database = duckdb.connect(str(file))
    with file.open("r+b") as ours:
        assert not try_lock_range(ours)
        database.close()
        assert try_lock_range(ours)


def test_the_lock_of_a_folder_is_held_by_one_thread_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with exclusive_lock(tmp_path / "made"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_waits_too_long_is_given_the_error_that_names_the_holder(tmp_path: Path, queued: QueuedLock) -> None:
    with queued.held():
        assert (tmp_path / "lock").read_text() == str(os.getpid())
        with queued.tried() as held:
            assert not held
        with pytest.raises(HeldError, match="another write of this process is under way"), queued.held():
            pass
    with queued.tried() as held:
        assert held
    (tmp_path / "lock").write_text(str(os.getppid()))
    assert f"process {os.getppid()} (" in str(queued.busy())
    (tmp_path / "lock").write_text("")
    assert str(queued.busy()) == "another process holds it"


def test_the_queue_gives_the_lock_to_who_waited_and_not_to_who_returns_at_once(tmp_path: Path) -> None:
    """A holder that comes back without a pause does not starve the others."""
    lock = QueuedLock(tmp_path / "lock", tmp_path / "queue", 20, HeldError)
    waited = threading.Event()

    def wait() -> None:
        with lock.held():
            waited.set()

    waiting = threading.Thread(target=wait)
    with lock.held():
        waiting.start()
        time.sleep(0.1)
    for _ in range(1000):
        with lock.held():
            if waited.is_set():
                break
    waiting.join()
    assert waited.is_set()
