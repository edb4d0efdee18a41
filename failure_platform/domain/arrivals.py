"""The identity of an upload, and the decisions of the arrival sensors about the files in an upload folder."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

State = Literal["received", "merged", "refused", "withdrawn"]

# What Windows, macOS, servers and office programs leave in a shared folder by themselves; nobody misses it.
_CLUTTER = re.compile(
    r"^(\..*|~\$.*|(eh)?thumbs(_vista)?\.db|desktop\.ini|icon\r?|\$recycle\.bin|recycler|recycled|system volume "
    r"information|lost\+found|network trash folder|temporary items|__macosx|[@#](eadir|recycle|recently-snapshot|"
    r"snapshot|sharebin|tmp))$",
    re.IGNORECASE | re.DOTALL,
)
# Names that programs give to files that they are still writing.
_UNFINISHED = re.compile(r"\.(part|partial|tmp|crdownload|filepart|swp)$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 70
_KEY_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Sighting:
    """The state of a file at one scan of its folder: while two are equal, nothing was written in between."""

    name: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Upload:
    """The identity of an upload.

    Args:
        key: its partition key (see `upload_key`).
        kind: name of its kind.
        name: file name as it is shown (see `shown_name`).
        sha256: hash of the content, which is the identity of an upload within its kind.
        size: of the original, in bytes.
        received_at: when the content was first seen, UTC without a zone.
    """

    key: str
    kind: str
    name: str
    sha256: str
    size: int
    received_at: datetime


@dataclass(frozen=True)
class Receipt(Upload):
    """What is known of an upload before it is opened: `state` follows the ledger, `attempt` counts the attempts."""

    state: State = "received"
    attempt: int = 1

    def retried(self) -> "Receipt":
        """Return the receipt of the next attempt."""
        return replace(self, state="received", attempt=self.attempt + 1)

    @property
    def run_key(self) -> str:
        """Key of the run request, with the attempt: Dagster starts no second run with a key, even after a failure."""
        return f"{self.key}#{self.attempt}"


@dataclass(frozen=True)
class Plan:
    """What follows from one scan of a folder: uploads that are new, to be tried again, or already in."""

    new: tuple[Receipt, ...]
    again: tuple[Receipt, ...]
    already_in: tuple[Receipt, ...]


def is_clutter(name: str) -> bool:
    """Return whether a file or folder of this name comes with the system or a program, and is passed over."""
    return bool(_CLUTTER.match(name))


def is_unfinished(name: str) -> bool:
    """Return whether a program gives this name to a file that it is still writing."""
    return bool(_UNFINISHED.search(name))


def is_upload(name: str) -> bool:
    """Return whether a file of this name is meant as an upload (no clutter, no lock, not still being copied)."""
    return not is_clutter(name) and not is_unfinished(name)


def shown_name(name: str) -> str:
    """Return a file name as it is shown: characters that do not print, or change the writing direction, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def upload_key(kind: str, name: str, sha256: str, received_at: datetime) -> str:
    """Return the partition key of an upload, `<received time>_<kind>_<name>_<first 8 of the hash>`.

    Only `[A-Za-z0-9._-]` occurs, because the UI gives other characters a meaning of their own. The kind is part of it:
    the ledger of all kinds is one table, and one file may be dropped into several folders at the same second.
    """
    safe = _UNSAFE.sub("-", name).strip("-.")[-_LONGEST_NAME:] or "upload"
    return f"{received_at:{_KEY_TIME}}_{kind}_{safe}_{sha256[:8]}"


def received_between(keys: Collection[str]) -> tuple[datetime, datetime] | None:
    """Return the first second and the end of the last in which uploads were received, by their keys alone.

    None where there is no key, or one that `upload_key` did not make.
    """
    try:
        times = [datetime.strptime(key.split("_")[0], _KEY_TIME) for key in keys]
    except ValueError:
        return None
    return (min(times), max(times) + timedelta(seconds=1)) if times else None


def unhandled(
    seen: Iterable[Sighting], handled: Mapping[str, Sighting], *, compare_inodes: bool = True
) -> list[Sighting]:
    """Return the sightings that differ from what was handled under the same name, in the order of their names.

    Args:
        seen: the files of a folder.
        handled: files handled before, by name.
        compare_inodes: whether another inode alone makes a difference (see `inodes_change`).
    """
    fresh = (s for s in seen if (old := handled.get(s.name)) is None or not _same(old, s, compare_inodes))
    return sorted(fresh, key=lambda s: s.name)


def settled(first: Iterable[Sighting], second: Iterable[Sighting]) -> list[Sighting]:
    """Return the files that have the same size and time in two scans, as the second found them.

    The clock of a file server has no part in it, nor have inodes, which some file systems number anew at each scan.
    """
    later = {s.name: s for s in second}
    return [later[s.name] for s in first if s.name in later and _same(s, later[s.name], compare_inodes=False)]


