"""The lake's door: one transaction per write, nothing lost, nobody fails because somebody else is at it."""

import os
import signal
import subprocess
import sys
import threading
import time

import duckdb
import pytest

from failure_platform.resources.lake.errors import LakeBusyError, LakeMissingError, LakeUnreadableError
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.lake.snapshot import spare_of
from failure_platform.resources.lake.tables import upload_tables


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake" / "lake.duckdb", wait_seconds=10)


def names(lake):
    with lake.read() as con:
        return [name for (name,) in con.execute("SELECT name FROM uploads ORDER BY name").fetchall()]


def files(lake):
    # Whether there is a spare depends on the file system.
    return sorted(path.name for path in lake.path.parent.iterdir() if path != spare_of(lake.path))


def note(con, name):
    con.execute("INSERT INTO uploads (name) VALUES (?)", [name])


AFTER_A_WRITE = ["lake.duckdb", "lake.json", "lake.lock", "lake.queue", "published-1.duckdb"]

HOLD = """
import sys, time
from pathlib import Path
from failure_platform.resources.lake.lake import Lake
with Lake(Path(sys.argv[1])).write() as con:
    con.execute("INSERT INTO uploads (name) VALUES ('from the other process')")
    print("in", flush=True)
    time.sleep(float(sys.argv[2]))
"""


STRANGER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
print("in", flush=True)
sys.stdin.read()
"""

SPILL = """
import sys
from pathlib import Path
from failure_platform.resources.lake.lake import Lake
lake = Lake(Path(sys.argv[1]), threads=1, memory_limit="50MB")
spilling = "CREATE TEMP TABLE t AS SELECT hash(range)::VARCHAR || 'abcdefghijklmn' AS s, range " \\
    "FROM range(600000) ORDER BY s"
with lake.read() as reader, lake.write() as writer:
    for con in (reader, writer):
        con.execute(spilling)
    for con in (reader, writer):
        assert con.execute("SELECT count(*), sum(range) FROM t").fetchone() == (600000, 179999700000)
"""


@pytest.fixture
def other_process(lake):
    """Start a process that holds the lake for some seconds within a write."""
    started = []

    def hold(seconds):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(lake.path), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "in\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_new_lake_has_its_tables_and_is_empty(lake):
    """Reading first is no error: a reader of a new home sees empty tables."""
    with lake.read() as con:
        tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert tables == upload_tables()
    assert names(lake) == []


def test_columns_and_types_are_those_of_the_contract(lake):
    """Other parts read these columns by name and in this order."""
    with lake.read() as con:
        columns = con.execute(
            "SELECT column_name || ' ' || data_type FROM duckdb_columns() "
            "WHERE table_name = 'resultados' ORDER BY column_index"
        ).fetchall()
    assert [column for (column,) in columns] == [
        "KNR VARCHAR", "NAME VARCHAR", "ID INTEGER", "STATUS INTEGER", "UNIT VARCHAR", "VALUE_ID INTEGER",
        "VALUE DOUBLE", "DATA TIMESTAMP", "upload VARCHAR", "row_hash UBIGINT",
    ]  # fmt: skip


def test_a_write_is_kept_without_a_log_beside_it(lake):
    """After a write the file alone holds everything: a lost write-ahead log loses nothing."""
    with lake.write() as con:
        note(con, "a")
    assert files(lake) == AFTER_A_WRITE
    assert names(lake) == ["a"]


def test_a_failed_write_leaves_the_lake_as_it_was(lake):
    """What raised is shown, nothing of the transaction is kept, and the connection is closed."""
    with pytest.raises(ZeroDivisionError), lake.write() as con:
        note(con, "a")
        raise ZeroDivisionError
    with pytest.raises(duckdb.ConversionException), lake.write() as con:
        note(con, "b")
        con.execute("SELECT CAST('x' AS INTEGER)")
    assert names(lake) == []


def test_readers_cannot_write(lake):
    """A reader's mistake cannot change the lake."""
    with lake.read() as con, pytest.raises(duckdb.InvalidInputException, match="read-only"):
        note(con, "a")


@pytest.mark.fault(4)
def test_a_reader_does_not_wait_for_a_writer(lake, other_process):
    """While another process writes, readers see what was acknowledged before; afterwards they see the write."""
    with lake.write() as con:
        note(con, "before")
    process = other_process(2)
    assert names(lake) == ["before"]
    assert process.poll() is None
    assert process.wait(20) == 0
    assert names(lake) == ["before", "from the other process"]


def test_a_writer_waits_for_a_writer(lake, other_process):
    """Two writers both succeed."""
    other_process(0.3)
    with lake.write() as con:
        note(con, "mine")
    assert names(lake) == ["from the other process", "mine"]


def test_a_writer_does_not_wait_for_a_reader(lake):
    """A slow reader keeps the state it opened; who reads after the write sees the write, also in the same process."""
    with lake.read() as before:
        with lake.write() as con:
            note(con, "a")
        assert names(lake) == ["a"]
        assert before.execute("SELECT count(*) FROM uploads").fetchone() == (0,)
    assert files(lake) == AFTER_A_WRITE


