"""`doctor`: every setting, and whether this machine and home can run the platform; it changes nothing."""

import importlib.metadata
import importlib.util
import os
import platform as machine
import shutil
import socket
from collections.abc import Callable
from typing import Any

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import errors, repairs, views
from failure_platform.resources.lake.errors import LakeError
from failure_platform.resources.lake.snapshot import marker_of
from failure_platform.resources.platform import Platform
from failure_platform.settings import ENV_PREFIX, Settings

_PACKAGES = ("dagster", "duckdb", "ibis-framework", "pandas", "pandera", "scikit-learn", "skops")
_LEAST_FREE_BYTES = 5 << 30


def examine(settings: Settings, *, scan: bool = False) -> dict[str, Any]:
    """Return settings, versions and checks; a failed check states what to do.

    With `scan` every row of the lake and of its snapshot is read, the only way to find a damaged block, and the row
    counts are compared with the ledger.
    """
    checks: list[tuple[str, Callable[[Settings], str | None]]] = [
        ("home can be written", _home),
        ("free disk", _disk),
        ("everything among the uploads is taken", _uploads),
        ("lake opens", _lake),
        ("port of the UI is free", _port),
        ("mlflow mirror", _mlflow),
    ]
    if scan:
        checks += [("ledger and tables agree", _ledger), ("every row of the lake can be read", _scan)]
    wrong = {name: check(settings) for name, check in checks}
    shown = settings.model_dump(mode="json")
    return {
        "home": str(settings.root),
        "settings": {f"{ENV_PREFIX}{name.upper()}": value for name, value in shown.items()},
        "versions": {"python": machine.python_version()}
        | {package: importlib.metadata.version(package) for package in _PACKAGES},
        "checks": [
            {"check": name, "ok": problem is None, "what to do": problem or ""} for name, problem in wrong.items()
        ],
    }


def _home(settings: Settings) -> str | None:
    existing = next(folder for folder in (settings.root, *settings.root.parents) if folder.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return None
    why = "cannot be written" if existing.is_dir() else "is no folder"
    return f"{existing} {why}: choose another folder with {ENV_PREFIX}HOME"


def _uploads(settings: Settings) -> str | None:
    problems = Platform(settings).inbox.not_taken(CONTRACTS)
    return " ".join(str(one) for one in problems) or None


def _disk(settings: Settings) -> str | None:
    existing = next(folder for folder in (settings.root, *settings.root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free >= _LEAST_FREE_BYTES:
        return None
    return f"only {free >> 20} MiB are free; make room or move the home to a larger disk"


def _lake(settings: Settings) -> str | None:
    if not _is_made(settings):
        return None  # the first upload creates it
    try:
        with Platform(settings.model_copy(update={"lake_wait_seconds": 1.0})).lake.read() as connection:
            connection.execute("SELECT count(*) FROM uploads").fetchone()
    except LakeError as error:
        return str(error)
    return None


def _scan(settings: Settings) -> str | None:
    if not _is_made(settings):
        return None
    try:
        problems = [problem for one in repairs.scan(Platform(settings).lake) for problem in one.problems]
    except LakeError as error:
        return str(error)
    return " ".join([*problems, errors.REPAIR]) if problems else None


def _ledger(settings: Settings) -> str | None:
    if not _is_made(settings):
        return None
    try:
        with Platform(settings).lake.read() as connection:
            disagreements = views.ledger_disagreements(connection)
    except LakeError as error:
        return str(error)
    return "; ".join([*disagreements, "run `failure-platform replay`"]) if disagreements else None


def _is_made(settings: Settings) -> bool:
    return settings.lake_file.exists() or marker_of(settings.lake_file).exists()


def _port(settings: Settings) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as taken:
            return f"port {settings.port}: {taken.strerror}; set {ENV_PREFIX}PORT to another one, or to 0 for any"
    return None


def _mlflow(settings: Settings) -> str | None:
    if not settings.mlflow or importlib.util.find_spec("mlflow"):
        return None
    return "switched on, but not installed: install failure-platform[mlflow]"