def inodes_change(first: Iterable[Sighting], second: Iterable[Sighting]) -> bool:
    """Return whether a file of the same size and time has another inode in the second of two scans.

    Shares (CIFS without server inodes, FUSE) may number their files anew at any time: there, an inode is no evidence
    that a file was replaced.
    """
    later = {s.name: s for s in second}
    pairs = [(s, later[s.name]) for s in first if s.name in later]
    return any(_same(a, b, compare_inodes=False) and a.inode != b.inode for a, b in pairs)


def renumbered(sighting: Sighting, handled: Mapping[str, Sighting]) -> bool:
    """Return whether a file differs only by its inode from what was handled under its name."""
    old = handled.get(sighting.name)
    return old is not None and old != sighting and _same(old, sighting, compare_inodes=False)


def _same(first: Sighting, second: Sighting, compare_inodes: bool) -> bool:
    alike = (first.size, first.mtime_ns) == (second.size, second.mtime_ns)
    return alike and (first.inode == second.inode or not compare_inodes)


def within_budget(sightings: Sequence[Sighting], most_bytes: int) -> list[Sighting]:
    """Return the first sightings whose sizes stay within a budget, at least one, so that no tick takes long."""
    first: list[Sighting] = []
    total = 0
    for sighting in sightings:
        total += sighting.size
        if first and total > most_bytes:
            break
        first.append(sighting)
    return first


def groups(receipts: Sequence[Receipt], most_bytes: int) -> list[list[Receipt]]:
    """Divide receipts into groups whose sizes stay within a budget, in order; a larger one is a group of its own."""
    found: list[list[Receipt]] = []
    total = 0
    for receipt in receipts:
        total += receipt.size
        if not found or total > most_bytes:
            found.append([])
            total = receipt.size
        found[-1].append(receipt)
    return found


def plan(receipts: Iterable[Receipt], known: set[str]) -> Plan:
    """Decide for each received file, given the partition keys that Dagster knows.

    The same content twice in one scan is one upload. Content that was refused, or whose run never finished, is tried
    again when its file is dropped or touched again: that is how a person requests it. Content that was withdrawn
    stays out, however often its file is seen; materialising its partition ingests it again.
    """
    new: dict[str, Receipt] = {}
    again: dict[str, Receipt] = {}
    already_in: list[Receipt] = []
    for receipt in receipts:
        if receipt.key in new or receipt.key in again:
            already_in.append(receipt)
        elif receipt.key not in known:
            new[receipt.key] = receipt
        elif receipt.state in ("merged", "withdrawn"):
            already_in.append(receipt)
        else:
            again[receipt.key] = receipt.retried()
    return Plan(tuple(new.values()), tuple(again.values()), tuple(already_in))


def batches(receipts: Sequence[Receipt], most: int) -> list[Sequence[Receipt]]:
    """Divide a backlog into runs of at most `most` uploads, in order."""
    return [receipts[start : start + most] for start in range(0, len(receipts), most)]


# A run that died is rarely at fault: a kill, a restart. One that dies at every attempt must still leave room for
# others.
PAUSES_SECONDS = (0.0, 0.0, 60.0, 600.0)

Fate = Literal["under_way", "answered", "failed", "cancelled", "died"]


@dataclass(frozen=True)
class PendingRun:
    """A requested run: the first and last of its uploads, in the order of their partitions, and the attempt."""

    first: str
    last: str
    attempt: int

    def uploads(self, known: Sequence[str]) -> Sequence[str]:
        """Return the keys of its uploads, given all keys in the order of their partitions."""
        if self.first not in known or self.last not in known:
            return ()
        return known[known.index(self.first) : known.index(self.last) + 1]


def fate(status: str, failure_reason: str | None) -> Fate:
    """Return what the end of a run means for its uploads, from Dagster's names of its status and failure reason.

    It `failed` when a step failed: the same would happen again, so it waits for a person. It `died` when it ended
    without a result, as after a kill.
    """
    if status == "SUCCESS":
        return "answered"
    if status == "CANCELED":
        return "cancelled"
    if status == "FAILURE":
        return "failed" if failure_reason == "STEP_FAILURE" else "died"
    return "under_way"


def pause_seconds(end: Fate, attempt: int) -> float:
    """Return how long a run's uploads wait after its end; after a cancellation they wait longest."""
    if end == "cancelled":
        return PAUSES_SECONDS[-1]
    return PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS)) - 1]


def unanswered(keys: Sequence[str], receipts: Mapping[str, Receipt]) -> list[list[Receipt]]:
    """Return the receipts, for the next attempt, of the uploads that are neither merged nor refused nor withdrawn.

    They are grouped into stretches that are contiguous in the order of their partitions: each can be one run.
    """
    stretches: list[list[Receipt]] = [[]]
    for key in keys:
        receipt = receipts.get(key)
        if receipt is not None and receipt.state == "received":
            stretches[-1].append(receipt.retried())
        else:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]
