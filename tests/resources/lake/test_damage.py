"""A damaged lake: the data is exactly right or the damage is told, with the command that repairs it, and it does."""

import contextlib
import os
import shutil

import pytest
from typer.testing import CliRunner

from failure_platform.cli import instance
from failure_platform.cli.app import app
from failure_platform.cli.doctor import examine
from failure_platform.cli.lake_commands import restore_lake
from failure_platform.resources.lake import repairs, snapshot
from failure_platform.resources.lake.errors import LakeBehindError, LakeError, LakeUnreadableError
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.storage import failpoints

ROWS = 60_000


def lake_of(settings):
    return Lake(settings.lake_file, wait_seconds=5, threads=1)


def add(lake, name):
    with lake.write() as con:
        con.execute("INSERT INTO uploads (name) VALUES (?)", [name])
        con.execute(
            "INSERT INTO status SELECT hash(range)::VARCHAR, ?, NULL, ?, range FROM range(?)", [name, name, ROWS]
        )


def seen(lake):
    with lake.read() as con:
        return contents(con)


def contents(con):
    names = [name for (name,) in con.execute("SELECT name FROM uploads ORDER BY name").fetchall()]
    return names, con.execute("SELECT count(*), bit_xor(hash(KNR, STATUS, upload, row_hash)) FROM status").fetchone()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A home with a lake of two acknowledged writes, and beside it the lake as it was before the second checkpoint."""
    home = tmp_path_factory.mktemp("original")
    lake = Lake(home / "lake" / "lake.duckdb", wait_seconds=5, threads=1)
    add(lake, "a")
    kept = home / "before_the_checkpoint"
    kept.mkdir()

    def keep(point):
        if point == "write.committed":
            for file in (lake.path, snapshot.log_of(lake.path)):
                shutil.copy(file, kept)

    failpoints.action = keep
    try:
        with lake.write() as con:
            con.execute("INSERT INTO uploads (name) VALUES ('b')")
            con.execute("INSERT INTO status SELECT range::VARCHAR, 'b', NULL, 'b', range FROM range(200)")
    finally:
        failpoints.action = lambda _point: None
    return home


@pytest.fixture
def settings(original, settings):
    shutil.copytree(original / "lake", settings.lake_file.parent)
    return settings


@pytest.fixture
def right(settings):
    """What the undamaged lake says."""
    return seen(lake_of(settings))


def flip(file, at):
    with file.open("r+b") as out:
        out.seek(at)
        (byte,) = out.read(1)
        out.seek(at)
        out.write(bytes([byte ^ 0xFF]))


def block_of_rows(file):
    """Where a block lies that holds rows: it is read only when they are."""
    return file.stat().st_size // 2


DAMAGES = {
    "header": lambda file: flip(file, 9),
    "first database header": lambda file: flip(file, 4096 + 20),
    "second database header": lambda file: flip(file, 8192 + 20),
    "rows": lambda file: flip(file, block_of_rows(file)),
    "cut in the middle": lambda file: os.truncate(file, file.stat().st_size // 2),
    "cut by a byte": lambda file: os.truncate(file, file.stat().st_size - 1),
    "cut in the header": lambda file: os.truncate(file, 5000),
    "garbage": lambda file: file.write_bytes(b"garbage" * 1000),
    "no bytes": lambda file: file.write_bytes(b""),
    "missing": lambda file: file.unlink(),
}


@pytest.mark.fault(5, 6)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_lake_shows_right_data_or_says_so_and_is_restored(settings, right, damage):
    """Never a wrong row and never fewer; the scan finds every damage, and `restore` brings everything back."""
    lake = lake_of(settings)
    DAMAGES[damage](lake.path)
    with contextlib.suppress(LakeError):
        assert seen(lake) == right
    with pytest.raises(LakeError, match="failure-platform restore"), lake.write() as con:
        assert contents(con) == right
        raise LakeError("the data is right: failure-platform restore is not needed")
    assert [one.is_intact for one in repairs.scan(lake)] == [False, True]
    result = restore_lake(settings)
    assert result["done"] == "The lake was put back from its published snapshot."
    assert result["problems"]
    assert (result["kept"] is None) == (damage == "missing")
    assert seen(lake) == right
    assert all(one.is_intact for one in repairs.scan(lake))
    add(lake, "c")
    assert seen(lake)[0] == ["a", "b", "c"]


@pytest.mark.fault(5, 6)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_shows_right_data_or_says_so_and_is_made_anew(settings, right, damage):
    lake = lake_of(settings)
    ((_, file),) = snapshot.snapshots(lake.path)
    DAMAGES[damage](file)
    try:
        assert seen(lake) == right
    except LakeUnreadableError as told:
        assert "failure-platform restore" in str(told)
        assert restore_lake(settings)["done"] == "The lake is intact; its snapshot was made again."
    else:
        assert damage in ("missing", "cut by a byte")
    restore_lake(settings)
    assert seen(lake) == right
    assert all(one.is_intact for one in repairs.scan(lake))


LOGS = {
    "missing": lambda log: None,
    "no bytes": lambda log: b"",
    "cut in the middle": lambda log: log[: len(log) // 2],
    "cut by a byte": lambda log: log[:-1],
    "first byte flipped": lambda log: bytes([log[0] ^ 0xFF]) + log[1:],
    "head flipped": lambda log: log[:20] + bytes([log[20] ^ 0xFF]) + log[21:],
    "middle flipped": lambda log: log[: len(log) // 2] + bytes([log[len(log) // 2] ^ 0xFF]) + log[len(log) // 2 + 1 :],
    "garbage": lambda log: bytes(range(256)) * (len(log) // 256),
}


@pytest.mark.fault(7)
@pytest.mark.parametrize("damage", LOGS)
def test_a_lost_or_damaged_log_never_takes_acknowledged_rows_with_it(settings, original, right, damage):
    """DuckDB opens such a file without a word and without the latest commits; the count of commits tells."""
    lake = lake_of(settings)
    before = original / "before_the_checkpoint"
    shutil.copy(before / lake.path.name, lake.path)
    log = LOGS[damage](snapshot.log_of(before / lake.path.name).read_bytes())
    if log is not None:
        snapshot.log_of(lake.path).write_bytes(log)
    for use in (lake.read, lake.write):
        with pytest.raises((LakeBehindError, LakeUnreadableError), match="failure-platform restore"), use():
            pass
    assert restore_lake(settings)["done"] == "The lake was put back from its published snapshot."
    assert seen(lake) == right


@pytest.mark.fault(7)
def test_a_whole_log_is_taken_in(settings, original, right):
    """The same files with their log are an interrupted write, and nothing is wrong with them."""
    lake = lake_of(settings)
    for file in (original / "before_the_checkpoint").iterdir():
        shutil.copy(file, lake.path.parent)
    assert seen(lake) == right
    assert not snapshot.log_of(lake.path).exists()


@pytest.mark.fault(7)
@pytest.mark.parametrize("marker", [b"", b'{"commits": 2', b"{}"], ids=["no bytes", "torn", "of an earlier version"])
def test_a_damaged_or_lost_marker_does_not_hide_that_commits_are_missing(settings, original, right, marker):
    lake = lake_of(settings)
    snapshot.marker_of(lake.path).write_bytes(marker)
    if marker == b"{}":
        assert seen(lake) == right
    else:
        with pytest.raises(LakeUnreadableError, match=r"lake\.json is damaged.*restore"):
            seen(lake)
    snapshot.marker_of(lake.path).write_bytes(marker)
    shutil.copy(original / "before_the_checkpoint" / lake.path.name, lake.path)
    with pytest.raises(LakeError):
        seen(lake)
    assert restore_lake(settings)["kept"]
    assert seen(lake) == right


@pytest.mark.fault(5)
def test_when_both_are_damaged_nothing_is_touched_and_the_next_command_is_named(settings):
    lake = lake_of(settings)
    ((_, file),) = snapshot.snapshots(lake.path)
    for damaged in (lake.path, file):
        flip(damaged, block_of_rows(damaged))
    before = lake.path.read_bytes()
    with pytest.raises(LakeError, match="neither the lake nor its snapshot is intact.*failure-platform replay"):
        restore_lake(settings)
    assert lake.path.read_bytes() == before


@pytest.mark.fault(5)
def test_the_scan_names_the_damaged_table(settings, right):
    """Opening and counting find nothing; only reading every row does. The rest of the lake is told to be whole."""
    flip(settings.lake_file, block_of_rows(settings.lake_file))
    checks = {check["check"]: check for check in examine(settings)["checks"]}
    assert checks["lake opens"]["ok"]
    told = {check["check"]: check for check in examine(settings, scan=True)["checks"]}[
        "every row of the lake can be read"
    ]
    assert not told["ok"]
    assert "Table status of lake.duckdb is damaged" in told["what to do"]
    assert "failure-platform restore" in told["what to do"]
    assert "Table uploads" not in told["what to do"]
    assert CliRunner().invoke(app, ["doctor", "--scan"]).exit_code == 1
    assert CliRunner().invoke(app, ["restore"]).exit_code == 0
    assert examine(settings, scan=True)["checks"][-1]["ok"]
    assert "nothing was changed" in restore_lake(settings)["done"]
    assert seen(lake_of(settings)) == right


@pytest.mark.fault(5)
def test_nothing_is_restored_under_a_running_platform(settings):
    """It would take the file away from under a run."""
    settings.lake_file.write_bytes(b"")
    with instance.exclusive_home(settings), pytest.raises(instance.HomeBusyError, match="Another platform works on"):
        restore_lake(settings)
    assert settings.lake_file.read_bytes() == b""
