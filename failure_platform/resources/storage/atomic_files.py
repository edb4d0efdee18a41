"""Files that are whole or not there, whenever the process or the machine dies.

Belongs here: writing under another name, flushing to disk, then renaming; sweeping what dead processes left behind.
Does not belong here: what is in the files.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_DRAFT = re.compile(r"^\..+\.(?P<pid>\d+)-[0-9a-f]{8}\.part(\.wal)?$")
# A process's start and a file's time come from clocks that agree to about this.
_CLOCK_SECONDS = 2.0


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Give the path of a draft beside `target`; when the block ends, what it wrote there takes the target's place.

    Until then nobody sees it, and afterwards it outlives a power cut. When the block raises, the draft is removed.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    sync(target.parent)


def sync(folder: Path) -> None:
    """Flush the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the drafts of processes that are no more; those of living ones stay."""
    for entry in os.scandir(folder):
        draft = _DRAFT.match(entry.name)
        if draft and not is_at_work(int(draft["pid"]), Path(entry.path)):
            Path(entry.path).unlink(missing_ok=True)


def is_at_work(pid: int, file: Path) -> bool:
    """Say whether the process that made a file or folder still lives."""
    try:
        # A number is given again, most of all in containers: a process that is younger than the file did not make it.
        process = psutil.Process(pid)
        is_older = process.create_time() <= file.stat().st_mtime + _CLOCK_SECONDS
        return is_older and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
