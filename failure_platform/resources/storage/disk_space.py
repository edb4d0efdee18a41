"""Raises one error for a full disk, whether the operating system or DuckDB reports it."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# DuckDB repeats the system's message; only its own limit on spilled data has another.
_SIGNS = (*(os.strerror(number) for number in _ERRORS), "max_temp_directory_size")


class DiskFullError(Exception):
    """There is no room for what was to be written; the message states how much is needed, and what was kept."""


@contextmanager
def room_for(what: str, folder: Path, needed: int | None, kept: str) -> Iterator[None]:
    """Raise DiskFullError where the disk is full while the block runs.

    Args:
        what: what is being written, as in "the snapshot of the lake".
        folder: where.
        needed: about how many bytes it takes; None where this is unknown.
        kept: what is safe and what to do, in complete sentences.

    Raises:
        DiskFullError: no room, or a limit on the size of files or a quota was reached.
    """
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if not is_full(error):
            raise
        raise DiskFullError(_message(what, folder, needed, kept)) from error


def require_room(what: str, folder: Path, needed: int, kept: str) -> None:
    """Raise DiskFullError before anything is written where `needed` bytes do not fit; see `room_for`."""
    if shutil.disk_usage(folder).free < needed:
        raise DiskFullError(_message(what, folder, needed, kept))


def is_full(error: OSError | duckdb.Error) -> bool:
    """Return whether an error means that there was no room."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _ERRORS
    return any(sign in str(error) for sign in _SIGNS)


def _message(what: str, folder: Path, needed: int | None, kept: str) -> str:
    free = shutil.disk_usage(folder).free
    wanted = f" and about {_mib(needed)} MiB are needed" if needed is not None else ""
    bound = "" if needed is None or free < needed else " A limit on the size of files, or a quota, may be lower."
    return f"Disk full: {what} could not be written in {folder}; {free >> 20} MiB are free{wanted}.{bound} {kept}"


def _mib(size: int) -> int:
    return max(size >> 20, 1)
