"""What an arrival sensor remembers between ticks, and what became of the runs it asked for.

What belongs here: the cursor, and looking up those runs. What does not: new files (sensors.arrivals) and what a run's
end means (domain.asking_again).

A sensor follows each run that it asked for until its uploads are merged or refused. Dagster's own run retries know
nothing of uploads, give up after some kills, and pass over cancelled runs; so these runs forbid them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import dagster as dg

from failure_platform.domain.arrivals import Receipt, Sighting
from failure_platform.domain.asking_again import Asked, fate, pause_seconds, unanswered
from failure_platform.resources.inbox import Inbox

RUN_KEY_TAG = "dagster/run_key"
FAILURE_REASON_TAG = "dagster/failure_reason"
NO_RUN_RETRIES = {"dagster/max_retries": "0"}


@dataclass(frozen=True)
class Memory:
    """What was handled, by file name, and which runs have not answered yet, by run key."""

    handled: Mapping[str, Sighting]
    asked: Mapping[str, Asked]

    @staticmethod
    def from_cursor(cursor: str | None) -> "Memory":
        """Return what the last tick wrote down; nothing where there is no such tick."""
        told = json.loads(cursor or "{}")
        return Memory(
            {name: Sighting(name, *facts) for name, facts in told.get("handled", {}).items()},
            {run_key: Asked(*facts) for run_key, facts in told.get("asked", {}).items()},
        )

    def to_cursor(self) -> str:
        """Write it down for the next tick."""
        return json.dumps(
            {
                "handled": {name: astuple(sighting)[1:] for name, sighting in sorted(self.handled.items())},
                "asked": {run_key: astuple(asked) for run_key, asked in self.asked.items()},
            }
        )


@dataclass(frozen=True)
class Answers:
    """What became of the runs: those still to be waited for, and uploads to ask for again, one run a stretch."""

    pending: Mapping[str, Asked]
    again: Sequence[Sequence[Receipt]]


def answers(
    instance: dg.DagsterInstance, inbox: Inbox, kind: str, asked: Mapping[str, Asked], known: Sequence[str], now: float
) -> Answers:
    """Look up the runs that were asked for.

    Args:
        instance: where the runs are.
        inbox: where the receipts are.
        kind: kind of the uploads.
        asked: the runs, by run key.
        known: keys of all uploads of this kind, in the order of their partitions.
        now: seconds since the epoch.
    """
    pending: dict[str, Asked] = {}
    ended: list[Asked] = []
    for run_key, one in asked.items():
        records = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
        run = records[0].dagster_run if records else None
        end = fate(run.status.value, run.tags.get(FAILURE_REASON_TAG)) if run else "died"
        since = now - ((records[0].end_time if records else None) or 0.0)
        if end == "under_way" or (end in ("cancelled", "died") and since < pause_seconds(end, one.attempt)):
            pending[run_key] = one
        elif end in ("cancelled", "died"):
            ended.append(one)
    if not ended:
        return Answers(pending, ())
    receipts = {receipt.key: receipt for receipt in inbox.receipts(kind)}
    return Answers(pending, [stretch for one in ended for stretch in unanswered(one.uploads(known), receipts)])
