"""Whatever dies, and whenever: the lake is as it was before an upload or as it is after it, and a re-run completes.

Real processes are killed with SIGKILL on real files, at every named failure point and at random times.
"""

import random
import shutil
import signal
import time

import pytest

from failure_platform.resources.lake.file_copies import share
from failure_platform.resources.storage.failpoints import POINTS, failpoint
from support.lake_worker import (
    UPLOADS,
    acknowledged,
    drop,
    keep_looking,
    look,
    processes,
    receive,
    take,
    take_all,
    take_these,
)
from support.merging_plant import csv, measured

KILLED = -signal.SIGKILL


def start(work, *given):
    process = processes.Process(target=work, args=given)
    process.start()
    return process


def ended(process):
    process.join(120)
    code = process.exitcode
    process.kill()
    process.join()
    return code


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """What an undisturbed run shows before the first upload and after each."""
    home = tmp_path_factory.mktemp("undisturbed")
    drop(home, UPLOADS)
    seen = [look(home)]
    for receipt in receive(home):
        take(home, receipt)
        seen.append(look(home))
    assert len(set(seen)) == len(UPLOADS) + 1
    return seen


def has_spares(folder):
    (folder / "one").write_bytes(b"1")
    return not share(folder / "one", folder / "other")


def left_behind(home):
    return [path for path in home.rglob("*") if path.name.endswith((".part", ".wal")) or path.name.startswith("spill")]


def kill_and_run_again(home, states, point, nth):
    """Return whether the point was reached; then nothing is half done, and a re-run ends as if nothing had been."""
    drop(home, UPLOADS)
    code = ended(start(take_all, home, point, nth))
    assert code in (KILLED, 0)
    done = len(acknowledged(home))
    assert look(home) in states[done : done + 2]
    take_all(home)
    assert look(home) == states[-1]
    assert left_behind(home) == []
    return code == KILLED


@pytest.mark.fault(1, 2)
@pytest.mark.parametrize("point", sorted(POINTS))
def test_killed_at_a_point_nothing_is_half_done(tmp_path, states, point):
    if point == "publish.spare_taken" and not has_spares(tmp_path):
        pytest.skip("files share their blocks here: no snapshot is made of an older one")
    assert kill_and_run_again(tmp_path, states, point, 1)


@pytest.mark.fault(1)
@pytest.mark.parametrize(
    ("point", "nth"),
    [("write.committed", 1), ("write.checkpointed", 1), ("publish.copied", 2), ("publish.renamed", 2)],
)
def test_what_was_committed_is_shown_to_the_next_reader(tmp_path, states, point, nth):
    """The writer died before it could publish (the first time a new lake is): whoever reads next does it instead."""
    drop(tmp_path, UPLOADS)
    assert ended(start(take_all, tmp_path, point, nth)) == KILLED
    assert acknowledged(tmp_path) == []
    assert look(tmp_path) == states[1]
    assert left_behind(tmp_path / "lake") == []


def test_a_point_that_no_test_knows_is_an_error():
    """A misspelt name would never be tested."""
    with pytest.raises(ValueError, match=r"'merge\.done' is no failure point; there are: archive\.copied"):
        failpoint("merge.done")


def contradicting(number):
    """An upload that overlaps with all others and contradicts them."""
    return csv(measured(number, "000000"), *(measured(n, f"{n:06}") for n in range(number, number + 10)))


def at_once(home, files):
    """Two writers and three slow readers at the same time; the end is that of a run that took one after the other."""
    drop(home / "many", {f"resultados/{n:03}.csv": contradicting(n) for n in range(files)})
    receipts = receive(home / "many")
    shutil.copytree(home / "many", home / "one")
    readers = [start(keep_looking, home / "many", 0.1) for _ in range(3)]
    writers = [start(take_these, home / "many", part) for part in (receipts[1::2], receipts[0::2])]
    assert [ended(writer) for writer in writers] == [0, 0]
    (home / "many" / "stop").touch()
    assert [ended(reader) for reader in readers] == [0, 0, 0]
    take_these(home / "one", receipts)
    assert look(home / "many") == look(home / "one")
    assert left_behind(home / "many") == []


@pytest.mark.fault(4, 41)
def test_two_writers_and_three_slow_readers_at_once(tmp_path):
    at_once(tmp_path, 4)


@pytest.mark.slow
@pytest.mark.fault(4, 41)
def test_two_writers_and_three_slow_readers_at_once_for_long(tmp_path):
    at_once(tmp_path, 40)


@pytest.mark.slow
@pytest.mark.fault(1, 2)
def test_killed_at_every_point_at_every_time_it_is_reached(tmp_path, states):
    """Each write passes each point again, and meets what is there by then; at least 90 kills."""
    tried = [(point, nth, again) for point in sorted(POINTS) for nth in (1, 2, 3, 4) for again in range(3)]
    kills = sum(
        kill_and_run_again(tmp_path / f"{point}-{nth}-{again}", states, point, nth) for point, nth, again in tried
    )
    assert kills >= 90


@pytest.mark.slow
@pytest.mark.fault(1, 2, 41)
def test_killed_at_random_times_under_load(tmp_path):
    """120 kills of a writer that takes upload after upload, while a reader looks on; nothing acknowledged is lost."""
    chance = random.Random(20261121)
    drop(tmp_path, {f"resultados/{n:03}.csv": contradicting(n) for n in range(30)})
    reader = start(keep_looking, tmp_path, 0.02)
    kills = 0
    while kills < 120:
        writer = start(take_all, tmp_path)
        time.sleep(chance.uniform(0.02, 0.6))
        writer.kill()
        kills += ended(writer) == KILLED
        look(tmp_path)
        if len(set(acknowledged(tmp_path))) == 30:
            drop(tmp_path, {f"resultados/{kills:03}-{n:03}.csv": contradicting(kills * 100 + n) for n in range(2)})
    take_all(tmp_path)
    assert reader.is_alive()
    (tmp_path / "stop").touch()
    assert ended(reader) == 0
    assert {name for name, _, _ in look(tmp_path)[2]} == {path.name for path in tmp_path.glob("uploads/*/*.csv")}
    assert left_behind(tmp_path) == []
