"""A platform that is killed and started again: nothing is lost, nothing is doubled, and nobody lends a hand.

Real processes, started by the real command; `kill -9` as the kernel does it when memory runs out.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest

from failure_platform.cli import instance
from failure_platform.definitions import build
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake.views import ledger, ledger_disagreements, row_counts
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.writing import simulate

PATIENCE_SECONDS = 180
Status = dg.DagsterRunStatus
AUTOMATION = "__ASSET_JOB"
UNFINISHED = [status for status in Status if status.value not in ("SUCCESS", "FAILURE", "CANCELED")]


@pytest.mark.fault(91)
@pytest.mark.parametrize("name", ["Werk 5, Halle (3)", "W#rk 'Ä' 😀 {x} $HOME ;&\"", "a:b\\c\nd"])
def test_dagster_takes_the_settings_of_a_home_of_any_other_name(tmp_path: Path, name: str) -> None:
    """Telemetry is off, the event log is the platform's own, and every file lies in the home."""
    settings = Settings(home=tmp_path / name)
    with instance.opened(settings) as dagster:
        assert not dagster.telemetry_enabled
        assert type(dagster.event_log_storage).__name__ == "EventLog"
        dagster.add_dynamic_partitions("x", ["y"])
        assert dagster.get_dynamic_partitions("x") == ["y"]
    assert (settings.dagster_folder / "history" / "runs" / "index.db").is_file()
    assert list(tmp_path.iterdir()) == [settings.root]


@pytest.mark.fault(91)
def test_a_home_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with (
        pytest.raises(instance.HomeNotUsableError, match="FAILURE_PLATFORM_HOME"),
        instance.exclusive_home(Settings(home=tmp_path / "home")),
    ):
        pass


