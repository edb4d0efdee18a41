"""The complete flow without a UI: the jobs of one home, run in this process and in order."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from failure_platform.assets.predictions import PREDICT_JOB
from failure_platform.assets.production_model import DECIDE_JOB
from failure_platform.assets.vehicles import description_options
from failure_platform.catalog import CODE_VERSION, uploads_of
from failure_platform.cli import instance
from failure_platform.cli.model_commands import summary
from failure_platform.definitions import build
from failure_platform.domain import arrivals
from failure_platform.domain.arrivals import Receipt, Sighting
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.features.wide import data_version
from failure_platform.domain.leaks.findings import audit_of
from failure_platform.domain.ledger import UploadLine
from failure_platform.domain.targets import Target
from failure_platform.resources.lake import views
from failure_platform.resources.lake.target_tables import predictions_table, read_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.vehicles.vehicles_table import pending_changes
from failure_platform.sensors.arrivals import FolderScan, range_tags, receive_settled, upload_tags
from failure_platform.settings import Settings

Say = Callable[[str], None]
COUNTS = ("rows_in", "merged", "duplicate", "superseded", "quarantined")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class StageFailedError(Exception):
    """A stage of the flow failed; the message is the stage's own."""


class Flow:
    """The jobs of one home, run in this process on its Dagster instance."""

    def __init__(self, settings: Settings, dagster: dg.DagsterInstance) -> None:
        self._definitions = build(settings)
        self._dagster = dagster

    def known(self, kind: str) -> set[str]:
        """Return the uploads of a kind that Dagster knows."""
        return set(self._dagster.get_dynamic_partitions(str(uploads_of(kind).name)))

    def ingest(self, kind: str, scan: FolderScan, most: int, say: Say) -> None:
        """Ingest the uploads of a scan. A refused one is recorded in the ledger and stops only itself."""
        self._dagster.add_dynamic_partitions(str(uploads_of(kind).name), [r.key for r in scan.plan.new])
        runs = [(batch, range_tags(batch[0].key, batch[-1].key)) for batch in arrivals.batches(scan.plan.new, most)]
        runs += [([receipt], range_tags(receipt.key, receipt.key)) for receipt in scan.plan.again]
        for batch, tags in runs:
            say(f"{kind}: {len(batch)} new, such as {batch[0].name}" if len(batch) > 1 else f"{kind}: {batch[0].name}")
            self.run(f"ingest_{kind}", tags={**tags, **upload_tags(kind, batch)}, refusals=True)

    def run(
        self,
        job: str,
        *,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        refusals: bool = False,
    ) -> None:
        """Run a job to its end.

        Args:
            job: name of the job.
            partition: target, for the stages behind the lake.
            tags: run tags.
            config: run configuration, as in the launchpad.
            refusals: whether a refusal by a step (`dg.Failure`) is a result and not an error.

        Raises:
            StageFailedError: a step failed.
        """
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._dagster,
            partition_key=partition,
            tags=dict(tags or {}),
            run_config={**_QUIET, **(config or {})},
            raise_on_error=False,
        )
        if result.success:
            return
        errors = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        if refusals and all(f.user_failure_data is not None for f in errors):
            return
        raise StageFailedError("\n".join(_message(failure) for failure in errors) or f"{job} failed")


def run_flow(settings: Settings, say: Say) -> dict[str, Any]:
    """Run the flow once on this home.

    Returns:
        `uploads`: one ledger line per file in the upload folders; `targets`: by name, the candidate, the production
        model and the verdict, both measured on the same vehicles.

    Raises:
        HomeBusyError: a platform runs on this home.
        StageFailedError: a stage failed.
    """
    platform = Platform(settings)
    with instance.exclusive_home(settings), instance.opened(settings) as dagster:
        instance.close_dead_runs(dagster)
        flow = Flow(settings, dagster)
        received = {kind: _ingest_folder(flow, platform, kind, say) for kind in CONTRACTS}
        for target in settings.targets:
            _bring_up_to_date(flow, platform, target, say)
        with platform.lake.read() as connection:
            ledger = {
                line.key: line
                for kind, files in received.items()
                for line in views.ledger_lines(connection, kind, {receipt.key for receipt in files.values()})
            }
        return {
            "uploads": [
                _ledger_line(ledger, name, receipt)
                for files in received.values()
                for name, receipt in sorted(files.items())
            ],
            "targets": {target: summary(platform, target) for target in settings.targets},
        }


