"""The platform's processes: webserver, daemon and code server, started and ended as one tree.

What belongs here: start, wait until ready, start again what died, end without leaving anything behind. What does not:
what to show while it runs (demo), the instance's configuration and lock (instance).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from failure_platform.cli import instance
from failure_platform.resources.dagster_events import databases, kept_open
from failure_platform.settings import ENV_PREFIX, Settings

_READY_SECONDS = 120.0
_END_SECONDS = 20.0
_LOOK_SECONDS = 1.0
_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""


class NotStartedError(Exception):
    """The platform's processes did not come up."""


class Running:
    """The processes of a platform and the address of its UI."""

    def __init__(self, settings: Settings, mark: str) -> None:
        """Choose the port. `mark` is what every process that is started here carries in its environment."""
        self._settings = settings
        self._mark = mark
        self._port = _free_port(settings)
        self._log = settings.dagster_folder / "platform.log"
        self._tree: subprocess.Popen[bytes] | None = None
        self.url = f"http://{settings.host}:{self._port}"

    def start(self) -> None:
        """Close what a killed platform left under way, then start the processes and wait until they are ready."""
        with instance.opened(self._settings) as dagster:
            instance.close_dead_runs(dagster)
        with self._log.open("ab") as out:
            self._tree = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                _command(self._settings, self._port),
                env={**os.environ, **instance.environment(self._settings)},
                cwd=self._settings.dagster_folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C in the terminal reaches only us, and we end the tree in order.
                start_new_session=True,
            )
        _wait_until_ready(self.url, self._tree, self._log)

    def end(self) -> None:
        """End the processes: in order where they let us, and none is left in any case."""
        try:
            if self._tree is not None and self._tree.poll() is None:
                self._tree.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    self._tree.wait(_END_SECONDS)
        finally:
            instance.end(self._mark, str(self._settings.dagster_folder))
            if self._tree is not None:
                self._tree.wait()

    def stay_up(self) -> None:
        """Return when a person presses Ctrl-C, or the process is told to end (which arrives in the same way).

        Until then, processes that end without being told to (killed, out of memory) are started again.
        """
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(_LOOK_SECONDS)
                if self._tree is not None and self._tree.poll() is not None:
                    sys.stderr.write(
                        f"The platform's processes ended by themselves (log: {self._log}); starting again.\n"
                    )
                    self.end()
                    self.start()


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Run the platform; on leaving, every process it started has ended.

    Raises:
        HomeBusyError: another platform works on this home.
        NotStartedError: the port is taken, or the processes ended early; the message names the log.
    """
    with instance.exclusive_home(settings) as mark:
        instance.prepare(settings)
        platform = Running(settings, mark)
        try:
            platform.start()
            with kept_open(*databases(settings.dagster_folder)):
                yield platform
        finally:
            platform.end()


def _command(settings: Settings, port: int) -> list[str]:
    workspace = str(settings.dagster_folder / "workspace.yaml")
    return [
        *(sys.executable, "-m", "dagster", "dev", "--workspace", workspace),
        *("--host", settings.host, "--port", str(port), "--log-level", "warning"),
    ]


def _free_port(settings: Settings) -> int:
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
