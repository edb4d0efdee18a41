"""Promises of the arrival sensors, driven through real ticks on a real Dagster instance."""

import gzip
from pathlib import Path

import dagster as dg
import pytest

from failure_platform.definitions import build
from failure_platform.resources.lake_views import ledger
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings

STATUS = "KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n"


class Ticks:
    """The status sensor of one home, ticked by hand; runs are executed as the daemon would."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.platform = Platform(settings)
        self.defs = build(settings)
        self.instance = instance
        self.cursor: str | None = None
        self.run_keys: set[str] = set()

    def drop(self, name: str, text: str) -> Path:
        path = self.platform.inbox.folder("status") / name
        path.write_text(text)
        return path

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.defs.get_repository_def(),
            resources={"inbox": self.platform.inbox},
        )
        result = self.defs.get_sensor_def("status_arrivals")(context)
        if isinstance(result, dg.SensorResult):
            for request in result.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            self.cursor = result.cursor
        assert isinstance(result, (dg.SensorResult, dg.SkipReason))
        return result

    def run(self, result: dg.SensorResult | dg.SkipReason) -> list[dg.ExecuteInProcessResult]:
        assert isinstance(result, dg.SensorResult)
        done = []
        for request in result.run_requests or []:
            # Dagster never repeats a key; a sensor that did would have its request dropped without a word.
            assert request.run_key not in self.run_keys
            self.run_keys.add(str(request.run_key))
            done.append(
                self.defs.resolve_job_def("ingest_status").execute_in_process(
                    instance=self.instance,
                    partition_key=request.partition_key,
                    tags=dict(request.tags),
                    raise_on_error=False,
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                )
            )
        return done

    def states(self) -> dict[str, str]:
        with self.platform.lake.read() as connection:
            return {line.name: line.state for line in ledger(connection)}


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
    assert isinstance(ticks.tick(), dg.SkipReason)


def test_the_same_bytes_again_start_nothing(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    ticks.run(ticks.tick())
    ticks.drop("copy.csv", STATUS)
    again = ticks.tick()
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests
    assert ticks.states() == {"a.csv": "merged"}


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
    for number in range(1_000):
        ticks.drop(f"{number:04}.csv", STATUS.replace("0001", f"{number:04}"))
    result = ticks.tick()
    assert isinstance(result, dg.SensorResult)
    assert len(result.run_requests or []) == 2
    (added,) = result.dynamic_partitions_requests or []
    assert len(set(added.partition_keys)) == 1_000


def test_a_refused_file_stops_only_itself_and_is_retried_when_touched(ticks: Ticks) -> None:
    ticks.drop("a.csv", STATUS)
    bad = ticks.drop("bad.csv", "what,is,this\n1,2,3\n")
    (run,) = ticks.run(ticks.tick())
    assert run.success
    assert ticks.states() == {"a.csv": "merged", "bad.csv": "refused"}
    (check,) = [c for c in run.get_asset_check_evaluations() if c.check_name == "readable"]
    assert not check.passed
    assert "bad.csv" in str(check.metadata["refused uploads"])

    assert isinstance(ticks.tick(), dg.SkipReason), "nobody asked for a retry"
    bad.touch()
    (again,) = ticks.run(ticks.tick())
    assert not again.success, "alone and still unreadable: the run says so"
    bad.write_text(STATUS.replace("0001", "0002"))
    (mended,) = ticks.run(ticks.tick())
    assert mended.success


def test_a_file_that_is_still_being_written_waits(ticks: Ticks, settings: Settings) -> None:
    """Files under a name that means "unfinished", and files that change between the two looks, are left alone."""
    path = ticks.drop("a.csv.part", STATUS)
    assert isinstance(ticks.tick(), dg.SkipReason)
    path.rename(path.with_name("a.csv"))
    (run,) = ticks.run(ticks.tick())
    assert run.success


def test_a_run_that_died_is_asked_for_again_by_dropping_the_file_again(ticks: Ticks) -> None:
    path = ticks.drop("a.csv", STATUS)
    ticks.tick()  # its run never happens
    path.unlink()
    ticks.drop("a.csv", STATUS)
    (run,) = ticks.run(ticks.tick())
    assert run.success
    assert ticks.states() == {"a.csv": "merged"}


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
