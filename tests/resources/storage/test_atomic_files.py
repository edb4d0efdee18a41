"""Small files that others read while they are replaced, and whose writer may die: always the old one or the new one."""

import json
import os
import random
import signal
import time

import pytest

from failure_platform.resources.storage.atomic_files import atomic_write, sweep
from support.lake_worker import processes

KILLS = 12


def write_for_ever(target):
    number = 0
    while True:
        number += 1
        with atomic_write(target) as draft:
            draft.write_text(json.dumps({"number": number, "filling": "x" * 300_000}))


@pytest.mark.fault(2)
def test_a_killed_writer_and_a_reader_at_the_same_time_never_leave_or_see_half_a_file(tmp_path):
    chance = random.Random(2)
    target = tmp_path / "note.json"
    reads = 0
    for _ in range(KILLS):
        writer = processes.Process(target=write_for_ever, args=(target,))
        writer.start()
        # Once it writes, read on until it is killed in the middle of something.
        while not target.exists():
            time.sleep(0.005)
        end = time.monotonic() + chance.uniform(0.02, 0.1)
        while time.monotonic() < end:
            assert len(json.loads(target.read_text())["filling"]) == 300_000
            reads += 1
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert len(json.loads(target.read_text())["filling"]) == 300_000
    assert reads > KILLS
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.fault(2)
def test_only_the_drafts_of_dead_processes_are_swept(tmp_path):
    """Another process may be in the middle of its work; a number that was given again is not that process."""
    dead = processes.Process(target=os.getpid)
    dead.start()
    dead.join()
    old = tmp_path / f".old.{os.getpid()}-0123abcd.part"
    old.touch()
    os.utime(old, (0, 0))
    (tmp_path / f".dead.{dead.pid}-0123abcd.part").touch()
    (tmp_path / "a.part").touch()
    with atomic_write(tmp_path / "mine") as draft:
        draft.touch()
        sweep(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([draft.name, "a.part"])


def test_what_was_not_finished_is_not_kept(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "note") as draft:
        draft.touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
