"""One sensor per kind: notices settled files in the upload folder and asks for their runs.

What belongs here: the tick - look, wait for files to settle, receive, decide (domain.arrivals), emit. What does not:
following what was asked for (sensors.answers), and reading what is inside a file: the sensor must stay quick whatever
people upload.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import dagster as dg

from failure_platform.domain import arrivals
from failure_platform.domain.arrivals import PendingRun, Plan, Receipt, Sighting, fate, pause_seconds, unanswered
from failure_platform.resources.uploads.inbox import Inbox

RUN_KEY_TAG = "dagster/run_key"
FAILURE_REASON_TAG = "dagster/failure_reason"
NO_RUN_RETRIES = {"dagster/max_retries": "0"}


@dataclass(frozen=True)
class Memory:
    """What was handled, by file name, and which runs have not answered yet, by run key."""

    handled: Mapping[str, Sighting]
    asked: Mapping[str, PendingRun]

    @staticmethod
    def from_cursor(cursor: str | None) -> "Memory":
        """Return what the last tick wrote down; nothing where there is no such tick."""
        told = json.loads(cursor or "{}")
        return Memory(
            {name: Sighting(name, *facts) for name, facts in told.get("handled", {}).items()},
            {run_key: PendingRun(*facts) for run_key, facts in told.get("asked", {}).items()},
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

    pending: Mapping[str, PendingRun]
    again: Sequence[Sequence[Receipt]]


def answers(
    instance: dg.DagsterInstance,
    inbox: Inbox,
    kind: str,
    asked: Mapping[str, PendingRun],
    known: Sequence[str],
    now: float,
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
    pending: dict[str, PendingRun] = {}
    ended: list[PendingRun] = []
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
    uploads = [one.uploads(known) for one in ended]
    receipts = inbox.receipts_by_key(kind, {key for keys in uploads for key in keys})
    return Answers(pending, [stretch for keys in uploads for stretch in unanswered(keys, receipts)])


RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
KIND_TAG = "failure_platform/kind"
UPLOADS_TAG = "failure_platform/uploads"
FILE_TAG = "failure_platform/file_name"
HASH_TAG = "failure_platform/file_sha256"

# Hashing this much takes some 5 seconds; the rest of a large drop waits for the next tick.
MOST_BYTES_PER_TICK = 2 << 30
# The daemon looks every 5 seconds. An interval of 5 would miss every other look by some milliseconds.
TICK_SECONDS = 1


@dataclass(frozen=True)
class Look:
    """What one look at a folder came to: the plan, receipts and handled files by name, and who still writes."""

    plan: Plan
    receipts: Mapping[str, Receipt]
    handled: Mapping[str, Sighting]
    waiting: tuple[str, ...]


def arrival_sensor(
    kind: str,
    job: str,
    partitions: dg.DynamicPartitionsDefinition,
    settle_seconds: float,
    uploads_per_run: int,
) -> dg.SensorDefinition:
    """Return the sensor of one kind, on by default.

    Args:
        kind: name of the kind, which is also the name of its folder.
        job: name of the job that takes uploads of this kind into the lake.
        partitions: the kind's uploads.
        settle_seconds: a file that is new is looked at twice, this far apart.
        uploads_per_run: most uploads in one run.
    """

    @dg.sensor(
        name=f"{kind}_arrivals",
        job_name=job,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Notices files in uploads/{kind} and starts one run for those that are new, changed or retried.",
    )
    def arrivals_of_kind(
        context: dg.SensorEvaluationContext, inbox: dg.ResourceParam[Inbox]
    ) -> dg.SensorResult | dg.SkipReason:
        memory = Memory.from_cursor(context.cursor)
        fresh = arrivals.unhandled(inbox.look(kind), memory.handled)
        if not fresh and not memory.asked:
            return dg.SkipReason(f"no new file in uploads/{kind}")
        known = context.instance.get_dynamic_partitions(str(partitions.name))
        found = answers(context.instance, inbox, kind, memory.asked, known, time.time())
        time.sleep(settle_seconds if fresh else 0)
        look = receive_settled(inbox, kind, fresh, memory.handled, set(known))
        for receipt in look.plan.already_in:
            context.log.info(f"'{receipt.name}' is already in, as {receipt.key}; nothing to do.")
        for first, *_ in found.again:
            context.log.info(f"The run of '{first.name}' ended without an answer; asking again, try {first.attempt}.")
        repeated = [*([receipt] for receipt in look.plan.again), *found.again]
        inbox.note([receipt for batch in repeated for receipt in batch])
        batches = [*arrivals.batches(look.plan.new, uploads_per_run), *repeated]
        requests = {run_key(batch): run_request(kind, batch) for batch in batches}
        asked = {run_key(batch): PendingRun(batch[0].key, batch[-1].key, batch[0].attempt) for batch in batches}
        return dg.SensorResult(
            run_requests=list(requests.values()),
            dynamic_partitions_requests=add_requests(partitions, look.plan),
            skip_reason=None if requests else _why_nothing(look, len(found.pending)),
            cursor=Memory(look.handled, {**found.pending, **asked}).to_cursor(),
        )

    return arrivals_of_kind


def receive_settled(
    inbox: Inbox, kind: str, fresh: Sequence[Sighting], handled: Mapping[str, Sighting], known: set[str]
) -> Look:
    """Look a second time, receive what stands unchanged since, and decide what follows.

    Args:
        inbox: the upload folders.
        kind: which of them.
        fresh: the first look's files that were not handled yet.
        handled: what was handled before, by file name.
        known: partition keys that Dagster knows.
    """
    seen = inbox.look(kind)
    taken = arrivals.within_budget(arrivals.settled(fresh, seen), MOST_BYTES_PER_TICK)
    received = {s.name: receipt for s in taken if (receipt := inbox.receive(kind, s)) is not None}
    names = {s.name for s in seen}
    # Files that are gone are forgotten, so that the cursor grows with the folder and not with its history.
    kept = {name: s for name, s in handled.items() if name in names}
    return Look(
        plan=arrivals.plan(received.values(), known),
        receipts=received,
        handled={**kept, **{s.name: s for s in taken if s.name in received}},
        waiting=tuple(s.name for s in fresh if s.name in names and s.name not in received),
    )


def add_requests(
    partitions: dg.DynamicPartitionsDefinition, plan: Plan
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """Return the request that makes the new uploads known as partitions, in the order of their runs."""
    return [partitions.build_add_request([r.key for r in plan.new])] if plan.new else []


def run_key(batch: Sequence[Receipt]) -> str:
    """Return the key of a run of uploads that stand together; other tries of them have other keys."""
    return batch[0].run_key if len(batch) == 1 else f"{batch[0].run_key}..{batch[-1].run_key}/{len(batch)}"


def run_request(kind: str, batch: Sequence[Receipt]) -> dg.RunRequest:
    """Return the request for one run of uploads that stand together in the order of their partitions."""
    if len(batch) == 1:
        return dg.RunRequest(run_key(batch), partition_key=batch[0].key, tags=upload_tags(kind, batch))
    tags = {**range_tags(batch[0].key, batch[-1].key), **upload_tags(kind, batch)}
    return dg.RunRequest(run_key(batch), tags=tags)


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags that make a run take a range of partitions, in the order in which they were added."""
    return {RANGE_START: first, RANGE_END: last}


def upload_tags(kind: str, receipts: Sequence[Receipt]) -> dict[str, str]:
    """Return the tags by which a run's uploads are found in the UI, and which leave its repetition to the sensor."""
    tags = {KIND_TAG: kind, UPLOADS_TAG: str(len(receipts)), **NO_RUN_RETRIES}
    if len(receipts) == 1:
        tags |= {FILE_TAG: receipts[0].name, HASH_TAG: receipts[0].sha256}
    return tags


def _why_nothing(look: Look, runs: int) -> str:
    if look.waiting:
        return f"{len(look.waiting)} files are still being written, such as '{arrivals.shown_name(look.waiting[0])}'"
    if look.plan.already_in:
        return f"{len(look.plan.already_in)} files are already in"
    return f"no new file; {runs} runs have not answered yet" if runs else "no new file"