def _ingest_folder(flow: Flow, platform: Platform, kind: str, say: Say) -> dict[str, Receipt]:
    settings = platform.settings
    handled: dict[str, Sighting] = {}
    receipts: dict[str, Receipt] = {}
    while unhandled := arrivals.unhandled(platform.inbox.look(kind), handled):
        time.sleep(settings.settle_seconds)
        scan = receive_settled(platform.inbox, kind, unhandled, handled, flow.known(kind))
        platform.inbox.note(scan.plan.again)
        flow.ingest(kind, scan, settings.uploads_per_run, say)
        receipts |= {arrivals.shown_name(name): receipt for name, receipt in scan.receipts.items()}
        handled = dict(scan.handled)
        if scan.waiting:
            say(f"{kind}: waiting for {len(scan.waiting)} files that are still being written")
    return receipts


def _bring_up_to_date(flow: Flow, platform: Platform, target: str, say: Say) -> None:
    if (version := current_candidate(platform, platform.settings.target(target))) is None:
        say(f"{target}: describing vehicles, training, comparing")
        flow.run("retrain", partition=target)
        return
    say(f"{target}: nothing new since version {version} was trained")
    production = platform.registry.current(target)
    predicted = read_table(platform.lake, predictions_table(target), "TRUE LIMIT 1")
    if production and (predicted is None or set(predicted["version"]) != {production.version}):
        flow.run(PREDICT_JOB, partition=target)


def current_candidate(platform: Platform, target: Target) -> str | None:
    """Return the newest version if training again would give it, and if it is compared with production; else None."""
    settings, registry = platform.settings, platform.registry
    candidate, production = registry.newest(target.name), registry.current(target.name)
    if candidate is None or candidate.code_version != CODE_VERSION:
        return None
    pending = pending_changes(platform.lake, target, **description_options(settings))
    if pending.uploads or pending.rebuild_reason is not None:
        return None
    incremental = settings.training.mode == "incremental"
    recipe = settings.recipe(candidate.recipe.get("started_from") if incremental else None).as_dict()
    recorded = {**candidate.recipe, "trials_done": None}
    recorded.pop("accepted_features", None)
    vehicles = read_table(platform.lake, vehicles_table(target.name))
    if (
        recorded != json.loads(json.dumps(recipe))
        or not audit_of(candidate.facts).same_acceptance(settings.accepted_features)
        or vehicles is None
        or data_version(vehicles) != candidate.data_version
    ):
        return None
    pair = (candidate.version, production.version if production else None)
    compared = any((one.candidate, one.production) == pair for one in registry.comparisons(target.name))
    return candidate.version if compared or pair[0] == pair[1] else None


def _ledger_line(ledger: Mapping[str, UploadLine], name: str, receipt: Receipt) -> dict[str, Any]:
    line = ledger.get(receipt.key)
    if line is None:
        raise StageFailedError(f"{name}: received, but not in the ledger. Run `failure-platform process` again.")
    counts = {count: getattr(line, count) for count in COUNTS}
    state: str = line.state
    if name != receipt.name:
        # The same bytes under another name: all of its rows are in the lake already.
        counts, state = {**dict.fromkeys(COUNTS, 0), "rows_in": line.rows_in, "duplicate": line.rows_in}, "already_in"
    return {"kind": receipt.kind, "name": name, **counts, "state": state, "reason": line.reason}


def _message(failure: Any) -> str:
    given = failure.user_failure_data
    if given is not None and given.description:
        return str(given.description)
    error = failure.error
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


class DecisionNotTakenError(Exception):
    """The decision was refused; the message says why and what to do. Nothing changed."""


def decide(settings: Settings, target: str, config: dict[str, Any]) -> dict[str, Any]:
    """Take a decision, predict again if it changed the production model, and return the new line of the log.

    Raises:
        DecisionNotTakenError: refused.
        StageFailedError: the decision was taken, and predicting failed.
    """
    registry = Platform(settings).registry
    before = registry.current(target)
    with instance.opened(settings) as dagster:
        flow = Flow(settings, dagster)
        try:
            flow.run(DECIDE_JOB, partition=target, config={"ops": {"production_model": {"config": config}}})
        except StageFailedError as refused:
            raise DecisionNotTakenError(str(refused)) from refused
        line = registry.history(target)[-1]
        if line.production_version not in (None, before and before.version):
            try:
                flow.run(PREDICT_JOB, partition=target)
            except StageFailedError as failed:
                raise StageFailedError(
                    f"The decision was taken: {line.production_version} is in production. Its predictions failed: "
                    f"{failed} Materialise predictions once that is mended."
                ) from failed
    return asdict(line)
