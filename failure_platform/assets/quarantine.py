"""Stage 2, next to the lake tables: the rows that wait for a correction."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import CODE_VERSION, OWNER, PREVIEW_ROWS, Group, inline_table, table_page
from failure_platform.domain.features.wide import data_version
from failure_platform.resources.lake import quarantine, views
from failure_platform.resources.platform import Platform

_MEANINGS = {
    "id": "names the row in a correction file (QUARANTINE_ID)",
    "upload": "upload that contained the row",
    "kind": "resultados, falhas or status",
    "sheet": "sheet of the file, if it has any",
    "line": "line or row in the original file",
    "columns": "columns at fault; empty for a line that is no row",
    "reasons": "what is wrong, column by column, with the value",
    "raw": "the row as it was read, persons as pseudonyms",
    "quarantined_at": "when it was set aside, UTC",
    "corrected_by": "upload that contained the row again; a row without one is open",
    "corrected_at": "when that was, UTC",
}
_WHAT_TO_DO = """
1. **Get them as a file**, in a terminal: `failure-platform quarantine export to_correct.csv --kind resultados`
   (`--reason "VALUE: not a number"` takes one reason only).
2. **Correct the cells** in an editor or in Excel (Data > From Text/CSV, without type detection). Leave the column
   `QUARANTINE_ID` as it is. A line that was no row is in `AS_READ`: fill its cells. Delete the rows that you do
   not correct: they stay open.
3. **Drop the file** into `uploads/resultados`. Its rows are validated again: good ones are merged, and every row that
   the file contains is closed. What is still wrong is opened again, with its new reason.
"""


def quarantine_asset(kinds: Sequence[str], condition: dg.AutomationCondition[Any]) -> dg.AssetsDefinition:
    """Return the asset `quarantine`, below the lake tables of all kinds; nothing depends on it."""

    @dg.asset(
        name="quarantine",
        deps=[dg.AssetDep(kind, partition_mapping=dg.AllPartitionMapping()) for kind in kinds],
        group_name=Group.lake,
        owners=[OWNER],
        kinds={"duckdb"},
        tags={"stage": "lake"},
        code_version=CODE_VERSION,
        automation_condition=condition,
        check_specs=[
            dg.AssetCheckSpec(
                "no_open_rows", asset="quarantine", description="No row waits for a correction. Good rows never wait."
            ),
            dg.AssetCheckSpec(
                "agrees_with_the_ledger",
                asset="quarantine",
                description="For every upload, as many rows are here, open and corrected, as in its ledger line.",
            ),
        ],
        description=(
            "Rows that broke their contract and wait for correction; the good rows of their files are in the lake.\n\n"
            "Each has its file, sheet, line, column, value and reason, and is open until a correction file contains "
            "the row. The page describes how to export, correct and submit them."
        ),
    )
    def waiting(
        platform: dg.ResourceParam[Platform],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with platform.lake.read() as connection:
            rows = quarantine.open_rows(connection)
            by_reason = _by_reason(quarantine.by_reason(connection))
            preview = quarantine.listing(connection, PREVIEW_ROWS)
            types = views.column_types(connection, "quarantine")
            disagreements = quarantine.disagreements(connection)
        version = data_version(by_reason)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={**_page(rows, by_reason, preview, types), "data_version": version},
        )
        yield from _checks(rows, disagreements)

    return waiting


def _page(rows: int, by_reason: pd.DataFrame, preview: pd.DataFrame, types: Mapping[str, str]) -> dict[str, Any]:
    columns = [(name, kind, _MEANINGS.get(name, "")) for name, kind in types.items()]
    return {
        "open rows by reason": inline_table(by_reason),
        "how to correct them": dg.MetadataValue.md(_WHAT_TO_DO.strip()),
        **table_page("quarantine", rows, columns, preview),
        # A table, because the page hides longer Markdown behind a link.
        "preview": inline_table(_preview(preview)),
    }


def _checks(rows: int, disagreements: Sequence[str]) -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(
        passed=rows == 0,
        check_name="no_open_rows",
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{rows:,} rows wait for a correction." if rows else None,
        metadata={"open rows": rows},
    )
    yield dg.AssetCheckResult(
        passed=not disagreements, check_name="agrees_with_the_ledger", description="; ".join(disagreements) or None
    )


def _by_reason(reasons: Sequence[quarantine.OpenReason]) -> pd.DataFrame:
    """Return few columns, because the page is narrow."""
    lines = [
        (f"{one.rows:,}", one.kind, one.reason, f"{one.uploads:,}, newest {one.newest:%Y-%m-%d}", one.example)
        for one in reasons
    ]
    return pd.DataFrame(lines, columns=["rows", "kind", "reason", "uploads", "for example"])


def _preview(listed: pd.DataFrame) -> pd.DataFrame:
    """Return few columns, the longest last: the page shows what is wrong without scrolling."""
    sheet = listed["sheet"].where(listed["sheet"] == "", ", " + listed["sheet"])
    return pd.DataFrame(
        {
            "column": listed["column"],
            "value": listed["value"],
            "reason": [reason.partition(": ")[2] for reason in listed["reason"]],
            "where": listed["file"] + sheet + ", line " + listed["line"].astype(str),
        }
    )
