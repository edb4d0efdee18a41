"""Files that are complete or not there, whenever the process or the machine dies."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_DRAFT = re.compile(r"^\..+\.(?P<pid>\d+)-[0-9a-f]{8}\.part(\.wal)?$")
# The start of a process and the time of a file come from clocks that agree to about this.
_CLOCK_SECONDS = 2.0


@contextmanager
def atomic_write(target: Path, drafts: Path | None = None) -> Iterator[Path]:
    """Give the path of a draft; when the block ends, what it wrote there replaces `target` in one step.

    Until then no reader sees it, and afterwards it survives a power cut. When the block raises, the draft is removed.

    Args:
        target: the file to write.
        drafts: the folder of the draft, on the same file system; None makes it in the target's folder. `sweep` reads
            every name of the folder, so drafts of a folder that grows without limit are better kept apart.
    """
    draft = (drafts or target.parent) / f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part"
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
    """Remove the drafts that dead processes left in a folder; those of living processes stay."""
    for entry in os.scandir(folder):
        draft = _DRAFT.match(entry.name)
        if draft and not is_at_work(int(draft["pid"]), Path(entry.path)):
            Path(entry.path).unlink(missing_ok=True)


def is_at_work(pid: int, file: Path) -> bool:
    """Return whether the process that made a file or folder is still alive."""
    try:
        # Process ids are reused, most of all in containers: a process younger than the file did not make it.
        process = psutil.Process(pid)
        is_older = process.create_time() <= file.stat().st_mtime + _CLOCK_SECONDS
        return is_older and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
