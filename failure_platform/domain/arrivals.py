"""What to do with the files seen in an upload folder: pure decisions of the arrival sensors.

What belongs here: the identity of an upload, when a file counts as settled, and which uploads are new, already in, or
to be tried again. What does not: looking at folders (resources.inbox) and asking for runs (sensors.arrivals).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

State = Literal["received", "merged", "refused", "withdrawn"]

# Names that programs give to files they are still writing, or to locks beside them.
_UNFINISHED = re.compile(r"^(\.|~\$)|\.(part|partial|tmp|crdownload|filepart|swp)$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Sighting:
    """One look at one file: equal sightings mean that nothing was written in between."""

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
        """Return the receipt of one more try."""
        return replace(self, state="received", attempt=self.attempt + 1)

    @property
    def run_key(self) -> str:
        """Key of the run request: the attempt is part of it because Dagster never repeats a key, even a failed one."""
        return f"{self.key}#{self.attempt}"


@dataclass(frozen=True)
class Plan:
    """What follows from a look at a folder: uploads that are new, to be tried again, or already in."""

    new: tuple[Receipt, ...]
    again: tuple[Receipt, ...]
    already_in: tuple[Receipt, ...]


def is_upload(name: str) -> bool:
    """Say whether a file of this name is meant as an upload (not hidden, not a lock, not still being copied)."""
    return not _UNFINISHED.search(name)


def shown_name(name: str) -> str:
    """Return a file name as people are shown it: what does not print, or turns the writing round, by its number."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def upload_key(name: str, sha256: str, received_at: datetime) -> str:
    """Return the partition key of an upload, `<received time>_<name>_<first 8 of the hash>`.

    Only `[A-Za-z0-9._-]` occurs, because the UI gives other characters a meaning of their own.
    """
    safe = _UNSAFE.sub("-", name).strip("-.")[-_LONGEST_NAME:] or "upload"
    return f"{received_at:%Y%m%dT%H%M%S}_{safe}_{sha256[:8]}"


def unhandled(seen: Iterable[Sighting], handled: Mapping[str, Sighting]) -> list[Sighting]:
    """Return the sightings that differ from what was handled under the same name, in the order of their names."""
    return sorted((s for s in seen if handled.get(s.name) != s), key=lambda s: s.name)


def settled(first: Iterable[Sighting], second: Iterable[Sighting]) -> list[Sighting]:
    """Return what stands unchanged in both looks; the clock of a file server is not asked."""
    later = {s.name: s for s in second}
    return [s for s in first if later.get(s.name) == s]


def within_budget(sightings: Sequence[Sighting], most_bytes: int) -> list[Sighting]:
    """Return the first sightings whose sizes stay within a budget, at least one, so that one look never takes long."""
    taken: list[Sighting] = []
    total = 0
    for sighting in sightings:
        total += sighting.size
        if taken and total > most_bytes:
            break
        taken.append(sighting)
    return taken


def groups(receipts: Sequence[Receipt], most_bytes: int) -> list[list[Receipt]]:
    """Cut receipts into groups whose sizes stay within a budget, in order; a larger one stands alone."""
    cut: list[list[Receipt]] = []
    total = 0
    for receipt in receipts:
        total += receipt.size
        if not cut or total > most_bytes:
            cut.append([])
            total = receipt.size
        cut[-1].append(receipt)
    return cut


def plan(receipts: Iterable[Receipt], known: set[str]) -> Plan:
    """Decide for each received file, given the partition keys that Dagster knows.

    The same content twice in one look is one upload. Content that was refused, or whose run never finished, is tried
    again when its file is dropped or touched again: that is how a person asks for it. Content that was withdrawn
    stays out, however often its file is seen; materialising its partition takes it in again.
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
    """Cut a backlog into runs of at most `most` uploads, in order."""
    return [receipts[start : start + most] for start in range(0, len(receipts), most)]


# A run that died has probably done nothing wrong: a kill, a restart. One that dies each time has all the same to leave
# room for others.
PAUSES_SECONDS = (0.0, 0.0, 60.0, 600.0)

Fate = Literal["under_way", "answered", "failed", "cancelled", "died"]


@dataclass(frozen=True)
class PendingRun:
    """One run that was asked for: first and last of its uploads, in the order of their partitions, and which try."""

    first: str
    last: str
    attempt: int

    def uploads(self, known: Sequence[str]) -> Sequence[str]:
        """Return the keys of its uploads, given all keys in the order of their partitions."""
        if self.first not in known or self.last not in known:
            return ()
        return known[known.index(self.first) : known.index(self.last) + 1]


def fate(status: str, failure_reason: str | None) -> Fate:
    """Say what the state of a run means for its uploads, from Dagster's words for the state and for why it failed.

    It `failed` when a step said no: the same would happen again, so it waits for a person. It `died` when it ended
    without saying anything, as after a kill.
    """
    if status == "SUCCESS":
        return "answered"
    if status == "CANCELED":
        return "cancelled"
    if status == "FAILURE":
        return "failed" if failure_reason == "STEP_FAILURE" else "died"
    return "under_way"


def pause_seconds(end: Fate, attempt: int) -> float:
    """Return how long after its end a run's uploads rest; someone who cancelled a run is given the longest."""
    if end == "cancelled":
        return PAUSES_SECONDS[-1]
    return PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS)) - 1]


def unanswered(keys: Sequence[str], receipts: Mapping[str, Receipt]) -> list[list[Receipt]]:
    """Return the receipts, for one more try, of the uploads that are neither merged nor refused nor withdrawn.

    They come in stretches that stand together in the order of their partitions: each can be one run again.
    """
    stretches: list[list[Receipt]] = [[]]
    for key in keys:
        receipt = receipts.get(key)
        if receipt is not None and receipt.state == "received":
            stretches[-1].append(receipt.retried())
        else:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]
