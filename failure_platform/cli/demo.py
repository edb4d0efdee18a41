"""`demo`: the complete flow on simulated uploads, shown while it runs."""

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
from rich.console import Console

from failure_platform.cli import drawing, instance, service
from failure_platform.cli.flow import decide
from failure_platform.cli.model_commands import summary
from failure_platform.cli.simulate import write
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.lake.views import ledger_line
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from failure_platform.simulation.dirt import SOME_DIRT
from failure_platform.simulation.plan import Simulation

FIRST = Simulation(vehicles=2_400, weeks=8, seed=1, start=date(2023, 1, 2), name="demo_batch_1", dirt=SOME_DIRT)
SECOND = Simulation(vehicles=1_200, weeks=4, seed=2, start=FIRST.next_start, name="demo_batch_2", dirt=SOME_DIRT)
TARGET = "road_test"
WHO = "demo"
_PATIENCE_SECONDS = 300.0
_POLL_SECONDS = 1.0


class DemoStuckError(Exception):
    """Something that the demo waits for did not happen."""


def run_demo(settings: Settings, err: Console, *, exit_when_done: bool) -> None:
    """Run the demo on this home. Run again, it doubles nothing and shows what the home holds.

    Raises:
        DemoStuckError: a stage took far too long; the message names the log.
    """
    progress = _Progress(settings, err)
    progress.say("Simulating a first batch of uploads, with some dirt …")
    progress.drop(FIRST)
    progress.say("Starting the platform (webserver, daemon, sensors) …")
    with service.running(settings) as running, instance.opened(settings) as dagster:
        progress.say(f"The UI is up: [bold]{running.url}[/]")
        progress.ingested(dagster, FIRST)
        progress.compared(dagster)
        if Platform(settings).registry.current(TARGET) is None:
            progress.say("A first model has only the base rate to beat. The demo promotes it, as a person would:")
            progress.decide_first()
        progress.say("Dropping a second batch; the sensors retrain by themselves …")
        progress.drop(SECOND)
        progress.ingested(dagster, SECOND)
        progress.compared(dagster)
        compared = summary(Platform(settings), TARGET)
        drawing.draw_comparison(compared, err)
        page = f"{running.url}/assets/production_model?partition={TARGET}"
        progress.say(f"A person promotes here (Materialize > Open launchpad): [bold]{page}[/]")
        progress.say(
            f"The whole graph: {running.url}/asset-groups   The comparison: {running.url}/assets/model_comparison"
        )
        if not exit_when_done:
            progress.say("The UI stays up until Ctrl-C.")
            running.stay_up()


class _Progress:
    """The progress of the demo: what was printed, and how it waits for the next result."""

    def __init__(self, settings: Settings, err: Console) -> None:
        self._settings = settings
        self._err = err
        self._platform = Platform(settings)
        self._printed: set[str] = set()
        self._begin = time.monotonic()

    def say(self, text: str) -> None:
        self._err.print(f"[dim]{time.monotonic() - self._begin:5.0f} s[/]  {text}")

    def drop(self, batch: Simulation) -> None:
        written = [self._settings.uploads_folder / kind / f"{batch.name}.csv" for kind in READ_KINDS]
        if all(path.exists() for path in written):
            self.say(f"{batch.name} is in the upload folder already.")
            return
        made = write(self._settings, batch, self._err)
        for kind, rows in made.rows.items():
            self.say(f"dropped uploads/{kind}/{batch.name}.csv, {rows:,} rows")

    def ingested(self, dagster: dg.DagsterInstance, batch: Simulation) -> None:
        """Wait until the uploads of a batch are in the lake, and print their ledger lines."""
        waiting = {kind: self._settings.uploads_folder / kind / f"{batch.name}.csv" for kind in READ_KINDS}
        for _ in self._until_timeout(dagster, f"{batch.name} to be merged"):
            for kind, path in list(waiting.items()):
                line = self._ledger_line(dagster, kind, path)
                if line is not None:
                    self.say(line)
                    del waiting[kind]
            if not waiting:
                return

    def compared(self, dagster: dg.DagsterInstance) -> None:
        """Wait for a comparison that is newer than everything in the lake, and print its verdict."""
        for _ in self._until_timeout(dagster, "the comparison"):
            lake = max(_materialized_at(dagster, kind) for kind in READ_KINDS)
            if lake < _materialized_at(dagster, "vehicles") < _materialized_at(dagster, "model_comparison"):
                break
        verdict = summary(self._platform, TARGET)["verdict"]
        self.say(f"verdict: [bold]{verdict['outcome']}[/] - {verdict['reason']}")

    def decide_first(self) -> None:
        first = self._platform.registry.newest(TARGET)
        if first is None:
            raise DemoStuckError("No candidate could be trained; the check `trainable` on candidate_model says why.")
        why = "first model of the demo; better than the base rate on the newest vehicles"
        form = {"decision": "promote", "version": first.version, "expected_version": "", "who": WHO, "why": why}
        line = decide(self._settings, TARGET, form)
        self.say(f"promoted {line['production_version']} ({line['who']}: {line['why']})")

    def _ledger_line(self, dagster: dg.DagsterInstance, kind: str, path: Path) -> str | None:
        known = next((r for r in self._platform.inbox.receipts(kind) if r.name == path.name), None)
        if known is None or known.key not in dagster.get_materialized_partitions(dg.AssetKey(kind)):
            return None
        with self._platform.lake.read() as connection:
            line = ledger_line(connection, known.key)
        if line is None:
            return None
        return (
            f"{kind}: {line.rows_in:,} rows in = {line.merged:,} merged + {line.duplicate:,} duplicate + "
            f"{line.superseded:,} superseded + {line.quarantined:,} quarantined"
        )

    def _until_timeout(self, dagster: dg.DagsterInstance, what: str) -> Iterator[None]:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            self._print_runs(dagster)
            yield
            time.sleep(_POLL_SECONDS)
        raise DemoStuckError(
            f"Waited {_PATIENCE_SECONDS:.0f} s for {what}. Look at the Runs page of the UI, and at "
            f"{self._settings.dagster_folder / 'platform.log'}."
        )

    def _print_runs(self, dagster: dg.DagsterInstance) -> None:
        for run in reversed(dagster.get_runs(limit=20)):
            step = f"{run.run_id} {run.status.value}"
            if step in self._printed or run.status not in _STATUS_WORDS:
                continue
            self._printed.add(step)
            name = run.tags.get("failure_platform/file_name", run.tags.get("dagster/partition", ""))
            # Runs started by automation have no job of their own; their assets identify them.
            assets = {key.to_user_string() for key in run.asset_selection or ()}
            job = ", ".join(a for a in _STAGES if a in assets) if run.job_name.startswith("__") else run.job_name
            self.say(f"[dim]run {run.run_id[:8]} {job} {name}: {_STATUS_WORDS[run.status]}[/]")


_STAGES = ("vehicles", "candidate_model", "model_comparison", "production_model", "predictions")
_STATUS_WORDS = {
    dg.DagsterRunStatus.QUEUED: "queued",
    dg.DagsterRunStatus.STARTED: "started",
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.FAILURE: "failed",
}


def _materialized_at(dagster: dg.DagsterInstance, asset: str) -> float:
    event = dagster.get_latest_materialization_event(dg.AssetKey(asset))
    return event.timestamp if event is not None else 0.0
