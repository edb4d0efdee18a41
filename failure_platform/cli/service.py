"""The platform's processes: webserver, daemon and code server, started and ended as one tree.

What belongs here: start, wait until ready, end without leaving anything behind. What does not: what to show while it
runs (demo) and the instance's configuration (instance).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from failure_platform.cli import instance
from failure_platform.settings import ENV_PREFIX, Settings

_READY_SECONDS = 120.0
_END_SECONDS = 20.0
_LINGER_SECONDS = 5.0
_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""


class NotStartedError(Exception):
    """The platform's processes did not come up."""


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Run the platform and give the address of its UI; on leaving, every process it started has ended.

    Raises:
        HomeBusyError: another platform works on this home.
        NotStartedError: the port is taken, or the processes ended early; the message names the log.
    """
    with instance.alone(settings) as lock:
        instance.prepare(settings)
        with instance.opened(settings) as dagster:
            instance.close_dead_runs(dagster)
        port = _port(settings)
        log = settings.dagster_folder / "platform.log"
        url = f"http://{settings.host}:{port}"
        with log.open("ab") as out:
            tree = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                _command(settings, port),
                env={**os.environ, **instance.environment(settings)},
                cwd=settings.dagster_folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C in the terminal reaches only us, and we end the tree in order.
                start_new_session=True,
                # The tree holds the lock too: it lasts as long as any of it lives, even when we are killed.
                pass_fds=(lock,),
            )
        try:
            _wait_until_ready(url, tree, log)
            yield url
        finally:
            _end(tree)


def wait_for_interrupt() -> None:
    """Return when a person presses Ctrl-C, or the process is told to end (which arrives in the same way)."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _command(settings: Settings, port: int) -> list[str]:
    workspace = str(settings.dagster_folder / "workspace.yaml")
    return [
        *(sys.executable, "-m", "dagster", "dev", "--workspace", workspace),
        *("--host", settings.host, "--port", str(port), "--log-level", "warning"),
    ]


def _port(settings: Settings) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as taken:
            raise NotStartedError(
                f"Port {settings.port} on {settings.host} cannot be used ({taken.strerror}). Set {ENV_PREFIX}PORT to "
                "another one, or to 0 for any free one."
            ) from taken
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, tree: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        if tree.poll() is not None:
            raise NotStartedError(f"The platform ended with code {tree.returncode} while starting; see {log}.")
        entries = _locations(url)
        if entries:
            if all(e["locationOrLoadError"]["__typename"] == "RepositoryLocation" for e in entries):
                return
            for failed in (e["locationOrLoadError"] for e in entries if "message" in e["locationOrLoadError"]):
                raise NotStartedError(f"The definitions could not be loaded: {failed['message'].strip()} (log: {log})")
        time.sleep(0.5)
    raise NotStartedError(f"The platform was not ready after {_READY_SECONDS:.0f} s; see {log}.")


def _locations(url: str) -> list[dict[str, Any]]:
    query = json.dumps({"query": _LOCATIONS}).encode()
    request = urllib.request.Request(f"{url}/graphql", query, {"Content-Type": "application/json"})  # noqa: S310
    # Our own loopback address: no proxy of the environment has a part in it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            workspace = json.load(answer)["data"]["workspaceOrError"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return []
    entries: list[dict[str, Any]] = workspace.get("locationEntries", [])
    return [e for e in entries if e["locationOrLoadError"]]


def _end(tree: subprocess.Popen[bytes]) -> None:
    # Listed before anything ends: afterwards nobody knows any more whose children they were.
    members = [psutil.Process(tree.pid), *psutil.Process(tree.pid).children(recursive=True)] if _alive(tree) else []
    if _alive(tree):
        tree.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        tree.wait(_END_SECONDS)
    _, left = psutil.wait_procs(members, timeout=_LINGER_SECONDS)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left)
    tree.wait()


def _alive(tree: subprocess.Popen[bytes]) -> bool:
    return tree.poll() is None
