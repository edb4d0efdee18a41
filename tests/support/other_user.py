"""Work in the name of a user that may not read everything, also where the tests run as root."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def as_other_user() -> Iterator[None]:
    """Take root's rights away while the block runs; another user keeps what it has."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that any user may enter and write, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        for entry in folder.rglob("*"):
            if entry.is_dir() and not entry.is_symlink():
                entry.chmod(0o700)
        shutil.rmtree(folder)
