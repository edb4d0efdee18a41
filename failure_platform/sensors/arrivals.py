"""One sensor per kind: finds settled files in the upload folder and requests their runs."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from failure_platform.domain import arrivals
from failure_platform.domain.arrivals import PendingRun, Plan, Receipt, Sighting, fate, pause_seconds, unanswered
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.not_taken import Blocked, NotReadableError, NotTaken, due, in_words
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.sensors.memory import Memory

RUN_KEY_TAG = "dagster/run_key"
FAILURE_REASON_TAG = "dagster/failure_reason"
NO_RUN_RETRIES = {"dagster/max_retries": "0"}
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
KIND_TAG = "failure_platform/kind"
UPLOADS_TAG = "failure_platform/uploads"
FILE_TAG = "failure_platform/file_name"
HASH_TAG = "failure_platform/file_sha256"

# Hashing this much takes some 5 seconds; the rest of a large drop waits for the next tick.
MOST_BYTES_PER_TICK = 2 << 30
# What is not taken is stored in the cursor, so that each is logged once.
MOST_LOGGED = 100
# The daemon evaluates sensors every 5 seconds. With an interval of 5, every other tick would be milliseconds early.
TICK_SECONDS = 1


@dataclass(frozen=True)
class RunOutcomes:
    """Requested runs that have not ended, and batches of uploads to request again, one run per batch."""

    pending: Mapping[str, PendingRun]
    again: Sequence[Sequence[Receipt]]


@dataclass(frozen=True)
class FolderScan:
    """The result of a scan.

    Args:
        plan: the uploads to ingest.
        receipts: received files by name.
        handled: handled files by name.
        waiting: names of files that are still being written, or left for the next tick.
        blocked: files that could not be read, by name.
        not_taken: all that lies in the folder and is not taken.
        compare_inodes: whether another inode shows, in this folder, that a file was replaced.
    """

    plan: Plan
    receipts: Mapping[str, Receipt]
    handled: Mapping[str, Sighting]
    waiting: tuple[str, ...]
    blocked: Mapping[str, Blocked]
    not_taken: tuple[NotTaken, ...]
    compare_inodes: bool


def arrival_sensor(
    kind: str,
    job: str,
    partitions: dg.DynamicPartitionsDefinition,
    settle_seconds: float,
    uploads_per_run: int,
    kinds: Collection[str] = tuple(CONTRACTS),
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> dg.SensorDefinition:
    """Return the sensor of one kind, on by default.

    Args:
        kind: name of the kind, which is also the name of its folder.
        job: name of the job that ingests uploads of this kind.
        partitions: partitions of the kind, one per upload.
        settle_seconds: seconds between the two scans that must find a new file unchanged.
        uploads_per_run: most uploads in one run.
        kinds: every kind: other folders among the uploads are reported.
        clock: gives the current time in seconds since the epoch.
        sleep: waits for a number of seconds.
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
        memory, seen = Memory.from_cursor(context.cursor), inbox.scan(kind)
        compare = memory.compare_inodes or not arrivals.inodes_change(memory.handled.values(), seen.files)
        fresh = arrivals.unhandled(seen.files, memory.handled, compare_inodes=compare)
        tried = due(fresh, memory.blocked, clock())
        resting = {s.name: memory.blocked[s.name] for s in set(fresh).difference(tried)}
        beside = [one for one in inbox.strays(kinds) if one.kind in (None, kind)]
        if not tried and not memory.pending:
            problems = [*seen.not_taken, *(one.not_taken for one in resting.values()), *beside]
            logged = _log_new(context, problems, memory.logged)
            now = replace(memory, blocked=resting, logged=logged, compare_inodes=compare)
            if now != memory:
                context.update_cursor(now.to_cursor())
            return dg.SkipReason(_with_problems(f"no new file in uploads/{kind}", problems))
        known = context.instance.get_dynamic_partitions(str(partitions.name))
        outcomes = run_outcomes(context.instance, inbox, kind, memory.pending, known, clock())
        sleep(settle_seconds if tried else 0)
        scan = receive_settled(inbox, kind, tried, memory.handled, set(known), compare_inodes=compare, now=clock())
        problems = [*scan.not_taken, *(one.not_taken for one in resting.values()), *beside]
        for receipt in scan.plan.already_in:
            context.log.info(f"'{receipt.name}' is already in, as {receipt.key}; nothing to do.")
        for first, *_ in outcomes.again:
            context.log.info(f"The run of '{first.name}' ended without a result; requesting try {first.attempt}.")
        repeated = [*([receipt] for receipt in scan.plan.again), *outcomes.again]
        inbox.note([receipt for batch in repeated for receipt in batch])
        batches = [*arrivals.batches(scan.plan.new, uploads_per_run), *repeated]
        requests = {run_key(batch): run_request(kind, batch) for batch in batches}
        requested = {run_key(batch): PendingRun(batch[0].key, batch[-1].key, batch[0].attempt) for batch in batches}
        return dg.SensorResult(
            run_requests=list(requests.values()),
            dynamic_partitions_requests=add_requests(partitions, scan.plan),
            skip_reason=None if requests else _with_problems(_skip_reason(scan, len(outcomes.pending)), problems),
            cursor=Memory(
                scan.handled,
                {**outcomes.pending, **requested},
                {**resting, **scan.blocked},
                _log_new(context, problems, memory.logged),
                scan.compare_inodes,
            ).to_cursor(),
        )

    return arrivals_of_kind


