"""`uploads` and `withdraw`: what came in, what became of it, and taking one upload's rows out again.

What belongs here: finding the upload that a person means, and telling Dagster what changed. What does not: how rows
leave the lake (resources.withdrawing).
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from failure_platform.cli import instance
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources import lake_views
from failure_platform.resources.platform import Platform
from failure_platform.resources.withdrawing import NotWithdrawableError, withdraw
from failure_platform.settings import Settings

_COUNTS = ("rows_in", "merged", "duplicate", "superseded", "quarantined")


def listed(settings: Settings, kind: str | None = None) -> dict[str, Any]:
    """Return the ledger in order of arrival, of one kind or of all: `uploads`, one object per line."""
    with Platform(settings).lake.read() as connection:
        return {"uploads": [asdict(line) for line in lake_views.ledger(connection, kind)]}


def withdrawn(settings: Settings, upload: str, who: str, why: str) -> dict[str, Any]:
    """Take an upload's rows out of the lake, tell Dagster, and return its ledger line.

    The receipt is marked first: killed in between, the same command finishes the work, and a lake that is rebuilt
    leaves the upload out.

    Raises:
        NotWithdrawableError: no such upload, several, or one that was refused.
    """
    platform = Platform(settings)
    line = _meant(platform, upload)
    contract = CONTRACTS[line.kind]
    with instance.opened(settings) as dagster:
        platform.inbox.mark(platform.inbox.receipt(line.kind, line.upload), "withdrawn")
        now = datetime.now(UTC).replace(tzinfo=None)
        with platform.lake.write() as connection:
            line = withdraw(connection, contract, line.upload, f"withdrawn by {who}: {why}", now)
        # The stages behind the lake are redone as after an upload.
        dagster.report_runless_asset_event(
            dg.AssetMaterialization(
                line.kind, partition=line.upload, metadata={"withdrawn by": who, "why": why, "file": line.name}
            )
        )
    return asdict(line)


def draw(result: dict[str, Any], out: Console) -> None:
    """Draw the ledger as a table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for column in ("hash", "kind", "state"):
        table.add_column(column, no_wrap=True)
    for count in _COUNTS:
        # A number is shown whole, however narrow the terminal; its heading folds instead.
        longest = max((len(f"{line[count]:,}") for line in result["uploads"]), default=0)
        table.add_column(count.replace("_", " "), justify="right", overflow="fold", min_width=longest)
    table.add_column("file", overflow="fold", min_width=8)
    for line in result["uploads"]:
        counts = (f"{line[count]:,}" for count in _COUNTS)
        table.add_row(line["sha256"][:8], line["kind"], line["state"], *counts, escape(line["name"]))
    out.print(table)
    for line in result["uploads"]:
        if line["reason"]:
            out.print(f"{line['name']}: {line['reason']}", markup=False)


def draw_withdrawn(line: dict[str, Any], out: Console) -> None:
    """Say what was taken out, and how it comes back."""
    out.print(
        f"'{line['name']}' is out of the lake: {line['reason']}. Its original stays in the archive; to take it in "
        f"again, materialise partition {line['upload']} of {line['kind']} in the UI.",
        markup=False,
    )


def _meant(platform: Platform, upload: str) -> UploadLine:
    with platform.lake.read() as connection:
        lines = lake_views.ledger(connection)
    found = [line for line in lines if upload in (line.upload, line.name) or line.sha256.startswith(upload)]
    if len(found) == 1:
        return found[0]
    several = ", ".join(line.upload for line in found)
    raise NotWithdrawableError(
        f"'{upload}' is {f'several uploads: {several}' if found else 'no upload of this lake'}. Give the key, the hash "
        "or the file name of one; `failure-platform uploads` lists them."
    )
