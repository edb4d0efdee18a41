"""The Dagster instance of a home: its folder, its configuration, and who may run it.

What belongs here: DAGSTER_HOME and the lock that lets one platform work on a home. What does not: starting the
platform's processes (service) and running its jobs (process).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg

from failure_platform.catalog import LOCATION
from failure_platform.settings import ENV_PREFIX, Settings

MODULE = "failure_platform.definitions"
_LOCK = "platform.lock"
_UNDER_WAY = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class HomeBusyError(Exception):
    """Another platform works on this home."""


def environment(settings: Settings) -> dict[str, str]:
    """Return what a process needs in its environment to work on this home, beside what it has."""
    return {
        "DAGSTER_HOME": str(settings.dagster_folder),
        f"{ENV_PREFIX}HOME": str(settings.root),
        # A tick may hash some gigabytes; Dagster's own limit is 60 seconds.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "300",
    }


def prepare(settings: Settings) -> Path:
    """Write the instance's configuration and the workspace file into the home; return DAGSTER_HOME."""
    folder = settings.dagster_folder
    folder.mkdir(parents=True, exist_ok=True)
    template = files("failure_platform").joinpath("dagster.yaml").read_text(encoding="utf-8")
    (folder / "dagster.yaml").write_text(template, encoding="utf-8")
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
    with dg.DagsterInstance.get() as instance:
        yield instance


@contextmanager
def alone(settings: Settings) -> Iterator[int]:
    """Hold the home's lock; gives the file number, which a child process may inherit to hold it as well.

    Raises:
        HomeBusyError: a platform is up on this home, or `process` is at work there.
    """
    settings.root.mkdir(parents=True, exist_ok=True)
    with (settings.root / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            lock.seek(0)
            raise HomeBusyError(
                f"Another platform works on {settings.root} (started as process {lock.read().strip() or 'unknown'}). "
                "It picks up files by itself; stop it first with Ctrl-C, or choose another home with "
                f"{ENV_PREFIX}HOME."
            ) from busy
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Fail the runs that a killed platform left under way; return how many. Only under the home's lock.

    Without this such a run stays STARTED for ever. Dagster's run retries then repeat it.
    """
    dead = instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY))
    for run in dead:
        instance.report_run_failed(run, "The platform was stopped while this run was under way; it is run again.")
    return len(dead)