@pytest.mark.fault(4)
def test_a_writer_waits_for_a_stranger_that_has_the_file_open(lake):
    """A person may look into the lake's own file with another program: the write waits, then names that program."""
    with lake.write() as con:
        note(con, "a")
    stranger = subprocess.Popen(
        [sys.executable, "-c", STRANGER, str(lake.path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert stranger.stdout.readline() == "in\n"
    with pytest.raises(LakeBusyError, match=str(stranger.pid)), Lake(lake.path, wait_seconds=0.2).write():
        pass
    assert names(lake) == ["a"]
    threading.Timer(0.3, stranger.stdin.close).start()
    with lake.write() as con:
        note(con, "b")
    assert stranger.wait(20) == 0
    assert names(lake) == ["a", "b"]


def test_waiting_ends_and_says_who_holds_the_lake(lake, other_process):
    """After the deadline the error names the process and says what to do."""
    process = other_process(30)
    impatient = Lake(lake.path, wait_seconds=0.3)
    with (
        pytest.raises(
            LakeBusyError, match=rf"after 0\.3 s: process {process.pid} \(.*\) holds it\. Wait for that work"
        ),
        impatient.write(),
    ):
        pass


def test_reading_within_a_write_shows_the_lake_before_it(lake):
    """What is not committed is nobody's to see."""
    with lake.write() as con:
        note(con, "a")
        assert names(lake) == []
    assert names(lake) == ["a"]


def test_writing_within_a_write_is_told_and_does_not_hang(lake):
    """It would wait for itself; the message says that it is this process."""
    impatient = Lake(lake.path, wait_seconds=0.2)
    with impatient.write(), pytest.raises(LakeBusyError, match="another write of this process"), impatient.write():
        pass


def test_readers_with_other_settings_in_one_process_are_served_one_after_the_other(lake):
    """DuckDB opens a file with one set of settings per process; the second reader waits for the first."""
    other = Lake(lake.path, threads=1, wait_seconds=10)
    began = threading.Event()

    def read_slowly():
        with lake.read():
            began.set()
            time.sleep(0.3)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    began.wait(5)
    assert names(other) == []
    reader.join()


def test_threads_write_one_after_the_other(lake):
    """Snapshots of one moment in two threads would lose a count; none is lost."""
    with lake.write() as con:
        con.execute("CREATE TABLE counter AS SELECT 0 AS n")

    def count():
        for _ in range(5):
            with lake.write() as con:
                (n,) = con.execute("SELECT n FROM counter").fetchone()
                con.execute("UPDATE counter SET n = ?", [n + 1])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with lake.read() as con:
        assert con.execute("SELECT n FROM counter").fetchone() == (20,)


def test_kill_9_within_a_write_leaves_the_lake_as_it_was(lake, other_process):
    """A transaction that did not end did not happen."""
    with lake.write() as con:
        note(con, "before")
    os.kill(other_process(30).pid, signal.SIGKILL)
    assert names(lake) == ["before"]


@pytest.mark.fault(6)
def test_a_lake_that_is_gone_is_told_and_not_made_anew(lake):
    """A missing file is a loss, not an empty beginning."""
    with lake.write() as con:
        note(con, "a")
    lake.path.unlink()
    for use in (lake.read, lake.write):
        with pytest.raises(LakeMissingError, match="is gone.*failure-platform restore"), use():
            pass
    assert not lake.path.exists()


@pytest.mark.fault(5)
@pytest.mark.parametrize("content", [b"", b"garbage" * 1000], ids=["no bytes", "garbage"])
def test_a_file_that_is_no_lake_is_told_and_left_alone(lake, content):
    """What cannot be opened is never overwritten."""
    lake.path.parent.mkdir()
    lake.path.write_bytes(content)
    for use in (lake.read, lake.write):
        with pytest.raises(LakeUnreadableError, match="cannot be read: .*not a valid DuckDB database"), use():
            pass
    assert lake.path.read_bytes() == content


def test_a_new_lake_is_made_once_when_many_come_first(tmp_path):
    """Whoever comes second uses the first one's lake and does not replace it."""
    lakes = [Lake(tmp_path / "lake.duckdb") for _ in range(6)]

    def write(number):
        with lakes[number].write() as con:
            note(con, str(number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(lakes[0]) == list("012345")
    assert files(lakes[0]) == ["lake.duckdb", "lake.json", "lake.lock", "lake.queue", "published-6.duckdb"]


def test_threads_and_memory_are_bounded_as_asked(tmp_path):
    """The lake keeps to the share of the machine that it was given."""
    lake = Lake(tmp_path / "lake.duckdb", threads=1, memory_limit="300MB")
    with lake.read() as con:
        found = con.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchone()
    assert found == (1, "286.1 MiB")


@pytest.mark.fault(4)
def test_a_reader_and_a_writer_that_spill_at_once_do_not_disturb_each_other(tmp_path):
    """Two databases that spill into one folder overwrite each other and end the process with a segmentation fault."""
    outcomes = [subprocess.Popen([sys.executable, "-c", SPILL, str(tmp_path / "lake.duckdb")]) for _ in range(2)]
    assert [process.wait(120) for process in outcomes] == [0, 0]
    assert not list(tmp_path.glob("spill-*"))
