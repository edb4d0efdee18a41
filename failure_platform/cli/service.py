"""Starts and ends the platform's processes (webserver, daemon and code server) as one tree."""

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
_POLL_SECONDS = 1.0
_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename ... on PythonError { message } } } } } }
"""


class NotStartedError(Exception):
    """The platform's processes did not come up."""


class Running:
    """The processes of a platform and the address of its UI."""

    def __init__(self, settings: Settings, mark: str) -> None:
        """Choose the port. Every process that is started here has `mark` in its environment."""
        self._settings = settings
        self._mark = mark
        self._port = _free_port(settings)
        self._log = settings.dagster_folder / "platform.log"
        self._tree: subprocess.Popen[bytes] | None = None
        self.url = f"http://{settings.host}:{self._port}"

    def start(self) -> None:
        """Close the runs that a killed platform left, then start the processes and wait until they are ready."""
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
                # A session of its own: Ctrl-C in the terminal reaches only this process, which ends the tree in order.
                start_new_session=True,
            )
        _wait_until_ready(self.url, self._tree, self._log)

    def end(self) -> None:
        """End the processes: in order where possible; those that remain are killed."""
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
        """Return at Ctrl-C or SIGTERM, which arrive in the same way.

        Until then, processes that end by themselves (killed, out of memory) are started again.
        """
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(_POLL_SECONDS)
                if self._tree is not None and self._tree.poll() is not None:
                    sys.stderr.write(
                        f"The platform's processes ended by themselves (log: {self._log}); starting again.\n"
                    )
                    self.end()
                    self.start()


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Run the platform while the block runs; afterwards every process that it started has ended.

    Raises:
        HomeBusyError: another platform uses this home.
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
    # The loopback address: proxies of the environment are ignored.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            workspace = json.load(answer)["data"]["workspaceOrError"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return []
    entries: list[dict[str, Any]] = workspace.get("locationEntries", [])
    return [e for e in entries if e["locationOrLoadError"]]