class Home:
    """One home, the command that runs a platform on it, and what a person would see there."""

    def __init__(self, settings: Settings, dagster: dg.DagsterInstance) -> None:
        self.settings = settings
        self.platform = Platform(settings)
        self.dagster = dagster
        self.rows = dict.fromkeys(CONTRACTS, 0)
        self.files = 0
        self._log = settings.root / "up.log"
        self._commands: list[subprocess.Popen[bytes]] = []

    def drop(self, batches: range, vehicles: int) -> None:
        """Drop some batches of three files; no vehicle is in two of them."""
        for number in batches:
            start = date(2023, 1, 2) + timedelta(weeks=4 * number)
            plan = Simulation(vehicles=vehicles, weeks=2, seed=number, start=start, name=f"batch_{number}")
            for kind, rows in simulate(plan, self.settings.uploads_folder).rows.items():
                self.rows[kind] += rows
                self.files += 1

    def end(self) -> None:
        for command in self._commands:
            self.kill(command)

    def command(self, name: str) -> subprocess.Popen[bytes]:
        environment = {"FAILURE_PLATFORM_HOME": str(self.settings.root), "FAILURE_PLATFORM_PORT": "0"}
        program = str(Path(sys.executable).with_name("failure-platform"))
        with self._log.open("ab") as log:
            self._commands.append(
                subprocess.Popen([program, name], env={**os.environ, **environment}, stdout=log, stderr=log)
            )
        return self._commands[-1]

    def up(self) -> subprocess.Popen[bytes]:
        return self.command("up")

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def processes(self) -> list[psutil.Process]:
        """Every process that works on this home, whoever its parent is."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("FAILURE_PLATFORM_HOME") == str(self.settings.root):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def kill(self, command: subprocess.Popen[bytes]) -> None:
        """Kill the command and every other process of its tree."""
        command.kill()
        command.wait()
        while left := self.processes():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=1)

    def runs(self, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
        return list(self.dagster.get_runs(dg.RunsFilter(statuses=statuses)))

    def ended(self, runs: list[dg.DagsterRun]) -> bool:
        return not {run.run_id for run in runs} & {run.run_id for run in self.runs(*UNFINISHED)}

    def materialized_at(self, asset: str) -> float:
        event = self.dagster.get_latest_materialization_event(dg.AssetKey(asset))
        return event.timestamp if event is not None else 0.0

    def compared(self) -> bool:
        """A comparison stands that is newer than everything in the lake."""
        lake = max(self.materialized_at(kind) for kind in CONTRACTS)
        return lake < self.materialized_at("vehicles") < self.materialized_at("model_comparison")

    def answered(self) -> bool:
        receipts = [r for kind in CONTRACTS for r in self.platform.inbox.receipts(kind)]
        return len(receipts) == self.files and all(r.state == "merged" for r in receipts)

    def check(self) -> None:
        """Every upload is merged, and once."""
        with self.platform.lake.read() as connection:
            lines, counts = ledger(connection), row_counts(connection)
            assert ledger_disagreements(connection) == []
        assert {line.state for line in lines} == {"merged"}
        assert len(lines) == self.files
        for kind, rows in self.rows.items():
            assert sum(line.rows_in for line in lines if line.kind == kind) == rows
            assert counts[kind] + sum(line.duplicate + line.quarantined for line in lines if line.kind == kind) == rows
            assert counts[f"superseded_{kind}"] == 0


def until(happened: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(0.1)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Home]:
    settings = Settings(home=tmp_path / "home", port=0)
    settings.root.mkdir()
    with instance.opened(settings) as dagster:
        made = Home(settings, dagster)
        yield made
        made.end()


@pytest.mark.slow
@pytest.mark.fault(1)
def test_a_killed_platform_goes_on_where_it_was(plant: Home) -> None:
    """All of it is killed while it takes files in; started again it closes those runs and merges each file once."""
    plant.drop(range(2), vehicles=100)
    up = plant.up()
    until(
        lambda: plant.runs(Status.SUCCESS) and plant.runs(Status.STARTED), "some files in the lake, others on the way"
    )
    plant.kill(up)
    dead = plant.runs(*UNFINISHED)
    assert dead

    plant.up()
    until(plant.answered, "every upload to be merged")
    plant.check()
    assert plant.ended(dead), "no run of the killed platform is left under way"


@pytest.mark.slow
@pytest.mark.fault(1)
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_it_comes_to_the_same_end(plant: Home, seed: int) -> None:
    """While it starts, takes files in or retrains: each file is merged once, and the comparison is made."""
    rng = random.Random(seed)
    plant.drop(range(2), vehicles=300)
    begun: list[dg.DagsterRun] = []
    for _ in range(6):
        up = plant.up()
        time.sleep(rng.uniform(3, 30))
        plant.kill(up)
        begun += plant.runs(*UNFINISHED)
    plant.up()
    until(plant.answered, "every upload to be merged")
    plant.check()
    until(plant.compared, "the comparison")
    until(lambda: plant.ended(begun), "the end of every run that was under way at a kill")


@pytest.mark.slow
def test_retraining_is_repeated_as_often_as_it_is_killed(plant: Home) -> None:
    """More often than Dagster repeats a run: what nobody asked for by hand needs nobody to ask again."""
    plant.drop(range(2), vehicles=300)
    for _ in range(3):
        up = plant.up()
        until(lambda: any(run.job_name == AUTOMATION for run in plant.runs(Status.STARTED)), "retraining")
        plant.kill(up)
    plant.up()
    until(plant.compared, "the comparison")


@pytest.mark.slow
def test_what_a_killed_command_left_alive_is_ended_and_told(plant: Home) -> None:
    """`up` is killed and its children live on: a second start is no second platform, and takes the work over."""
    plant.drop(range(1), vehicles=150)
    up = plant.up()
    until(lambda: plant.runs(Status.STARTED), "a run")
    second = plant.up()
    assert second.wait(PATIENCE_SECONDS) == 75, "a living platform is not disturbed"
    assert "Another platform works on" in plant.said()
    up.kill()
    up.wait()
    left = plant.processes()
    assert left, "they live on"

    plant.up()
    until(plant.answered, "every upload to be merged")
    plant.check()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)
    assert plant.said().count("was killed; ended") == 1


@pytest.mark.slow
def test_a_platform_whose_daemon_died_starts_it_again(plant: Home) -> None:
    """Part of the tree is killed and the command lives: it says so and goes on."""
    plant.up()
    until(lambda: "is up" in plant.said(), "the platform")
    (daemon,) = [process for process in plant.processes() if "dagster._daemon" in process.cmdline()]
    daemon.kill()
    until(lambda: "starting again" in plant.said(), "the command to notice")
    plant.drop(range(1), vehicles=50)
    until(plant.answered, "every upload to be merged")
    plant.check()


@pytest.mark.slow
@pytest.mark.fault(1)
def test_the_headless_flow_is_repeated_after_a_kill(plant: Home) -> None:
    """`process` is killed between the first and the last upload; the same command again does the rest."""
    plant.drop(range(2), vehicles=150)
    process = plant.command("process")
    until(lambda: plant.runs(Status.SUCCESS) and plant.runs(Status.STARTED), "the first uploads")
    plant.kill(process)
    dead = plant.runs(*UNFINISHED)
    assert dead
    assert plant.command("process").wait(PATIENCE_SECONDS) == 0
    assert plant.answered()
    plant.check()
    assert plant.ended(dead)


def test_only_processes_of_the_killed_platform_are_ended(tmp_path: Path) -> None:
    """Another start's processes on the same home, and a person's shell there, are left alone."""
    settings = Settings(home=tmp_path / "home")
    its_own = {"DAGSTER_HOME": str(settings.dagster_folder), instance.MARK: "killed"}
    others: list[dict[str, str]] = [
        {"DAGSTER_HOME": str(settings.dagster_folder)},
        {**its_own, instance.MARK: "another"},
        {**its_own, "DAGSTER_HOME": str(tmp_path)},
    ]
    running = [subprocess.Popen(["sleep", "60"], env=env) for env in (its_own, *others)]
    try:
        assert instance.end("killed", str(settings.dagster_folder)) == 1
        assert [process.poll() is None for process in running] == [False, True, True, True]
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_kill_takes_nothing_from_the_repetitions_of_a_run(settings: Settings) -> None:
    """Dagster repeats a run twice; as often as the platform is killed, the run that was under way is repeated."""
    with instance.opened(settings) as dagster:
        job = build(settings).resolve_job_def("retrain")
        tags: dict[str, str] = {}
        parent = None
        for repetition in range(5):
            run = dagster.create_run_for_job(
                job,
                tags={**tags, "dagster/retry_number": str(repetition)} if repetition else {},
                status=Status.STARTED,
                parent_run_id=parent,
                root_run_id=parent,
            )
            assert instance.close_dead_runs(dagster) == 1
            closed = dagster.get_run_by_id(run.run_id)
            assert closed is not None
            assert (closed.status, closed.tags["dagster/will_retry"]) == (Status.FAILURE, "true")
            tags = {"dagster/max_retries": closed.tags["dagster/max_retries"]}
            parent = parent or run.run_id
