"""What lies among the uploads and cannot be taken: how it is recognised, and the reason given to a person."""

import difflib
import errno
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from failure_platform.domain.arrivals import Sighting, settled, shown_name

_IN_USE = (errno.EBUSY, errno.ETXTBSY, errno.EAGAIN)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
# Lower, and Estado would be taken for resultados.
_RESEMBLES = 0.8
UPLOADS = "uploads"
MOST_SHOWN = 3
RETRY_SECONDS = 10.0
"""How long an unreadable file rests before it is tried again: reading up to a damaged block may take minutes."""


@dataclass(frozen=True)
class NotTaken:
    """A file or folder among the uploads that is not taken. It stops nothing but itself.

    Args:
        path: where it lies, from the home on, as it is shown.
        why: what is in the way.
        what_to_do: what a person can do about it.
        kind: the kind that it concerns; None: every kind.
    """

    path: str
    why: str
    what_to_do: str
    kind: str | None = None

    def __str__(self) -> str:
        """Return it as sentences."""
        return f"{self.path}: {self.why}. {self.what_to_do}."


@dataclass(frozen=True)
class Blocked:
    """A file that could not be read, as it was seen, and when it was tried, in seconds since the epoch."""

    sighting: Sighting
    not_taken: NotTaken
    tried_at: float


class NotReadableError(Exception):
    """A file cannot be read now; `not_taken` is the reason given to a person."""

    def __init__(self, not_taken: NotTaken) -> None:
        """Keep the reason, which is the message too."""
        super().__init__(str(not_taken))
        self.not_taken = not_taken


@dataclass(frozen=True)
class Contents:
    """Files in a folder and below it, of which `names` are the first; not `complete` where it holds more than that."""

    names: tuple[str, ...] = ()
    files: int = 0
    complete: bool = True

    def __str__(self) -> str:
        """Return it in words, as in: 3 files, such as 'a.csv'."""
        if not self.files:
            return "no file" if self.complete else "what cannot be listed"
        least = "" if self.complete else "at least "
        number = f"{least}{self.files} {'file' if self.files == 1 else 'files'}"
        named = ", ".join(repr(shown_name(name)) for name in self.names)
        return f"{number}, {named}" if len(self.names) == self.files else f"{number}, such as {named}"


def shown_path(*names: str) -> str:
    """Return where something lies among the uploads, as it is shown."""
    return "/".join((UPLOADS, *map(shown_name, names)))


def not_readable(kind: str, name: str, error: OSError) -> NotTaken:
    """Return the reason for a file that cannot be opened, or not read to its end."""
    if error.errno in _FORBIDDEN:
        action = "Give the user of the platform the right to read it, or close the program that holds it open"
    elif error.errno in _IN_USE:
        action = "Close the program that holds it open"
    else:
        action = "Check the disk or the share, and copy the file again if it stays so"
    why = f"it cannot be read ({error.strerror or error}); it is tried again by itself"
    return NotTaken(shown_path(kind, name), why, action, kind)


def not_listed(names: Sequence[str], error: OSError, link: str | None, kind: str | None = None) -> NotTaken:
    """Return the reason for a folder of uploads that cannot be listed.

    Args:
        names: of the folder, below the folder of uploads; none for that folder itself.
        error: what the system answered.
        link: what it is a link to, where it is one.
        kind: the kind whose folder it is.
    """
    path = shown_path(*names)
    if error.errno == errno.ENOTDIR:
        return NotTaken(path, "a file is where the folder should be", "Move the file away; the folder is made", kind)
    if error.errno in _FORBIDDEN:
        action = "Give the user of the platform the right to list it"
    elif link is not None and error.errno in (errno.ENOENT, errno.ELOOP):
        action = f"It is a link to {shown_name(link)}: mount the share behind it, or replace the link by a folder"
    elif error.errno == errno.ENOENT:
        action = "Make the folder"
    else:
        action = "Mount the share again, or check the disk"
    why = f"it cannot be listed ({error.strerror or error}); it is tried again by itself"
    return NotTaken(path, why, action, kind)


def unfinished(kind: str, name: str) -> NotTaken:
    """Return the reason for a file whose name says that it is still being written."""
    why = "its name says that it is still being written"
    return NotTaken(shown_path(kind, name), why, "Rename it without that ending if it is complete", kind)


def no_regular_file(kind: str, name: str, link: bool) -> NotTaken:
    """Return the reason for something in a kind's folder that is neither a file nor a folder."""
    why = "it is a link, and links are not followed" if link else "it is no regular file"
    return NotTaken(shown_path(kind, name), why, f"Put the file itself into {shown_path(kind)}", kind)


def subfolder(kind: str, name: str, contents: Contents) -> NotTaken | None:
    """Return the reason for a folder in a kind's folder; None where it holds nothing."""
    if contents.complete and not contents.files:
        return None
    why = f"subfolders are not searched, and this one holds {contents}"
    return NotTaken(shown_path(kind, name), why, f"Move the files into {shown_path(kind)}", kind)


def stray_file(name: str, kinds: Collection[str]) -> NotTaken:
    """Return the reason for something that lies in the folder of uploads itself and is no folder."""
    why = "nothing is picked up at the top of the uploads, since its kind is not known"
    return NotTaken(shown_path(name), why, f"Move it into {_one_of(kinds)}")


def stray_folder(name: str, contents: Contents, kinds: Collection[str]) -> NotTaken | None:
    """Return the reason for a folder that is called like no kind; None where it is empty and resembles none."""
    near = difflib.get_close_matches(_same_name(name), kinds, n=1, cutoff=_RESEMBLES)
    if near:
        action = f"Perhaps {near[0]} is meant: move its files into {shown_path(near[0])}"
        return NotTaken(shown_path(name), f"no kind is called so, and it holds {contents}", action, near[0])
    if contents.complete and not contents.files:
        return None
    why = f"no kind is called so, and it holds {contents}"
    return NotTaken(shown_path(name), why, f"Move its files into {_one_of(kinds)}")


def due(fresh: Iterable[Sighting], blocked: Mapping[str, Blocked], now: float) -> list[Sighting]:
    """Return the files to try now: all but the unreadable ones that have not changed and still rest."""
    fresh = list(fresh)
    rests = [one.sighting for one in blocked.values() if now < one.tried_at + RETRY_SECONDS]
    resting = {sighting.name for sighting in settled(rests, fresh)}
    return [sighting for sighting in fresh if sighting.name not in resting]


def in_words(not_taken: Sequence[NotTaken]) -> str:
    """Return a few of them as sentences, and how many more there are."""
    shown = " ".join(str(one) for one in not_taken[:MOST_SHOWN])
    more = len(not_taken) - MOST_SHOWN
    return f"{shown} And {more} more." if more > 0 else shown


def _one_of(kinds: Collection[str]) -> str:
    *others, last = map(shown_path, kinds)
    return f"{', '.join(others)} or {last}" if others else last


def _same_name(name: str) -> str:
    """Return the letters of a name, small and without accents: a year or a number makes no other kind."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalpha())
