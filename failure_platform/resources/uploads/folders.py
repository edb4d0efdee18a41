"""Lists upload folders and opens their files; what the system refuses becomes a line for a person."""

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from failure_platform.domain import not_taken
from failure_platform.domain.arrivals import Sighting, is_clutter, is_unfinished, is_upload
from failure_platform.domain.not_taken import Contents, NotReadableError, NotTaken

_CHUNK = 1 << 20
# Of a folder that nobody should have put there, this much is looked at, at every scan.
_MOST_ENTRIES = 1_000
_MOST_NAMES = 3


@dataclass(frozen=True)
class Listing:
    """One scan of a kind's folder.

    Args:
        files: regular files that are meant as uploads, by name.
        not_taken: what lies there and is not taken.
        complete: whether the folder could be listed to its end; otherwise a file that is missing may still be there.
    """

    files: tuple[Sighting, ...]
    not_taken: tuple[NotTaken, ...]
    complete: bool


def listing(uploads: Path, kind: str) -> Listing:
    """Scan the folder of a kind. Never raises: a folder that cannot be listed is reported."""
    files: list[Sighting] = []
    problems: list[NotTaken] = []
    try:
        with os.scandir(uploads / kind) as entries:
            for entry in entries:
                if not is_clutter(entry.name):
                    found = _classified(kind, entry)
                    files += [found] if isinstance(found, Sighting) else []
                    problems += [found] if isinstance(found, NotTaken) else []
    except OSError as error:
        problems.append(_not_listed(uploads, kind, error))
        return Listing(_by_name(files), tuple(problems), complete=False)
    return Listing(_by_name(files), tuple(sorted(problems, key=lambda one: one.path)), complete=True)


def strays(uploads: Path, kinds: Collection[str]) -> list[NotTaken]:
    """Return what lies in the folder of uploads itself and is no kind's folder."""
    try:
        with os.scandir(uploads) as entries:
            found = [e for e in entries if e.name not in kinds and not is_clutter(e.name)]
    except OSError as error:
        # A new home has no folder of uploads yet.
        return [_not_listed(uploads, None, error)] if os.path.lexists(uploads) else []
    problems = [_stray(entry, uploads, kinds) for entry in sorted(found, key=lambda e: e.name)]
    return [one for one in problems if one is not None]


def unreadable(uploads: Path, kind: str, names: Iterable[str]) -> list[NotTaken]:
    """Return those of the files that cannot be opened now; nothing is read of the others."""
    problems = []
    for name in names:
        try:
            os.close(opened(uploads / kind / name))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(not_taken.not_readable(kind, name, error))
    return problems


def chunks(folder: Path, name: str) -> Iterator[bytes]:
    """Yield the content of a regular file in a kind's folder.

    Raises:
        FileNotFoundError: there is no regular file of that name.
        NotReadableError: it cannot be opened, or not read to its end.
    """
    with _told(folder, name), os.fdopen(opened(folder / name), "rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk


def facts(folder: Path, name: str) -> Sighting:
    """Return the present state of a file in a kind's folder.

    Raises:
        FileNotFoundError: it is gone.
        NotReadableError: the system does not answer.
    """
    with _told(folder, name):
        now = (folder / name).lstat()
    return Sighting(name, now.st_size, now.st_mtime_ns, now.st_ino)


def opened(path: Path) -> int:
    """Open a regular file. No link is followed and no pipe waited for, whatever has replaced the file since the scan.

    Raises FileNotFoundError where there is no regular file, and OSError where it cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise FileNotFoundError(error.errno, "no regular file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "no regular file", str(path))
    return handle


@contextmanager
def _told(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotReadableError(not_taken.not_readable(folder.name, name, error)) from error


def _by_name(files: Iterable[Sighting]) -> tuple[Sighting, ...]:
    return tuple(sorted(files, key=lambda s: s.name))


def _classified(kind: str, entry: "os.DirEntry[str]") -> Sighting | NotTaken | None:
    """Return an entry of a kind's folder as a file or as not taken; None where it needs no attention."""
    try:
        if entry.is_file(follow_symlinks=False):
            if is_unfinished(entry.name):
                return not_taken.unfinished(kind, entry.name)
            facts = entry.stat(follow_symlinks=False)
            return Sighting(entry.name, facts.st_size, facts.st_mtime_ns, facts.st_ino)
        if entry.is_dir(follow_symlinks=False):
            return not_taken.subfolder(kind, entry.name, _contents(Path(entry.path)))
        return not_taken.no_regular_file(kind, entry.name, entry.is_symlink())
    except FileNotFoundError:  # removed since the scan
        return None
    except OSError as error:
        return not_taken.not_readable(kind, entry.name, error)


def _stray(entry: "os.DirEntry[str]", uploads: Path, kinds: Collection[str]) -> NotTaken | None:
    with suppress(OSError):
        if entry.is_dir(follow_symlinks=False):
            # Where letters' case makes no difference, STATUS is the folder of status.
            kind = entry.name.casefold()
            if kind in kinds and (uploads / kind).exists() and (uploads / kind).samefile(entry.path):
                return None
            return not_taken.stray_folder(entry.name, _contents(Path(entry.path)), kinds)
    return not_taken.stray_file(entry.name, kinds)


def _contents(folder: Path) -> Contents:
    """Return the files in a folder and below it. No link is followed, and the work is limited."""
    names: list[str] = []
    looked_at, complete = 0, True
    waiting = [folder]
    while waiting and looked_at <= _MOST_ENTRIES:
        one = waiting.pop()
        try:
            with os.scandir(one) as entries:
                found = sorted(islice(entries, _MOST_ENTRIES + 1 - looked_at), key=lambda e: e.name)
        except OSError:
            complete = False
            continue
        looked_at += len(found)
        for entry in found:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting += [] if is_clutter(entry.name) else [Path(entry.path)]
                elif is_upload(entry.name):
                    names.append(str(Path(entry.path).relative_to(folder)))
    return Contents(tuple(names[:_MOST_NAMES]), len(names), complete and looked_at <= _MOST_ENTRIES)


def _not_listed(uploads: Path, kind: str | None, error: OSError) -> NotTaken:
    """Return the reason for a folder that cannot be listed: the kind's, or the one above where that is at fault."""
    names = () if kind is None or not os.path.isdir(uploads) else (kind,)  # noqa: PTH112 - is_dir may raise
    folder, link = uploads.joinpath(*names), None
    with suppress(OSError):
        link = str(folder.readlink())
    return not_taken.not_listed(names, error, link, kind if names else None)
