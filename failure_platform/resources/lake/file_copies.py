"""Copies a file of gigabytes as cheaply as the file system and an older copy allow."""

import errno
import fcntl
import os
import shutil
from pathlib import Path

from failure_platform.resources.storage.failpoints import failpoint
from failure_platform.resources.storage.locks import try_lock_range

_FICLONE = 0x40049409  # linux/fs.h; Python's fcntl has no name for it yet
_LARGEST_PIECE = 1 << 30
_COMPARED_PIECE = 1 << 18
_NOT_OFFERED = (
    *(errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP),
    *(errno.EPERM, errno.EBADF, errno.ENOTTY),
)


def share(source: Path, target: Path) -> bool:
    """Make a copy that shares all blocks with its source, at no cost; return False where this is not supported."""
    with source.open("rb") as original, target.open("wb") as made:
        try:
            fcntl.ioctl(made.fileno(), _FICLONE, original.fileno())
        except OSError as refused:
            if refused.errno not in _NOT_OFFERED:
                raise
            return False
    return True


def copy(source: Path, target: Path) -> None:
    """Copy the bytes of a file within the kernel, where the file system may share them instead."""
    size = source.stat().st_size
    with source.open("rb") as original, target.open("wb") as made:
        try:
            while os.copy_file_range(original.fileno(), made.fileno(), _LARGEST_PIECE):
                pass
        except (AttributeError, OSError) as refused:
            if isinstance(refused, OSError) and refused.errno not in _NOT_OFFERED:
                raise
    if target.stat().st_size != size:
        shutil.copyfile(source, target)


def renew(source: Path, older: Path, target: Path) -> bool:
    """Rename an older copy to `target`, and write the bytes of the source into it where they differ.

    Both files are read, which takes half the time of writing one, or less.

    Returns:
        False, and nothing is changed, where there is no older copy or a DuckDB still has it open.
    """
    try:
        made = older.open("r+b")
    except FileNotFoundError:
        return False
    with made, source.open("rb") as original:
        if not try_lock_range(made):
            return False
        older.replace(target)
        failpoint("publish.spare_taken")
        made.truncate(os.fstat(original.fileno()).st_size)
        new, old = bytearray(_COMPARED_PIECE), bytearray(_COMPARED_PIECE)
        while read := original.readinto(new):
            if made.readinto(old) < read or new != old:
                made.seek(original.tell() - read)
                made.write(memoryview(new)[:read])
    return True
