"""Stage 1: uploads as received - the original archived by its hash, its rows as text with where they stood.

What belongs here: archive, read, show what was understood. What does not: what a good row is (the lake's stage).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import (
    CODE_VERSION,
    OWNER,
    PREVIEW_ROWS,
    Group,
    column_schema,
    inline_table,
    markdown,
    uploads_of,
)
from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import Contract
from failure_platform.resources.platform import Platform
from failure_platform.resources.reading import Received
from failure_platform.resources.staging import Refused

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
        staged: dict[str, Received | Refused] = {}
        receipts: dict[str, Receipt] = {}
        for number, key in enumerate(context.partition_keys, 1):
            receipts[key] = platform.inbox.receipt(contract.kind, key)
            staged[key] = platform.staging.read(receipts[key], contract, platform.person_key)
            context.add_asset_metadata(_of_upload(receipts[key], staged[key]), partition_key=key)
            context.log.info(f"{number} of {len(context.partition_keys)}: {receipts[key].name}")
        refused = {receipts[key].name: s.reason for key, s in staged.items() if isinstance(s, Refused)}
        received = [s for s in staged.values() if isinstance(s, Received)]
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(receipts[context.partition_keys[-1]].sha256),
            metadata={
                "dagster/row_count": sum(s.rows_in for s in received),
                "dagster/column_schema": column_schema(
                    [*((c.name, "VARCHAR", c.description) for c in contract.columns), *_WHERE]
                ),
                "preview": markdown(_preview(received)),
                "uploads": len(staged),
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


def _of_upload(receipt: Receipt, staged: Received | Refused) -> Mapping[str, Any]:
    facts = {"file": receipt.name, "upload": receipt.sha256, "bytes": receipt.size, "attempt": receipt.attempt}
    if isinstance(staged, Refused):
        return {**facts, "refused": staged.reason}
    understood = pd.DataFrame([(k, str(v)) for k, v in staged.understood.items()], columns=["what", "understood as"])
    return {**facts, "rows in the file": staged.rows_in, "understood": inline_table(understood)}


def _preview(received: list[Received]) -> pd.DataFrame:
    if not received:
        return pd.DataFrame({"": ["nothing could be read"]})
    return received[0].preview(PREVIEW_ROWS)
