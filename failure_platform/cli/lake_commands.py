"""`restore` and `replay`: the lake repaired from its snapshot, or rebuilt from the archive."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from failure_platform.cli import instance
from failure_platform.domain.arrivals import Receipt
from failure_platform.resources.lake import repairs, views
from failure_platform.resources.lake.errors import LakeError
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.merging import replay
from failure_platform.resources.platform import Platform
from failure_platform.resources.storage.clock import utc_now
from failure_platform.settings import Settings


def restore_lake(settings: Settings) -> dict[str, Any]:
    """Read lake and snapshot completely, and repair the damaged one from the other.

    Returns:
        `done`: a sentence; `problems`: what was wrong; `kept`: where the damaged lake file is kept, or None.

    Raises:
        HomeBusyError: a platform is up on this home.
        LakeError: both are damaged; the message names the command that helps then.
    """
    with instance.exclusive_home(settings):
        result = repairs.restore(Platform(settings).lake)
    return {
        "done": result.done,
        "problems": list(result.problems),
        "kept": str(result.kept) if result.kept else None,
    }


def replay_lake(settings: Settings, *, check: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Rebuild the lake in another folder; replace the present one unless both are identical, or `check` is set.

    Returns:
        `kinds`: rows and state before and after; `identical`; `replaced`; `kept`: where the old file is kept;
        `carried_over`: tables that no upload fills; `before`: why the old lake could not be read, or None.

    Raises:
        HomeBusyError: a platform is up on this home.
    """
    platform = Platform(settings)
    with instance.exclusive_home(settings):
        folder = settings.lake_file.parent / "replay"
        shutil.rmtree(folder, ignore_errors=True)
        fresh = Lake(folder / settings.lake_file.name, threads=settings.lake_threads, memory_limit=settings.lake_memory)
        try:
            receipts = replay.rebuild(platform.inbox, platform.staging, fresh, platform.person_key, utc_now, say)
            old, unreadable = platform.lake, None
            try:
                kinds = replay.compare(old, fresh)
            except LakeError as error:
                unreadable = str(error)
                kinds = replay.compare(None, fresh)
            identical = all(kind.identical for kind in kinds)
            result: dict[str, Any] = {
                "kinds": [{**asdict(kind), "identical": kind.identical} for kind in kinds],
                "identical": identical,
                "replaced": not (identical or check),
                "kept": None,
                "carried_over": [],
                "before": unreadable,
            }
            if result["replaced"]:
                source = repairs.newest_readable(platform.lake)
                result["carried_over"] = replay.carry_over(source, fresh) if source is not None else []
                result["kept"] = repairs.put_in_place(fresh.path, platform.lake)
                with platform.lake.read() as connection:
                    lines = {line.key: line for line in views.ledger(connection)}
                for receipt in receipts:
                    platform.inbox.mark(receipt, lines[receipt.key].state)
                _report_to_dagster(
                    settings, [receipts_of[-1] for receipts_of in _by_kind(receipts, kinds) if receipts_of]
                )
            return result
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _by_kind(receipts: Sequence[Receipt], kinds: Sequence[replay.Compared]) -> list[list[Receipt]]:
    changed = [kind.kind for kind in kinds if not kind.identical]
    return [[receipt for receipt in receipts if receipt.kind == kind] for kind in changed]


def _report_to_dagster(settings: Settings, last: Sequence[Receipt]) -> None:
    """Report each changed table by its last upload, so that the stages after it are materialised at the next start."""
    with instance.opened(settings) as dagster:
        for receipt in last:
            dagster.report_runless_asset_event(
                dg.AssetMaterialization(receipt.kind, partition=receipt.key, metadata={"rebuilt by": "replay"})
            )
