"""How every asset presents itself in the Dagster UI, and what the stages share of the asset graph."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.domain.markdown import markdown_table

# The one name of the code location: Dagster stores sensor cursors and run keys under it.
LOCATION = "failure_platform"
OWNER = "team:vehicle-quality"
LAKE_POOL = "lake"
PREVIEW_ROWS = 10
_MOST_PREVIEW_COLUMNS = 12
_LONGEST_CELL = 90
_MOST_SCHEMA_COLUMNS = 2000

# Part of the identity of every model version: raise it when the meaning of features, labels or training changes.
CODE_VERSION = "3"

_UPSTREAM_CHANGED = dg.AutomationCondition.any_deps_updated()
# True once something upstream has changed and nothing upstream is running. It does not require all upstream partitions:
# one refused upload would then stop retraining for ever. It is not `since_last_handled()`: the asset's own
# materialisation would then count as handling an upload that was merged after the run had read its input. For the same
# reason an upload that is merged between a request and the next evaluation keeps the asset due. Changes that the same
# run makes upstream do not count.
WHEN_UPSTREAM_CHANGED = (
    _UPSTREAM_CHANGED.since(
        dg.AutomationCondition.initial_evaluation() | (dg.AutomationCondition.newly_requested() & ~_UPSTREAM_CHANGED)
    )
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)


class Group:
    """The groups of the graph; the digits keep the UI's lists in flow order. Plain text: Dagster stores no enum."""

    raw = "1_raw"
    lake = "2_lake"
    vehicles = "3_vehicles"
    model = "4_model"
    decision = "5_decision"
    prediction = "6_prediction"


def uploads_of(kind: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a kind's raw and lake assets: one per upload, by content."""
    return dg.DynamicPartitionsDefinition(name=f"{kind}_uploads")


def markdown(frame: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """Return a frame as a Markdown table: long cells are cut, and of a wide frame only the first columns are shown."""
    shown = frame.iloc[:, :_MOST_PREVIEW_COLUMNS]
    rows = ([_cut(value) for value in row] for row in shown.itertuples(index=False, name=None))
    table = markdown_table([str(column) for column in shown.columns], rows)
    if frame.shape[1] > shown.shape[1]:
        table += f"\n\nThe first {shown.shape[1]} of {frame.shape[1]} columns."
    return dg.MetadataValue.md(table)


def _cut(value: Any) -> str:
    text = "" if pd.isna(value) else " ".join(str(value).split())
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def inline_table(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """Return a frame as a table that the page shows inline, every cell as text."""
    schema = dg.TableSchema([dg.TableColumn(str(c), "string") for c in frame.columns])
    records = [
        dg.TableRecord({str(c): "" if pd.isna(v) else str(v) for c, v in zip(frame.columns, row, strict=True)})
        for row in frame.itertuples(index=False, name=None)
    ]
    return dg.MetadataValue.table(records, schema=schema)


def column_schema(columns: Sequence[tuple[str, str, str]], keys: Sequence[str] = ()) -> dg.TableSchema:
    """Return the schema of a table from (name, type, description) of its columns."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                name, kind, description=text or None, constraints=dg.TableColumnConstraints(nullable=name not in keys)
            )
            for name, kind, text in columns[:_MOST_SCHEMA_COLUMNS]
        ]
    )


def table_page(
    table: str, rows: int, columns: Sequence[tuple[str, str, str]], preview: pd.DataFrame, keys: Sequence[str] = ()
) -> Mapping[str, Any]:
    """Return what every table's page shows: its name, row count, column schema and first rows."""
    return {
        "dagster/table_name": table,
        "dagster/row_count": rows,
        "dagster/column_schema": column_schema(columns, keys),
        "preview": markdown(preview.head(PREVIEW_ROWS)),
    }


def not_there(checks: Sequence[str], reason: str) -> Iterator[dg.AssetCheckResult]:
    """Yield a warning for each check of an asset that was not materialised, with a reason that is no error."""
    for check in checks:
        yield dg.AssetCheckResult(
            passed=False, check_name=check, severity=dg.AssetCheckSeverity.WARN, description=reason
        )
