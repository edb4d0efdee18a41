"""The errors of a lake that cannot be used; each states what happened, what was kept and which command repairs it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

REPAIR = (
    "Stop the platform and run `failure-platform restore`, which puts back the last intact state; if that is damaged "
    "too, `failure-platform replay` rebuilds the lake from the archived originals."
)

_DAMAGE = ("Corrupt database file", "not a valid DuckDB database file", "Could not read enough bytes")


class LakeError(Exception):
    """The lake cannot be used; the message states why and what to do."""


class LakeBusyError(LakeError):
    """Another process or thread held the lake until the deadline."""


class LakeMissingError(LakeError):
    """The file of a lake that was made here is missing."""


class LakeUnreadableError(LakeError):
    """The file exists, and all of it or a part of it cannot be read."""


class LakeBehindError(LakeError):
    """The file can be opened, and lacks commits that were acknowledged."""


def missing(lake: Path) -> LakeMissingError:
    """Return the error of a known lake whose file is missing."""
    return LakeMissingError(
        f"The lake file {lake} is gone, although its folder says that a lake was made here. Nothing was created in its "
        f"place. {REPAIR} To begin again with an empty lake on purpose, remove the folder {lake.parent}."
    )


def behind(lake: Path, found: int, acknowledged: int) -> LakeBehindError:
    """Return the error of a file that lacks acknowledged commits."""
    return LakeBehindError(
        f"The lake file {lake} ends with commit {found}, but commit {acknowledged} was acknowledged: the file is an "
        f"older copy, or the write-ahead log that belonged to it was lost or damaged. Nothing was changed. {REPAIR}"
    )


def unreadable(file: Path, error: Exception) -> LakeUnreadableError:
    """Return the error of a file that cannot be opened or read."""
    return LakeUnreadableError(f"The file {file} cannot be read: {error}. It was left as it is. {REPAIR}")


def busy(file: Path, seconds: float, who: str) -> LakeBusyError:
    """Return the error of a file of the lake that `who` held until the deadline."""
    return LakeBusyError(
        f"The lake {file} was still in use after {seconds:g} s: {who}. "
        f"Wait for that work to end, or stop that process, and try again."
    )


@contextmanager
def telling_damage(file: Path) -> Iterator[None]:
    """Raise LakeUnreadableError where DuckDB reports a damaged file: a flipped block is found only when it is read."""
    try:
        yield
    except duckdb.Error as error:
        if not any(sign in str(error) for sign in _DAMAGE):
            raise
        raise unreadable(file, error) from error


def holder(message: str) -> str | None:
    """Return who holds a file, from DuckDB's message; None when the error is about something else."""
    if "different configuration than existing connections" in message:
        return "this process itself holds it open in another mode or with other settings"
    if "Could not set lock on file" not in message:
        return None
    found = re.search(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)", message)
    return f"process {found['pid']} ({found['program']}) holds it" if found else "another process holds it"