def run_outcomes(
    instance: dg.DagsterInstance,
    inbox: Inbox,
    kind: str,
    requested: Mapping[str, PendingRun],
    known: Sequence[str],
    now: float,
) -> RunOutcomes:
    """Return which of the requested runs have not ended, and which uploads must be requested again.

    Args:
        instance: stores the runs.
        inbox: stores the receipts.
        kind: kind of the uploads.
        requested: runs by run key.
        known: keys of all uploads of this kind, in the order of their partitions.
        now: seconds since the epoch.
    """
    pending: dict[str, PendingRun] = {}
    without_result: list[PendingRun] = []
    for key, request in requested.items():
        records = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: key}), limit=1)
        run = records[0].dagster_run if records else None
        end = fate(run.status.value, run.tags.get(FAILURE_REASON_TAG)) if run else "died"
        since = now - ((records[0].end_time if records else None) or 0.0)
        if end == "under_way" or (end in ("cancelled", "died") and since < pause_seconds(end, request.attempt)):
            pending[key] = request
        elif end in ("cancelled", "died"):
            without_result.append(request)
    if not without_result:
        return RunOutcomes(pending, ())
    uploads = [request.uploads(known) for request in without_result]
    receipts = inbox.receipts_by_key(kind, {key for keys in uploads for key in keys})
    return RunOutcomes(pending, [batch for keys in uploads for batch in unanswered(keys, receipts)])


def receive_settled(
    inbox: Inbox,
    kind: str,
    unhandled: Sequence[Sighting],
    handled: Mapping[str, Sighting],
    known: set[str],
    *,
    compare_inodes: bool = True,
    now: float = 0.0,
) -> FolderScan:
    """Scan the folder a second time, receive the files that did not change, and plan their runs.

    Args:
        inbox: the upload folders.
        kind: which of them.
        unhandled: files of the first scan that were not handled yet.
        handled: files handled before, by name.
        known: partition keys that Dagster knows.
        compare_inodes: False where the inodes of the folder are known to change by themselves.
        now: seconds since the epoch, for files that cannot be read.
    """
    seen = inbox.scan(kind)
    compare_inodes = compare_inodes and not arrivals.inodes_change(unhandled, seen.files)
    received: dict[str, Receipt] = {}
    blocked: dict[str, Blocked] = {}
    done: dict[str, Sighting] = {}
    for sighting in arrivals.within_budget(arrivals.settled(unhandled, seen.files), MOST_BYTES_PER_TICK):
        renumbered = arrivals.renumbered(sighting, handled)
        if compare_inodes or not renumbered:
            try:
                receipt = inbox.receive(kind, sighting)
            except NotReadableError as error:
                blocked[sighting.name] = Blocked(sighting, error.not_taken, now)
                continue
            if receipt is None:
                continue
            if renumbered and receipt.key in known:
                # Only its number is new: in this folder that says nothing, and no other file is hashed for it.
                compare_inodes = False
            else:
                received[sighting.name] = receipt
        done[sighting.name] = sighting
    names = {s.name for s in seen.files}
    # Removed files are dropped, so that the cursor grows with the folder and not with its history.
    kept = {name: s for name, s in handled.items() if name in names or not seen.complete}
    return FolderScan(
        plan=arrivals.plan(received.values(), known),
        receipts=received,
        handled={**kept, **done},
        waiting=tuple(s.name for s in unhandled if s.name in names and s.name not in {**done, **blocked}),
        blocked=blocked,
        not_taken=(*seen.not_taken, *(one.not_taken for one in blocked.values())),
        compare_inodes=compare_inodes,
    )


def add_requests(
    partitions: dg.DynamicPartitionsDefinition, plan: Plan
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """Return the request that adds the new uploads as partitions, in the order of their runs."""
    return [partitions.build_add_request([r.key for r in plan.new])] if plan.new else []


def run_key(batch: Sequence[Receipt]) -> str:
    """Return the key of a run of consecutive uploads; each further try has another key."""
    return batch[0].run_key if len(batch) == 1 else f"{batch[0].run_key}..{batch[-1].run_key}/{len(batch)}"


def run_request(kind: str, batch: Sequence[Receipt]) -> dg.RunRequest:
    """Return the request for one run of uploads whose partitions are consecutive."""
    if len(batch) == 1:
        return dg.RunRequest(run_key(batch), partition_key=batch[0].key, tags=upload_tags(kind, batch))
    tags = {**range_tags(batch[0].key, batch[-1].key), **upload_tags(kind, batch)}
    return dg.RunRequest(run_key(batch), tags=tags)


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags by which one run takes a range of partitions, in the order in which they were added."""
    return {RANGE_START: first, RANGE_END: last}


def upload_tags(kind: str, receipts: Sequence[Receipt]) -> dict[str, str]:
    """Return the tags by which the UI finds a run's uploads, and which leave its retries to the sensor."""
    tags = {KIND_TAG: kind, UPLOADS_TAG: str(len(receipts)), **NO_RUN_RETRIES}
    if len(receipts) == 1:
        tags |= {FILE_TAG: receipts[0].name, HASH_TAG: receipts[0].sha256}
    return tags


def _skip_reason(scan: FolderScan, runs: int) -> str:
    if scan.waiting:
        return f"{len(scan.waiting)} files are still being written, such as '{arrivals.shown_name(scan.waiting[0])}'"
    if scan.plan.already_in:
        return f"{len(scan.plan.already_in)} files are already in"
    return f"no new file; {runs} runs have not ended yet" if runs else "no new file"


def _with_problems(reason: str, problems: Sequence[NotTaken]) -> str:
    return f"{reason}; {len(problems)} not taken: {in_words(problems)}" if problems else reason


def _log_new(
    context: dg.SensorEvaluationContext, problems: Iterable[NotTaken], before: Collection[str]
) -> Sequence[str]:
    """Log what was not logged at the last tick, and return all that is reported now."""
    lines = [str(one) for one in problems][:MOST_LOGGED]
    for line in lines:
        if line not in before:
            context.log.warning(f"Not taken: {line}")
    return lines
