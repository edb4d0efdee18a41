"""One sensor per kind: notices settled files in the upload folder and asks for their runs.

What belongs here: the tick - look, wait for files to settle, receive, decide (domain.arrivals), emit. What does not:
reading what is inside a file; the sensor must stay quick whatever people upload.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import dagster as dg

from failure_platform.domain import arrivals
from failure_platform.domain.arrivals import Plan, Receipt, Sighting
from failure_platform.resources.inbox import Inbox

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
        handled = _from_cursor(context.cursor)
        fresh = arrivals.unhandled(inbox.look(kind), handled)
        if not fresh:
            return dg.SkipReason(f"no new file in uploads/{kind}")
        time.sleep(settle_seconds)
        known = set(context.instance.get_dynamic_partitions(str(partitions.name)))
        look = receive_settled(inbox, kind, fresh, handled, known)
        for receipt in look.plan.already_in:
            context.log.info(f"'{receipt.name}' is already in, as {receipt.key}; nothing to do.")
        inbox.note(look.plan.again)
        return dg.SensorResult(
            run_requests=run_requests(kind, look.plan, uploads_per_run),
            dynamic_partitions_requests=add_requests(partitions, look.plan),
            skip_reason=None if look.plan.new or look.plan.again else _why_nothing(look),
            cursor=_to_cursor(look.handled),
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


def run_requests(kind: str, plan: Plan, uploads_per_run: int) -> list[dg.RunRequest]:
    """Return one request per batch of new uploads (a range of partitions) and one per retried upload."""
    requests = [
        dg.RunRequest(
            run_key=f"{batch[0].run_key}..{batch[-1].run_key}/{len(batch)}",
            tags={**range_tags(batch[0].key, batch[-1].key), **upload_tags(kind, batch)},
        )
        for batch in arrivals.batches(plan.new, uploads_per_run)
    ]
    requests += [dg.RunRequest(run_key=r.run_key, partition_key=r.key, tags=upload_tags(kind, [r])) for r in plan.again]
    return requests


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags that make a run take a range of partitions, in the order in which they were added."""
    return {RANGE_START: first, RANGE_END: last}


def upload_tags(kind: str, receipts: Sequence[Receipt]) -> dict[str, str]:
    """Return the tags by which a run's uploads are found in the UI."""
    tags = {KIND_TAG: kind, UPLOADS_TAG: str(len(receipts))}
    if len(receipts) == 1:
        tags |= {FILE_TAG: receipts[0].name, HASH_TAG: receipts[0].sha256}
    return tags


def _why_nothing(look: Look) -> str:
    if look.waiting:
        return f"{len(look.waiting)} files are still being written, such as '{look.waiting[0]}'"
    return f"{len(look.plan.already_in)} files are already in"


def _from_cursor(cursor: str | None) -> dict[str, Sighting]:
    return {name: Sighting(name, *facts) for name, facts in json.loads(cursor or "{}").items()}


def _to_cursor(handled: Mapping[str, Sighting]) -> str:
    return json.dumps({name: astuple(s)[1:] for name, s in sorted(handled.items())})
