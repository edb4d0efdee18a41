"""Runs `domain.rows.validation` on the rows of an upload, in bounded memory: parquet of texts to parquet of values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow.parquet as pq

from failure_platform.domain.contracts import CONTRACTS, Column, Contract
from failure_platform.domain.rows.validation import Reading, steps
from failure_platform.resources.reading.upload import ParsedUpload
from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.scratch_database import scratch

_CLOCKS_MAY_DIFFER_BY = timedelta(days=1)


@dataclass(frozen=True)
class ValidatedRows:
    """The rows of one upload, validated.

    Args:
        received: the rows as read.
        rows: parquet with `row` (their order in the upload), the typed columns, `reasons` and `row_hash`.
        bad: parquet with sheet, line, columns, reasons and raw, as the quarantine table has them; written only where
            something is `quarantined`.
        quarantined: bad rows and rejected lines.
        first_data: earliest DATA of the good rows, None without any; `last_data` the latest.
    """

    received: ParsedUpload
    rows: Path
    bad: Path
    quarantined: int
    first_data: datetime | None
    last_data: datetime | None

    @property
    def rows_in(self) -> int:
        """Number of rows and rejected lines of the upload."""
        return self.received.rows_in

    @property
    def understood(self) -> dict[str, Any]:
        """What was found out about the file when it was read."""
        return self.received.understood

    @property
    def good_sql(self) -> str:
        """Return the SELECT of the good rows: `row`, the typed columns, `row_hash`."""
        return f"SELECT * EXCLUDE (reasons) FROM read_parquet({sql_text.file(self.rows)}) WHERE len(reasons) = 0"

    @property
    def corrects_sql(self) -> str | None:
        """Return the SELECT of the quarantine ids (one column, `quarantine_id`) whose rows this upload corrects."""
        if not self.understood.get("corrects_quarantine"):
            return None
        texts = f"read_parquet({sql_text.file(self.received.rows)})"
        # A line that could not be read as a row is exported with empty cells, until a person fills them.
        filled = f"coalesce({sql_text.names(CONTRACTS[self.received.kind].names)}) IS NOT NULL"
        return (
            f"SELECT DISTINCT trim(quarantine_id) AS quarantine_id FROM {texts} "
            f"WHERE trim(quarantine_id) <> '' AND {filled}"
        )


def validate_rows(
    contract: Contract,
    received: ParsedUpload,
    received_at: datetime,
    *,
    con: duckdb.DuckDBPyConnection | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> ValidatedRows:
    """Validate every row of an upload and write the result into its folder; no row may be newer than its arrival.

    Args:
        contract: the rules for the rows.
        received: the rows, and how their texts are read.
        received_at: when the upload arrived.
        con: a scratch database. Opening one costs as much as validating a small upload, so uploads share one.
        threads: of a scratch database made here, as `memory_limit`.
    """
    if con is None:
        with scratch(received.folder, threads=threads, memory_limit=memory_limit) as own:
            return validate_rows(contract, received, received_at, con=own)
    rows, bad = received.folder / "validated.parquet", received.folder / "bad.parquet"
    _write(con, _validation_sql(contract, received, received_at + _CLOCKS_MAY_DIFFER_BY), rows)
    good = "FILTER (WHERE len(reasons) = 0)"
    (first, last, invalid), *_ = con.execute(
        f'SELECT min("DATA") {good}, max("DATA") {good}, count(*) FILTER (len(reasons) > 0) '
        f"FROM read_parquet({sql_text.file(rows)})"
    ).fetchall()
    rejected = pq.read_metadata(received.rejected).num_rows
    quarantined = _write(con, _bad_sql(contract, received, rows), bad) if invalid or rejected else 0
    return ValidatedRows(received, rows, bad, quarantined, first, last)


def _write(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> int:
    """Write a result to parquet; return its number of rows."""
    done = con.execute(f"COPY ({select}) TO {sql_text.text(str(target))} (FORMAT parquet)").fetchall()
    return int(done[0][0])


def row_hash_sql(contract: Contract) -> str:
    """Return the expression of a row's hash: MD5 of its values as text, which no release of DuckDB changes.

    Values are joined by a unit separator, and a missing one is a record separator, so that no two rows share a text.
    """
    values = ", ".join(f"coalesce(CAST({sql_text.name(name)} AS VARCHAR), chr(30))" for name in contract.names)
    return f"md5_number_lower(concat_ws(chr(31), {values}))"


def _validation_sql(contract: Contract, received: ParsedUpload, latest: datetime) -> str:
    rows = f"SELECT *, TIMESTAMP '{latest.isoformat(' ')}' AS latest FROM ({received.rows_sql()})"
    validation = _steps_sql(contract, received.reading)
    return f"WITH rows AS ({rows}), {validation} SELECT *, {row_hash_sql(contract)} AS row_hash FROM validated"


@cache
def _steps_sql(contract: Contract, reading: Reading) -> str:
    # Writing the SQL takes longer than validating a small upload.
    return ", ".join(
        f"{step.name} AS ({ibis.to_sql(step.expression, dialect='duckdb')})"
        for step in steps(contract, "rows", reading)
    )


def _bad_sql(contract: Contract, received: ParsedUpload, validated: Path) -> str:
    """Return the SELECT of everything that goes to quarantine: bad rows with their texts, and rejected lines."""
    texts = ", ".join(f"{sql_text.text(column.name)}: {_kept_text(column)}" for column in contract.columns)
    bad = (
        f'SELECT "row", typed.reasons, to_json({{{texts}}}) AS raw FROM ({received.rows_sql()}) AS text '
        f'JOIN (FROM read_parquet({sql_text.file(validated)}) WHERE len(reasons) > 0) AS typed USING ("row")'
    )
    named = "list_transform(reasons, LAMBDA reason: split_part(reason, ':', 1))"
    once = f"list_filter({named}, LAMBDA column_name, place: list_position({named}, column_name) = place)"
    return (
        f"SELECT sheet, line, {once} AS columns, "
        f"reasons, raw FROM ({received.placed_sql(bad)}) UNION ALL "
        f"SELECT sheet, line, CAST([] AS VARCHAR[]), [reason], CAST(raw AS JSON) "
        f"FROM read_parquet({sql_text.file(received.rejected)})"
    )


def _kept_text(column: Column) -> str:
    """Return the expression of a bad row's text as it is kept: as read, or for an ambiguous date as it was understood.

    Such a date was understood from the evidence of the complete file, which the few rows of a correction file lack.
    """
    name = sql_text.name(column.name)
    if column.type != "timestamp":
        return f"text.{name}"
    as_written = f"typed.{name} IS NULL OR TRY_CAST(text.{name} AS TIMESTAMP) IS NOT DISTINCT FROM typed.{name}"
    return f"CASE WHEN {as_written} THEN text.{name} ELSE CAST(typed.{name} AS VARCHAR) END"
