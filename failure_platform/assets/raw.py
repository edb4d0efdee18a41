"""Stage 1: uploads as received - the original archived by its hash, its rows as text with where they stood.

What belongs here: archive, read, show what was understood. What does not: what a good row is (the lake's stage).
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import (
    CODE_VERSION,
    OWNER,
    Group,
    column_schema,
    inline_table,
    uploads_of,
)
from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.findings import findings_in_words
from failure_platform.resources.dagster_events import events_of, kept_open
from failure_platform.resources.platform import Platform
from failure_platform.resources.reading.upload import ParsedUpload
from failure_platform.resources.uploads.staging import Refused

PREVIEWED_ROWS = 3
_LONGEST_CELL = 20
# Reading rows back takes half as long as reading a small file: of a large backlog, the newest uploads show theirs.
MOST_PREVIEWS = 20
# A line of the log costs as much as reading a small file.
UPLOADS_PER_LINE = 100
_WHERE = (("sheet", "VARCHAR", "sheet of the file, if it has any"), ("line", "BIGINT", "line or row in the original"))


def raw_asset(contract: Contract) -> dg.AssetsDefinition:
    """Return the asset `raw_<kind>`, one partition per upload."""
    name = f"raw_{contract.kind}"

    @dg.asset(
        name=name,
        partitions_def=uploads_of(contract.kind),
        # A backlog of a thousand files is a few runs, not a thousand.
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=Group.raw,
        owners=[OWNER],
        kinds={"file", "parquet"},
        tags={"stage": "raw", "kind": contract.kind},
        code_version=CODE_VERSION,
        check_specs=[
            dg.AssetCheckSpec(
                "readable",
                asset=name,
                description="Every upload could be read and has the contract's columns. A refused one stops only "
                "itself; the reason says what to do.",
            )
        ],
        description=(
            f"{contract.kind} uploads as received: one partition per file content, rows as text.\n\n"
            "The original is archived by its hash before it is read. A file that cannot be read is refused with what, "
            "where, why and what to do; put it right and drop it again, or materialise its partition again."
        ),
    )
    def raw(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # Each look at the keys asks the event log.
        keys = context.partition_keys
        receipts = platform.inbox.receipts_of(contract.kind, keys)
        refused: dict[str, str] = {}
        with (
            kept_open(*events_of(context)),
            closing(platform.staging.read_all(receipts, contract, platform.person_key)) as reading,
        ):
            for number, (receipt, staged) in enumerate(reading, 1):
                page = _page(receipt, staged, preview=number > len(keys) - MOST_PREVIEWS)
                context.add_asset_metadata(page, partition_key=receipt.key)
                if isinstance(staged, Refused):
                    refused[receipt.name] = staged.reason
                if number % UPLOADS_PER_LINE == 0 or number == len(keys):
                    context.log.info(f"{number} of {len(keys)}: {receipt.name}")
            yield dg.MaterializeResult(
                data_version=dg.DataVersion(receipts[-1].sha256),
                metadata={
                    "dagster/column_schema": column_schema(
                        [*((c.name, "VARCHAR", c.description) for c in contract.columns), *_WHERE]
                    ),
                    "uploads in this run": len(keys),
                },
            )
            yield dg.AssetCheckResult(
                passed=not refused,
                check_name="readable",
                severity=dg.AssetCheckSeverity.ERROR,
                description=next(iter(refused.values()), None),
                metadata={
                    "refused uploads": inline_table(pd.DataFrame(refused.items(), columns=["file", "reason"])),
                },
            )

    return raw


def _page(receipt: Receipt, staged: ParsedUpload | Refused, *, preview: bool) -> Mapping[str, Any]:
    """Return what the page of an upload shows, what matters most first."""
    facts = {
        "file": receipt.name,
        "size": f"{receipt.size:,} bytes",
        "attempt": receipt.attempt,
        "upload": receipt.sha256,
    }
    if isinstance(staged, Refused):
        return {"refused": staged.reason, "dagster/row_count": 0, **facts, "preview": "Nothing could be read."}
    understood = pd.DataFrame(findings_in_words(staged.understood), columns=["what", "understood as"])
    return {
        "dagster/row_count": staged.rows_in,
        "what was understood of the file": inline_table(understood),
        **facts,
        **({"preview": _preview(staged)} if preview else {}),
    }


def _preview(received: ParsedUpload) -> dg.TableMetadataValue:
    """Return the first rows side by side, a line per column: a wide table would push the page's right edge away."""
    rows = received.preview(PREVIEWED_ROWS)
    texts = rows.drop(columns=["sheet", "line"]).fillna("")
    cut = texts.where(texts.map(len) <= _LONGEST_CELL, texts.map(lambda text: text[: _LONGEST_CELL - 1] + "…"))
    # Rows of tables that stand side by side have one line: their number tells them apart.
    where = [f"row {number} (line {line})" for number, line in enumerate(rows["line"], 1)]
    by_column = cut.set_axis(where, axis="index").T
    return inline_table(by_column.rename_axis("column").reset_index())
