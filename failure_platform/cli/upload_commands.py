"""`uploads` and `withdraw`: the ledger, and the removal of one upload from the lake."""

from dataclasses import asdict
from typing import Any

import dagster as dg

from failure_platform.cli import instance
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources.lake import views
from failure_platform.resources.merging.withdraw import NotWithdrawableError, withdraw
from failure_platform.resources.platform import Platform
from failure_platform.resources.storage.clock import utc_now
from failure_platform.settings import Settings

_COUNTS = ("rows_in", "merged", "duplicate", "superseded", "quarantined")


def list_uploads(settings: Settings, kind: str | None = None) -> dict[str, Any]:
    """Return the ledger in order of arrival, of one kind or of all, and what is not taken.

    Returns:
        `uploads`: one object per line; `not_taken`: one object per file or folder (`domain.not_taken.NotTaken`).
    """
    platform = Platform(settings)
    with platform.lake.read() as connection:
        lines = views.ledger(connection, kind)
    # With 100,000 uploads, opening each again would take seconds on a disk and minutes on a share.
    known = {(line.kind, line.name, line.size) for line in lines}
    not_taken = [one for one in platform.inbox.not_taken(CONTRACTS, known) if kind in (None, one.kind) or not one.kind]
    return {"uploads": [line.columns() for line in lines], "not_taken": [asdict(one) for one in not_taken]}


def withdraw_upload(settings: Settings, upload: str, who: str, why: str) -> dict[str, Any]:
    """Remove the rows of an upload from the lake, report it to Dagster, and return its ledger line.

    The receipt is marked first: after a kill in between, the same command completes the work, and a rebuilt lake leaves
    the upload out.

    Raises:
        NotWithdrawableError: no such upload, several, or one that was refused.
    """
    platform = Platform(settings)
    line = _matching_line(platform, upload)
    contract = CONTRACTS[line.kind]
    with instance.opened(settings) as dagster:
        platform.inbox.mark(platform.inbox.receipt(line.kind, line.key), "withdrawn")
        with platform.lake.write() as connection:
            line = withdraw(connection, contract, line.key, f"withdrawn by {who}: {why}", utc_now())
        # The stages after the lake are materialised again, as after an upload.
        dagster.report_runless_asset_event(
            dg.AssetMaterialization(
                line.kind, partition=line.key, metadata={"withdrawn by": who, "why": why, "file": line.name}
            )
        )
    return line.columns()


def _matching_line(platform: Platform, upload: str) -> UploadLine:
    with platform.lake.read() as connection:
        lines = views.ledger_lines_called(connection, upload)
    if len(lines) == 1:
        return lines[0]
    several = ", ".join(line.key for line in lines)
    raise NotWithdrawableError(
        f"'{upload}' is {f'several uploads: {several}' if lines else 'no upload of this lake'}. Give the key, the hash "
        "or the file name of one; `failure-platform uploads` lists them."
    )
