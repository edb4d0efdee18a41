"""The Dagster instance of a home: its configuration, its lock, and the cleaning up after a killed platform."""

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TextIO

import dagster as dg
import psutil

from failure_platform.catalog import LOCATION
from failure_platform.resources.dagster_events import databases, event_log_config, kept_open
from failure_platform.resources.storage.locks import try_lock
from failure_platform.settings import ENV_PREFIX, Settings

MARK = "FAILURE_PLATFORM_STARTED_AS"
HOME = "DAGSTER_HOME"
_ROUNDS = 5
_ROUND_SECONDS = 2.0


def new_mark() -> str:
    """Return a mark that is unique to this start."""
    return secrets.token_hex(8)


def end(mark: str, home: str) -> int:
    """Kill every process whose environment has this mark and this DAGSTER_HOME; return how many there were.

    They are killed at once: their work can be repeated, and the process that they would report to is gone.
    """
    ended: set[int] = set()
    # A process that was being started when its parent died appears in the next round.
    for _ in range(_ROUNDS):
        marked = list(_marked(mark, home))
        if not marked:
            break
        for process in marked:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(marked, timeout=_ROUND_SECONDS)
        ended |= {process.pid for process in marked}
    return len(ended)


def _marked(mark: str, home: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        # The environment of other users' processes, and of those that have just ended, cannot be read.
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            environ = process.environ()
            if environ.get(MARK) == mark and environ.get(HOME) == home and process.pid != os.getpid():
                yield process


MODULE = "failure_platform.definitions"
_LOCK = "platform.lock"
_MAX_RETRIES = "dagster/max_retries"
_RETRY_NUMBER = "dagster/retry_number"
_UNDER_WAY = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class HomeNotUsableError(Exception):
    """The home can be neither made nor used as a folder."""


class HomeBusyError(Exception):
    """Another platform uses this home."""


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that a process needs in its environment, besides its own, to use this home."""
    return {
        "DAGSTER_HOME": str(settings.dagster_folder),
        f"{ENV_PREFIX}HOME": str(settings.root),
        # A tick may hash some gigabytes; Dagster's own limit is 60 seconds.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "300",
    }


def prepare(settings: Settings) -> Path:
    """Write the instance's configuration and the workspace file into the home; return DAGSTER_HOME.

    Raises:
        HomeNotUsableError: the home is no folder and cannot be made one.
    """
    folder = settings.dagster_folder
    _make(folder)
    template = files("failure_platform").joinpath("dagster.yaml").read_text(encoding="utf-8")
    # In ASCII, JSON writes an emoji as two surrogates, which YAML takes for two characters.
    events = json.dumps(event_log_config(folder), ensure_ascii=False)
    (folder / "dagster.yaml").write_text(f"{template}\nevent_log_storage: {events}\n", encoding="utf-8")
    (folder / "workspace.yaml").write_text(
        f"load_from:\n  - python_module:\n      module_name: {MODULE}\n      location_name: {LOCATION}\n",
        encoding="utf-8",
    )
    return folder


@contextmanager
def opened(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Give the instance of this home, for work in this process."""
    prepare(settings)
    os.environ.update(environment(settings))
    with dg.DagsterInstance.get() as instance, kept_open(*databases(settings.dagster_folder)):
        yield instance


@contextmanager
def exclusive_home(settings: Settings) -> Iterator[str]:
    """Hold the home's lock, after ending the processes that a killed platform left.

    The kernel releases the lock when its holder dies, however it dies. Processes started meanwhile have a mark in their
    environment (which this yields), by which the next holder finds them if this one is killed.

    Raises:
        HomeNotUsableError: the home is no folder and cannot be made one.
        HomeBusyError: a platform is up on this home, or `failure-platform process` is running.
    """
    _make(settings.root)
    with (settings.root / _LOCK).open("a+", encoding="utf-8") as lock:
        taken, before = try_lock(lock), _read(lock)
        # A process that the dead one forked may still hold the lock.
        if before is not None and (taken or not psutil.pid_exists(before.pid)):
            ended = end(before.mark, str(settings.dagster_folder))
            if ended:
                sys.stderr.write(
                    f"The platform on {settings.root} (process {before.pid}) was killed; ended {ended} processes that "
                    "it had left.\n"
                )
            taken = taken or try_lock(lock)
        if not taken:
            raise HomeBusyError(
                f"Another platform works on {settings.root} (started as process {before.pid if before else 'unknown'}"
                "). It picks up files by itself; stop it first with Ctrl-C, or choose another home with "
                f"{ENV_PREFIX}HOME."
            )
        mark = new_mark()
        _write(lock, _Holder(os.getpid(), mark))
        os.environ[MARK] = mark
        try:
            yield mark
        finally:
            # Removed already where two homes were held in one process.
            os.environ.pop(MARK, None)
            lock.truncate(0)


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Fail the runs that a killed platform left under way; return how many. Only under the home's lock.

    Otherwise such a run stays STARTED for ever and keeps its slots of the pools. The arrival sensors request its
    uploads again; every other run is repeated by Dagster's run retries, and the kill does not count as one of them.
    Runs that had not started (queued, or not yet submitted) are left to the daemon.
    """
    dead = instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY))
    for run in dead:
        if run.tags.get(_MAX_RETRIES) != "0":
            retries = int(run.tags.get(_RETRY_NUMBER, "0"))
            instance.add_run_tags(run.run_id, {_MAX_RETRIES: str(retries + instance.run_retries_max_retries)})
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        instance.report_run_failed(run, "The platform was stopped while this run was under way; it is run again.")
    return len(dead)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeNotUsableError(
            f"{folder} cannot be made or used as a folder ({error.strerror}). Choose another home with "
            f"{ENV_PREFIX}HOME."
        ) from error


@dataclass(frozen=True)
class _Holder:
    """The holder of the lock, as recorded in its file."""

    pid: int
    mark: str


def _read(lock: TextIO) -> _Holder | None:
    lock.seek(0)
    try:
        return _Holder(**json.load(lock))
    except (ValueError, TypeError):  # empty after an orderly end, cut short by a kill, or of an older version
        return None


def _write(lock: TextIO, holder: _Holder) -> None:
    lock.truncate(0)
    json.dump(asdict(holder), lock)
    lock.flush()
