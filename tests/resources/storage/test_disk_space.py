"""A full disk: told in one clear error, with how much is needed; what was committed stays, and a re-run completes."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.reading.upload import read_upload
from failure_platform.resources.storage.disk_space import DiskFullError
from support.lake_worker import inbox_of, lake_of, processes
from support.merging_plant import csv, measured

MIB = 1 << 20


def limited(size, work, *given):
    """Do something in a process whose files may not grow beyond `size` bytes; it must be told that the disk is full."""

    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=_within, args=(size, sender, work, *given))
    process.start()
    process.join(60)
    return receiver.recv() if receiver.poll() else "nothing"


def _within(size, sender, work, *given):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        work(*given)
    except DiskFullError as error:
        sender.send(str(error))


def fill(home, rows):
    with lake_of(home).write() as con:
        con.execute("INSERT INTO status SELECT hash(range)::VARCHAR, 'x', NULL, 'u', hash(range) FROM range(?)", [rows])


def archive(home):
    inbox = inbox_of(home)
    inbox.original(inbox.receive("resultados", inbox.look("resultados")[0]))


def read(home):
    inbox = inbox_of(home)
    original = inbox.original(inbox.receive("resultados", inbox.look("resultados")[0]))
    read_upload(original, CONTRACTS["resultados"], home / "staging", person_key=b"key", threads=1)


def count(home):
    with lake_of(home).read() as con:
        return con.execute("SELECT count(*) FROM status").fetchone()[0]


@pytest.mark.fault(3)
def test_a_write_that_does_not_fit_keeps_what_was_committed_before(tmp_path):
    fill(tmp_path, 10)
    told = limited(3 * MIB, fill, tmp_path, 500_000)
    assert told.startswith(f"Disk full: the lake could not be written in {tmp_path / 'lake'}; ")
    assert "MiB are free and about 1 MiB are needed. A limit on the size of files, or a quota, may be lower." in told
    assert "Nothing of this write was kept, and what was committed before is safe." in told
    assert told.endswith("make room and run again.")
    assert count(tmp_path) == 10
    fill(tmp_path, 500_000)
    assert count(tmp_path) == 500_010


@pytest.fixture
def upload(tmp_path):
    path = inbox_of(tmp_path).folder("resultados") / "large.csv"
    path.write_text(csv(*(measured(n / 7, f"{n:06}") for n in range(60_000))))
    return path


@pytest.mark.fault(3)
def test_an_original_that_does_not_fit_stays_in_the_upload_folder(tmp_path, upload):
    told = limited(MIB, archive, tmp_path)
    assert told.startswith("Disk full: the original 'large.csv' could not be written in")
    assert f"about {upload.stat().st_size >> 20} MiB are needed" in told
    assert f"The file stays in {upload.parent}, nothing of it was merged: make room and run again." in told
    assert [path.name for path in (tmp_path / "archive" / "resultados").iterdir()] == ["receipts"]
    archive(tmp_path)


@pytest.mark.fault(3)
def test_rows_that_do_not_fit_are_no_refusal_of_the_file(tmp_path, upload):
    """The file is good: a refusal would have to be dropped again, this only has to be run again."""
    archive(tmp_path)
    told = limited(MIB // 4, read, tmp_path)
    assert told.startswith("Disk full: the rows of an upload could not be written in")
    assert told.endswith("its original stays in the archive: make room and run again.")
    read(tmp_path)


SMALL_DISK = """
import subprocess, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_disk_space import DiskFullError, archive, count, fill, inbox_of
home = Path(sys.argv[1])
def told(work, *given):
    try:
        work(*given)
    except DiskFullError as error:
        return str(error)
fill(home, 10)
after = told(fill, home, 400_000)
assert "readers could not be written" in after and "What was written is committed and safe" in after, after
assert "MiB are needed. What was written" in after, after
again = told(count, home)
assert again == after, again
before = told(fill, home, 1)
assert "the lake's next snapshot could not be written" in before and "Nothing of this write was kept" in before, before
(inbox_of(home).folder("resultados") / "huge.csv").write_bytes(b"x" * (6 << 20))
first = told(archive, home)
assert "the original 'huge.csv' could not be written" in first, first
subprocess.run(["mount", "-o", "remount,size=64m", home], check=True)
assert count(home) == 400_010
fill(home, 1)
archive(home)
assert count(home) == 400_011
print("all told")
"""


@pytest.mark.fault(3)
def test_on_a_small_disk_every_write_tells_and_with_more_room_all_is_there(tmp_path):
    """On a real file system that is full: a commit that cannot be published is not lost, and the next read shows it."""
    here = Path(__file__)
    inside = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=16m tmpfs "$1" && shift && exec "$@"', "sh"]
    if subprocess.run([*inside, tmp_path, "true"], capture_output=True).returncode:
        pytest.skip("mounting a file system is not permitted here")
    done = subprocess.run(
        [*inside, tmp_path, sys.executable, "-c", SMALL_DISK, tmp_path, here.parent, here.parents[2]],
        capture_output=True,
        text=True,
    )
    # On a busy machine DuckDB draws a progress bar before it.
    assert (done.stdout.splitlines()[-1:], done.returncode) == (["all told"], 0), done.stderr
