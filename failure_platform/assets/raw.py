"""Stage 1: uploads as received; the original is archived by its hash, its rows are staged as text."""

from collections.abc import Iterator, Mapping, Sequence
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
# Reading rows back takes half as long as reading a small file: of a large backlog, only the newest show a preview.
MOST_PREVIEWS = 20
# A line of the log takes as long as reading a small file.
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
                "itself; the reason states what to do.",
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
        with kept_open(*events_of(context)):
            receipts = platform.inbox.receipts_of(contract.kind, context.partition_keys)
            refused = _stage(context, platform, contract, receipts)
            yield dg.MaterializeResult(
                data_version=dg.DataVersion(receipts[-1].sha256), metadata=_run_page(contract, len(receipts))
            )
            yield _readable(refused)

    return raw


def _stage(
    context: dg.AssetExecutionContext, platform: Platform, contract: Contract, receipts: Sequence[Receipt]
) -> dict[str, str]:
    """Archive and stage each upload, attach its page to its partition, and return the refusals by file name."""
    refused: dict[str, str] = {}
    with closing(platform.staging.read_all(receipts, contract, platform.person_key)) as reading:
        for number, (receipt, staged) in enumerate(reading, 1):
            page = _page(receipt, staged, preview=number > len(receipts) - MOST_PREVIEWS)
            context.add_asset_metadata(page, partition_key=receipt.key)
            if isinstance(staged, Refused):
                refused[receipt.name] = staged.reason
            if number % UPLOADS_PER_LINE == 0 or number == len(receipts):
                context.log.info(f"{number} of {len(receipts)}: {receipt.name}")
    return refused


def _run_page(contract: Contract, uploads: int) -> Mapping[str, Any]:
    columns = [*((c.name, "VARCHAR", c.description) for c in contract.columns), *_WHERE]
    return {"dagster/column_schema": column_schema(columns), "uploads in this run": uploads}


def _readable(refused: Mapping[str, str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not refused,
        check_name="readable",
        severity=dg.AssetCheckSeverity.ERROR,
        description=next(iter(refused.values()), None),
        metadata={"refused uploads": inline_table(pd.DataFrame(refused.items(), columns=["file", "reason"]))},
    )


def _page(receipt: Receipt, staged: ParsedUpload | Refused, *, preview: bool) -> Mapping[str, Any]:
    """Return the metadata of an upload, the most important first."""
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
    """Return the first rows side by side, a line per column: a wide table would be wider than the page."""
    rows = received.preview(PREVIEWED_ROWS)
    texts = rows.drop(columns=["sheet", "line"]).fillna("")
    cut = texts.where(texts.map(len) <= _LONGEST_CELL, texts.map(lambda text: text[: _LONGEST_CELL - 1] + "…"))
    # Rows of side-by-side tables in a workbook share one line: their number distinguishes them.
    where = [f"row {number} (line {line})" for number, line in enumerate(rows["line"], 1)]
    by_column = cut.set_axis(where, axis="index").T
    return inline_table(by_column.rename_axis("column").reset_index())
