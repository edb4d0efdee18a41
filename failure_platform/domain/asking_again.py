"""What becomes of an upload whose run ended without an answer: pure decisions of the arrival sensors.

What belongs here: what a run's end means, and when its uploads are asked for again. What does not: asking
(sensors.arrivals). An upload is answered when it is merged or refused; nothing else ends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from failure_platform.domain.arrivals import Receipt

# A run that died has probably done nothing wrong: a kill, a restart. One that dies each time has all the same to leave
# room for others.
PAUSES_SECONDS = (0.0, 0.0, 60.0, 600.0)

Fate = Literal["under_way", "answered", "failed", "cancelled", "died"]


@dataclass(frozen=True)
class Asked:
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
