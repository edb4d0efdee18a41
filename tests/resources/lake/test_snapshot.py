"""The published snapshot is made of an older one: it is the lake to the byte, and no reader ever sees it change."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.resources.lake import file_copies, snapshot
from failure_platform.resources.lake.lake import Lake
from support.examples import examples

ROWS = 30_000

CHANGES = {
    "rows": "INSERT INTO status SELECT hash(range + {n})::VARCHAR, 'x', NULL, 'u', range FROM range({n})",
    "fewer rows": "DELETE FROM status WHERE row_hash % {n} < 7",
    "other values": "UPDATE status SET upload = 'v{n}' WHERE row_hash % 50 = {n} % 50",
    "another table": "CREATE OR REPLACE TABLE t AS SELECT * FROM status LIMIT {n}",
    "no such table": "DROP TABLE IF EXISTS t",
    "none": "SELECT {n}",
}

READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
print("in", flush=True)
rows = int(sys.stdin.readline())
assert con.execute("SELECT count(*), count(DISTINCT KNR) FROM status").fetchone() == (rows, rows)
"""


@pytest.fixture(autouse=True)
def _no_shared_blocks(monkeypatch):
    """Where files can share blocks, nothing is copied at all; here it is shown what happens elsewhere."""
    monkeypatch.setattr(snapshot, "share", lambda _source, _target: False)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake.duckdb", wait_seconds=10)


def change(lake, what, n=ROWS):
    with lake.write() as con:
        con.execute(CHANGES[what].format(n=n))


def newest(lake):
    return lake.path.with_name(snapshot.published(lake.path).snapshot)


@examples(10)
@given(changes=st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(1, 60_000)), min_size=3, max_size=9))
def test_a_snapshot_is_the_lake_to_the_byte(tmp_path_factory, changes):
    """Whatever was written, taken out or dropped since the spare was made, longer or shorter."""
    lake = Lake(tmp_path_factory.mktemp("lake") / "lake.duckdb")
    for what, n in changes:
        change(lake, what, n)
        assert newest(lake).read_bytes() == lake.path.read_bytes()


def test_publishing_writes_what_changed_and_not_the_lake(lake, monkeypatch):
    """A lake of gigabytes is not written again for one row: no copy is made once there is a spare."""
    for _ in range(2):
        change(lake, "rows", 300_000)
    monkeypatch.setattr(snapshot, "copy", None)
    before = snapshot.spare_of(lake.path).stat().st_ino
    change(lake, "rows", 1)
    assert newest(lake).stat().st_ino == before
    assert newest(lake).read_bytes() == lake.path.read_bytes()


def test_a_reader_in_this_process_keeps_what_it_sees_over_many_writes(lake):
    """The snapshot it has open is never made into another one; rows it has not read yet are still there afterwards."""
    change(lake, "rows")
    with lake.read() as con:
        for _ in range(3):
            change(lake, "fewer rows", 9)
            change(lake, "rows", 70_000)
        assert con.execute("SELECT count(*), count(DISTINCT KNR) FROM status").fetchone() == (ROWS, ROWS)
    assert newest(lake).read_bytes() == lake.path.read_bytes()


def test_a_reader_in_another_process_keeps_what_it_sees_over_many_writes(lake):
    """A stranger's own DuckDB, which knows nothing of the platform, is as safe."""
    change(lake, "rows")
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(newest(lake))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout.readline() == "in\n"
    for _ in range(3):
        change(lake, "fewer rows", 9)
        change(lake, "rows", 70_000)
    reader.communicate(f"{ROWS}\n", timeout=30)
    assert reader.returncode == 0


def test_a_flipped_byte_in_the_spare_does_not_reach_the_next_snapshot(lake):
    """The older copy is compared, not believed."""
    for _ in range(2):
        change(lake, "rows")
    with snapshot.spare_of(lake.path).open("r+b") as spare:
        spare.seek(700_001)
        spare.write(b"?")
    change(lake, "rows", 1)
    assert newest(lake).read_bytes() == lake.path.read_bytes()


def test_an_older_copy_that_is_open_is_left_alone(tmp_path, lake):
    """Nothing of it is renamed or written."""
    change(lake, "rows")
    with lake.read():
        assert not file_copies.renew(lake.path, newest(lake), tmp_path / "target")
        assert newest(lake).exists()
        assert not (tmp_path / "target").exists()
