"""Promises of the arrival sensors, driven through real ticks on a real Dagster instance."""

import errno
import gzip
import itertools
import os
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from failure_platform.catalog import uploads_of
from failure_platform.domain.not_taken import RETRY_SECONDS
from failure_platform.resources.lake.views import ledger, row_counts
from failure_platform.resources.platform import Platform
from failure_platform.resources.uploads import folders
from failure_platform.sensors.arrivals import RANGE_END, RANGE_START, Memory, arrival_sensor
from failure_platform.settings import Settings
from support.ticks import Ticks

STATUS = "KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n"


@pytest.fixture
def ticks(settings: Settings, dagster_instance: dg.DagsterInstance) -> Ticks:
    return Ticks(settings, dagster_instance)


def test_an_empty_folder_is_skipped_with_a_reason(ticks: Ticks) -> None:
    assert isinstance(ticks.tick(), dg.SkipReason)


def test_a_file_is_picked_up_once(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    (run,) = ticks.run(ticks.tick())
    assert run.success
    assert ticks.states() == {"a.csv": "merged"}
    assert ticks.asks_for_nothing()


@pytest.mark.fault(14)
def test_the_same_bytes_again_start_nothing(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    ticks.run(ticks.tick())
    ticks.drop("copy.csv", STATUS)
    again = ticks.tick()
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests
    assert ticks.states() == {"a.csv": "merged"}


@pytest.mark.fault(15)
def test_a_changed_file_under_an_old_name_is_a_new_upload(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    ticks.run(ticks.tick())
    ticks.drop("a.csv", STATUS + "2024-0210002,M700,2024-01-08 06:10:00\n")
    (run,) = ticks.run(ticks.tick())
    assert run.success
    with ticks.platform.lake.read() as connection:
        first, second = ledger(connection)
    assert (first.merged, second.merged, second.duplicate) == (1, 1, 1)


def test_a_backlog_of_a_thousand_files_is_a_few_runs(ticks: Ticks) -> None:
    for number in range(1_001):
        ticks.drop(f"{number:04}.csv", STATUS.replace("0001", f"{number:04}"))
    result = ticks.tick()
    assert isinstance(result, dg.SensorResult)
    assert len(result.run_requests or []) == 2
    (added,) = result.dynamic_partitions_requests or []
    assert len(set(added.partition_keys)) == 1_001


def test_a_refused_file_stops_only_itself_and_is_retried_when_touched(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    bad = ticks.drop("bad.csv", "what,is,this\n1,2,3\n")
    (run,) = ticks.run(ticks.tick())
    assert run.success
    assert ticks.states() == {"a.csv": "merged", "bad.csv": "refused"}
    (check,) = [c for c in run.get_asset_check_evaluations() if c.check_name == "readable"]
    assert not check.passed
    assert "bad.csv" in str(check.metadata["refused uploads"])

    assert ticks.asks_for_nothing(), "nobody asked for a retry"
    bad.touch()
    (again,) = ticks.run(ticks.tick())
    assert not again.success, "alone and still unreadable: the run says so"
    bad.write_text(STATUS.replace("0001", "0002"))
    (mended,) = ticks.run(ticks.tick())
    assert mended.success


@pytest.mark.fault(10)
def test_a_file_that_is_still_being_written_waits(ticks: Ticks, settings: Settings) -> None:
    """Files under a name that means "unfinished", and files that change between the two looks, are left alone."""
    path = ticks.drop("a.csv.part", STATUS)
    assert isinstance(ticks.tick(), dg.SkipReason)
    path.rename(path.with_name("a.csv"))
    (run,) = ticks.run(ticks.tick())
    assert run.success


@pytest.mark.fault(1)
def test_uploads_whose_run_died_are_asked_for_again_without_a_hand(ticks: Ticks) -> None:
    """Killed before, while and after its uploads were merged: in the end each is merged, and once."""
    for number in range(4):
        ticks.drop(f"{number}.csv", STATUS.replace("0001", f"000{number}"))
    request = ticks.request(ticks.tick())
    ticks.dies(request)
    second = ticks.request(ticks.tick())
    (run,) = ticks.run(dg.SensorResult(run_requests=[second]))
    assert run.success
    # Killed a moment later, after the commit and before the receipts were marked.
    ticks.instance.delete_run(run.run_id)
    for receipt in ticks.platform.inbox.receipts("status"):
        ticks.platform.inbox.mark(receipt, "received")
    ticks.dies(second)
    third = ticks.request(ticks.tick())
    assert len({str(r.run_key) for r in (request, second, third)}) == 3
    (run,) = ticks.run(dg.SensorResult(run_requests=[third]))
    assert run.success
    assert ticks.asks_for_nothing()
    assert ticks.states() == {f"{number}.csv": "merged" for number in range(4)}
    with ticks.platform.lake.read() as connection:
        assert row_counts(connection)["status"] == 4


def test_only_what_is_unanswered_is_asked_for_again(ticks: Ticks) -> None:
    """What was merged, refused or withdrawn is left alone; a range never reaches over it."""
    for number in range(5):
        ticks.drop(f"{number}.csv", STATUS.replace("0001", f"000{number}"))
    request = ticks.request(ticks.tick())
    receipts = sorted(ticks.platform.inbox.receipts("status"), key=lambda r: r.name)
    ticks.platform.inbox.mark(receipts[1], "withdrawn")
    ticks.platform.inbox.mark(receipts[4], "refused")
    ticks.dies(request)
    again = ticks.tick()
    assert isinstance(again, dg.SensorResult)
    first, second = again.run_requests or []
    assert first.partition_key == receipts[0].key
    assert [second.tags[RANGE_START], second.tags[RANGE_END]] == [receipts[2].key, receipts[3].key]


def test_a_run_that_is_under_way_is_not_asked_for_twice(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    ticks.create(ticks.request(ticks.tick()), dg.DagsterRunStatus.STARTED)
    assert ticks.asks_for_nothing()
    assert ticks.asks_for_nothing(), "and it is still remembered"


def test_a_run_that_failed_for_a_reason_waits_for_a_person(ticks: Ticks) -> None:
    """The same would happen again; touching the file is how a person asks for it."""
    path = ticks.drop("a.csv", STATUS)
    run = ticks.create(ticks.request(ticks.tick()), dg.DagsterRunStatus.FAILURE)
    ticks.instance.add_run_tags(run.run_id, {"dagster/failure_reason": "STEP_FAILURE"})
    assert ticks.asks_for_nothing()
    path.touch()
    assert ticks.request(ticks.tick()).run_key


def test_dagster_does_not_repeat_the_runs_that_the_sensor_follows(ticks: Ticks) -> None:
    """Two that repeat the same run would double it."""
    ticks.drop("a.csv", STATUS)
    assert ticks.request(ticks.tick()).tags["dagster/max_retries"] == "0"


def test_a_removed_original_does_not_matter_once_it_is_archived(
    ticks: Ticks, dagster_instance: dg.DagsterInstance
) -> None:
    """Materialising a partition again works from the archive, and leaves the same lake."""
    path = ticks.drop("a.csv", STATUS)
    ticks.run(ticks.tick())
    path.unlink()
    (key,) = dagster_instance.get_dynamic_partitions("status_uploads")
    run = ticks.defs.resolve_job_def("ingest_status").execute_in_process(instance=dagster_instance, partition_key=key)
    assert run.success
    with ticks.platform.lake.read() as connection:
        (line,) = ledger(connection)
    assert (line.rows_in, line.merged) == (1, 1)


def test_gzip_under_a_csv_name_is_understood(ticks: Ticks) -> None:
    (ticks.platform.inbox.folder("status") / "a.csv").write_bytes(gzip.compress(STATUS.encode()))
    (run,) = ticks.run(ticks.tick())
    assert run.success


class Time:
    """A clock that moves only where the sensor sleeps; `during` is what happens meanwhile."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.inbox, self.instance = Platform(settings).inbox, instance
        self.now, self.slept, self.cursor = 1_700_000_000.0, [], None
        self.during = lambda: None
        self.sensor = arrival_sensor(
            "status", "ingest_status", uploads_of("status"), 30.0, 100, clock=lambda: self.now, sleep=self.sleep
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.during()

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources={"inbox": self.inbox})
        result = self.sensor(context)
        if isinstance(result, dg.SensorResult):
            for request in result.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        self.cursor = result.cursor if isinstance(result, dg.SensorResult) else context.cursor
        return result

    def answered(self) -> str:
        """Tick, let the one requested run end with a result, and return its file or the number of its files."""
        (request,) = self.tick().run_requests
        run = dg.DagsterRun("ingest_status", tags={"dagster/run_key": str(request.run_key)})
        self.instance.add_run(run)
        self.instance.report_run_failed(run)
        self.instance.add_run_tags(run.run_id, {"dagster/failure_reason": "STEP_FAILURE"})
        return request.tags.get("failure_platform/file_name") or request.tags["failure_platform/uploads"]

    def reason(self) -> str:
        """Tick, and return why nothing is requested."""
        result = self.tick()
        if isinstance(result, dg.SensorResult):
            assert not result.run_requests
            assert result.skip_reason is not None
            return str(result.skip_reason.skip_message)
        return str(result.skip_message)


@pytest.fixture
def time(settings: Settings, dagster_instance: dg.DagsterInstance) -> Time:
    return Time(settings, dagster_instance)


@pytest.mark.fault(10)
def test_a_file_that_changes_between_the_two_scans_waits_for_the_next_tick(time: Time) -> None:
    """It is received once it has been the same for the settle time; no more time than that is spent."""
    path: Path = time.inbox.folder("status") / "a.csv"
    path.write_text(STATUS)
    time.during = lambda: path.write_text(STATUS * 2)
    first = time.tick()
    assert not first.run_requests
    assert "1 files are still being written, such as 'a.csv'" in str(first.skip_reason.skip_message)
    time.during = lambda: None
    assert len(time.tick().run_requests) == 1
    assert time.slept == [30.0, 30.0]


def test_a_run_that_died_again_and_again_is_requested_again_after_its_pause(time: Time) -> None:
    """Two tries at once, then a minute, then ten: whatever dies each time leaves room for others."""
    (time.inbox.folder("status") / "a.csv").write_text(STATUS)
    (request,) = time.tick().run_requests
    for attempt, pause in ((1, 0), (2, 0), (3, 60), (4, 600), (5, 600)):
        run = dg.DagsterRun("ingest_status", tags={"dagster/run_key": str(request.run_key)})
        time.instance.add_run(run)
        time.instance.report_run_failed(run)
        (record,) = time.instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
        if pause:
            time.now = record.end_time + pause - 1
            waiting = time.tick()
            assert not waiting.run_requests
            assert waiting.skip_reason.skip_message == "no new file; 1 runs have not ended yet"
        time.now = record.end_time + pause
        (request,) = time.tick().run_requests
        (pending,) = Memory.from_cursor(time.cursor).pending.values()
        assert pending.attempt == attempt + 1
    assert set(time.slept[1:]) == {0}


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of files that cannot be opened."""
    names: set[str] = set()
    opened = folders.opened

    def instead(path: Path) -> int:
        if path.name in names:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path)

    monkeypatch.setattr(folders, "opened", instead)
    return names


@pytest.mark.fault(85)
def test_an_unreadable_file_is_told_at_every_tick_logged_once_and_taken_by_itself(
    time: Time, locked: set[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Its neighbours are taken at once; it is tried again after a rest, and no tick waits for it meanwhile."""
    for name in ("a.csv", "b.csv", "c.csv"):
        (time.inbox.folder("status") / name).write_text(STATUS + name)
    locked.add("b.csv")
    assert time.answered() == "2"
    sleeps = len(time.slept)
    for _ in range(3):
        assert "1 not taken: uploads/status/b.csv: it cannot be read (Permission denied)" in time.reason()
    assert sum(time.slept[sleeps:]) == 0
    assert capfd.readouterr().err.count("WARNING - Not taken: uploads/status/b.csv") == 1
    time.now += RETRY_SECONDS
    assert "b.csv" in time.reason(), "tried again, and still locked"
    locked.clear()
    time.now += RETRY_SECONDS
    assert time.answered() == "b.csv"
    assert Memory.from_cursor(time.cursor).blocked == {}


@pytest.mark.fault(85)
def test_a_changed_file_does_not_rest(time: Time, locked: set[str]) -> None:
    """Saved again: whatever held it, it is tried at the next tick."""
    path = time.inbox.folder("status") / "a.csv"
    path.write_text(STATUS)
    locked.add("a.csv")
    assert "a.csv" in time.reason()
    locked.clear()
    path.write_text(STATUS * 2)
    assert len(time.tick().run_requests) == 1


@pytest.mark.fault(85)
def test_a_large_unreadable_file_does_not_use_up_every_tick(
    time: Time, locked: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick reads a limited amount; what failed before stands at the end of the queue."""
    monkeypatch.setattr("failure_platform.sensors.arrivals.MOST_BYTES_PER_TICK", 1)
    for name in ("a.csv", "b.csv"):
        (time.inbox.folder("status") / name).write_text(STATUS + name)
    locked.add("a.csv")
    assert "a.csv" in time.reason()
    assert time.answered() == "b.csv"


@pytest.mark.fault(86)
def test_a_share_that_is_away_is_told_and_nothing_is_forgotten(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back again, its files are known: none is hashed or requested a second time."""
    (time.inbox.folder("status") / "a.csv").write_text(STATUS)
    time.answered()
    time.reason()
    handled = Memory.from_cursor(time.cursor).handled
    listing = folders.os.scandir

    def gone(path: Path) -> object:
        if Path(path).name == "status":
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return listing(path)

    with monkeypatch.context() as away:
        away.setattr(folders.os, "scandir", gone)
        for _ in range(2):
            assert "uploads/status: it cannot be listed" in time.reason()
            assert Memory.from_cursor(time.cursor).handled == handled
    assert "not taken" not in time.reason()
    assert Memory.from_cursor(time.cursor).handled == handled


@pytest.mark.fault(89)
def test_the_sensor_of_the_kind_that_is_meant_tells_what_lies_beside_it(time: Time) -> None:
    """A folder that is called almost like another kind is left to that kind's sensor."""
    for name in ("Estatus/a.csv", "Falha/b.csv", "c.csv", "status/x/d.csv"):
        path = time.inbox.uploads / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STATUS)
    reason = time.reason()
    assert "3 not taken" in reason
    assert all(f"uploads/{name}:" in reason for name in ("Estatus", "c.csv", "status/x"))
    assert "Falha" not in reason


@pytest.mark.fault(90)
def test_a_share_that_numbers_its_files_anew_is_read_once(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and time settle there: no tick finds something new, waits, or reads again."""
    classified, numbers = folders._classified, itertools.count(1)

    def renumbered(kind: str, entry: "os.DirEntry[str]") -> object:
        return replace(classified(kind, entry), inode=next(numbers))

    monkeypatch.setattr(folders, "_classified", renumbered)
    (time.inbox.folder("status") / "a.csv").write_text(STATUS)
    time.answered()
    slept = len(time.slept)
    monkeypatch.setattr(folders, "opened", lambda path: pytest.fail(f"{path} is read again"))
    for _ in range(3):
        time.reason()
    assert sum(time.slept[slept:]) == 0
