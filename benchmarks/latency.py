"""Latency for a user: from a dropped file to merged rows, and to a finished comparison.

    python benchmarks/latency.py            (about 4 minutes)

Starts a platform on a temporary home, ingests a first batch of the demo's size, then drops five small files and a
second batch, and prints seconds. Run it on an otherwise idle machine.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg

from failure_platform.cli import instance, service
from failure_platform.cli.demo import FIRST, SECOND
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.settings import Settings
from failure_platform.simulation.writing import simulate

SMALL_FILES = 5
UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), port=0)
        begin = time.monotonic()
        with service.running(settings), instance.opened(settings) as dagster:
            print(f"platform up: {time.monotonic() - begin:.1f} s")
            simulate(FIRST, settings.uploads_folder)
            print(f"first batch to comparison: {compared(dagster, after=0.0):.1f} s")
            idle(dagster)
            waits = []
            for number in range(SMALL_FILES):
                waits.append(small_file(settings, dagster, number))
                idle(dagster)
            print(f"small file to merged: median {statistics.median(waits):.1f} s, worst {max(waits):.1f} s")
            simulate(SECOND, settings.uploads_folder)
            print(f"second batch to comparison: {compared(dagster, after=time.time()):.1f} s")


def small_file(settings: Settings, dagster: dg.DagsterInstance, number: int) -> float:
    """Drop a status file of a hundred rows and return the seconds until its rows are in the lake."""
    at = FIRST.exported_at + timedelta(hours=number)
    rows = [f"2023-2056{i:03}{number},M600,{at + timedelta(seconds=i):%Y-%m-%d %H:%M:%S}" for i in range(100)]
    (settings.uploads_folder / "status" / f"small_{number}.csv").write_text(
        "KNR,STATUS,DATA\n" + "\n".join(rows) + "\n"
    )
    inbox = Inbox(settings.uploads_folder, settings.archive_folder)
    begin = time.monotonic()

    def merged() -> bool:
        known = [r for r in inbox.receipts("status") if r.name == f"small_{number}.csv"]
        return bool(known) and known[0].key in dagster.get_materialized_partitions(dg.AssetKey("status"))

    wait(merged)
    return time.monotonic() - begin


def compared(dagster: dg.DagsterInstance, after: float) -> float:
    """Return the seconds until there is a comparison that includes all three kinds."""
    begin = time.monotonic()

    def materialized_at(asset: str) -> float:
        event = dagster.get_latest_materialization_event(dg.AssetKey(asset))
        return event.timestamp if event is not None else 0.0

    def happened() -> bool:
        kinds = [materialized_at(kind) for kind in ("resultados", "falhas", "status")]
        return after < min(kinds) and max(kinds) < materialized_at("vehicles") < materialized_at("model_comparison")

    wait(happened)
    return time.monotonic() - begin


def idle(dagster: dg.DagsterInstance) -> None:
    """Wait until no run has been unfinished for 15 s, so that automation has evaluated its conditions."""
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < 15:
        if dagster.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
            idle_since = time.monotonic()
        time.sleep(0.5)


def wait(happened: Callable[[], bool]) -> None:
    """Wait until `happened` returns True, for at most five minutes."""
    end = time.monotonic() + 300
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("waited five minutes; see <home>/dagster/platform.log")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
