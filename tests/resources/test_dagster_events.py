"""The event log of a home: Dagster's own databases, opened in a cheaper way."""

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from failure_platform.cli import instance
from failure_platform.resources.dagster_events import EventLog


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
