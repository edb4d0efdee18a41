"""The event log of a home: Dagster's own databases, opened in a cheaper way, as long as Dagster is what it was."""

import hashlib
import inspect

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from failure_platform.catalog import uploads_of
from failure_platform.cli import instance
from failure_platform.definitions import build
from failure_platform.resources.dagster_events import EventLog, databases, events_of
from failure_platform.resources.platform import Platform

# What `EventLog` replaces or relies on, by the SHA-256 of its source in dagster 1.13.27.
DAGSTERS_OWN = {
    "__init__": "264c15baa761a7bb",
    "from_config_value": "28e08f095dc13fb2",
    "has_table": "577d801c70b2a4a5",
    "_connect": "b8435f2665689760",
    "_initdb": "7a302d98eb61a34d",
    "conn_string_for_shard": "896bc510d776042e",
    "path_for_shard": "0eaeb69bc81ba0a7",
}
STATUS = "KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n"


@dg.asset
def one() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 7})


def rows(storage):
    record = storage.get_latest_materialization_events([one.key])[one.key]
    return record.dagster_event.event_specific_data.materialization.metadata["rows"].value


def test_a_home_uses_it_and_what_it_writes_dagsters_own_storage_reads(settings):
    """Whoever opens the home with Dagster's defaults, or goes back to them, finds every event."""
    with instance.opened(settings) as dagster:
        assert isinstance(dagster.event_log_storage, EventLog)
        run = dg.materialize([one], instance=dagster)
        written = [record.event_type_value for record in run.all_events]
    own = SqliteEventLogStorage(str(settings.dagster_folder / "history" / "runs"))
    assert rows(own) == 7
    assert len(own.get_logs_for_run(run.run_id)) >= len(written)
    own.dispose()


def test_what_dagsters_own_storage_wrote_it_reads(settings):
    """A home from before goes on."""
    folder = settings.dagster_folder
    folder.mkdir(parents=True)
    with dg.instance_for_test(temp_dir=str(folder)) as before:
        assert type(before.event_log_storage) is SqliteEventLogStorage
        dg.materialize([one], instance=before)
    with instance.opened(settings) as dagster:
        assert rows(dagster.event_log_storage) == 7
        dg.materialize([one], instance=dagster)
        assert len(dagster.get_runs()) == 2


def test_a_wiped_log_starts_again(settings):
    """What was opened before is not used for the files that came after."""
    with instance.opened(settings) as dagster:
        dg.materialize([one], instance=dagster)
        dagster.wipe()
        dg.materialize([one], instance=dagster)
        assert rows(dagster.event_log_storage) == 7
        assert len(dagster.get_runs()) == 1


@pytest.mark.parametrize("method", DAGSTERS_OWN)
def test_dagsters_storage_is_the_one_that_was_replaced(method):
    """Red after an upgrade: read the method again, compare it with `EventLog`, then record its new source here."""
    source = inspect.getsource(getattr(SqliteEventLogStorage, method))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == DAGSTERS_OWN[method]
    if method in vars(EventLog):
        theirs, ours = (
            list(inspect.signature(getattr(of, method)).parameters) for of in (SqliteEventLogStorage, EventLog)
        )
        assert theirs == ours


@pytest.mark.parametrize("own", [True, False])
def test_the_files_that_are_kept_open_are_those_that_dagster_writes(settings, own):
    """A path that nobody writes would be kept open for nothing, without a word."""
    folder = settings.dagster_folder
    folder.mkdir(parents=True)
    kept = []

    @dg.asset
    def looked(context: dg.AssetExecutionContext) -> None:
        kept.extend(events_of(context))

    def events(file):
        return EventLog(str(file.parent)).get_logs_for_run(file.stem)

    with instance.opened(settings) if own else dg.instance_for_test(temp_dir=str(folder)) as dagster:
        run = dg.materialize([looked], instance=dagster)
        (file,) = kept
        assert file.stem == run.run_id
        assert file.stat().st_size > 0
        assert len(events(file)) >= len(run.all_events)
        dagster.schedule_storage.all_instigator_state()
        assert [file for file in databases(folder) if not file.exists()] == []


def test_with_another_storage_it_is_not_used_and_uploads_are_ingested(settings):
    """As with PostgreSQL: Dagster's events are not in SQLite files."""
    inbox = Platform(settings).inbox
    (inbox.folder("status") / "a.csv").write_text(STATUS)
    receipt = inbox.receive("status", *inbox.look("status"))
    seen = []

    @dg.asset
    def looked(context: dg.AssetExecutionContext) -> None:
        seen.append(events_of(context))

    with dg.DagsterInstance.ephemeral() as dagster:
        assert not isinstance(dagster.event_log_storage, SqliteEventLogStorage)
        assert dg.materialize([looked], instance=dagster).success
        dagster.add_dynamic_partitions(str(uploads_of("status").name), [receipt.key])
        job = build(settings).resolve_job_def("ingest_status")
        assert job.execute_in_process(instance=dagster, partition_key=receipt.key).success
    assert seen == [()]
