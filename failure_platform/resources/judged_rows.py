"""Runs the judging of an upload's rows, outside the lake and in bounded memory: parquet of texts in, parquet out.

Belongs here: the one DuckDB query that types, judges and hashes the rows, and the lists of good and bad rows that
`merging` takes over. Does not belong here: the rules (`domain.judging`), the lake.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ibis

from failure_platform.domain.contracts import Contract
from failure_platform.domain.judging import steps
from failure_platform.resources import sql_text
from failure_platform.resources.reading import Received
from failure_platform.resources.scratch import scratch

_CLOCKS_MAY_DIFFER_BY = timedelta(days=1)


@dataclass(frozen=True)
class Judged:
    """The rows of one upload, judged.

    Args:
        rows: parquet with `row` (their order in the upload), the typed columns, `reasons` and `row_hash`.
        bad: parquet with sheet, line, columns, reasons and raw, as the quarantine table has them.
        rows_in: rows and rejected lines together; `quarantined` of them are in `bad`.
        first_data: earliest DATA of the good rows, None without any; `last_data` the latest.
        understood: what reading found out about the file.
    """

    rows: Path
    bad: Path
    rows_in: int
    quarantined: int
    first_data: datetime | None
    last_data: datetime | None
    understood: dict[str, Any]

    @property
    def good_sql(self) -> str:
        """Return the SELECT of the good rows: `row`, the typed columns, `row_hash`."""
        return f"SELECT * EXCLUDE (reasons) FROM read_parquet({sql_text.file(self.rows)}) WHERE len(reasons) = 0"


def judge_rows(
    contract: Contract,
    received: Received,
    received_at: datetime,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Judged:
    """Judge every row of an upload and write the outcome beside the rows; no row may be newer than its arrival."""
    rows, bad = received.folder / "judged.parquet", received.folder / "bad.parquet"
    with scratch(received.folder, threads=threads, memory_limit=memory_limit) as con:
        judging = _judging_sql(contract, received, received_at + _CLOCKS_MAY_DIFFER_BY)
        con.execute(f"COPY ({judging}) TO {sql_text.text(str(rows))} (FORMAT parquet)")
        con.execute(f"COPY ({_bad_sql(contract, received, rows)}) TO {sql_text.text(str(bad))} (FORMAT parquet)")
        judged = Judged(rows, bad, received.rows_in, 0, None, None, received.understood)
        ends = con.execute(f'SELECT min("DATA"), max("DATA") FROM ({judged.good_sql})').fetchall()[0]
        quarantined = con.execute(f"SELECT count(*) FROM read_parquet({sql_text.file(bad)})").fetchall()[0][0]
    return replace(judged, quarantined=quarantined, first_data=ends[0], last_data=ends[1])


def row_hash_sql(contract: Contract) -> str:
    """Return the expression of a row's hash: MD5 of its values as text, which no release of DuckDB changes.

    A unit separator stands between values and a record separator for a missing one, so that no two rows share a text.
    """
    values = ", ".join(f"coalesce(CAST({sql_text.name(name)} AS VARCHAR), chr(30))" for name in contract.names)
    return f"md5_number_lower(concat_ws(chr(31), {values}))"


def _judging_sql(contract: Contract, received: Received, latest: datetime) -> str:
    rows = f"SELECT *, TIMESTAMP '{latest.isoformat(' ')}' AS latest FROM ({received.rows_sql()})"
    return f"WITH rows AS ({rows}), {_steps_sql(contract)} SELECT *, {row_hash_sql(contract)} AS row_hash FROM judged"


@cache
def _steps_sql(contract: Contract) -> str:
    # Writing the SQL takes longer than judging a small upload.
    return ", ".join(
        f"{step.name} AS ({ibis.to_sql(step.expression, dialect='duckdb')})" for step in steps(contract, "rows")
    )


def _bad_sql(contract: Contract, received: Received, judged: Path) -> str:
    """Return the SELECT of everything that goes to quarantine: judged rows with their texts, and rejected lines."""
    texts = ", ".join(f"{sql_text.text(name)}: {sql_text.name(name)}" for name in contract.names)
    bad = (
        f'SELECT "row", reasons, to_json({{{texts}}}) AS raw FROM ({received.rows_sql()}) '
        f'JOIN (SELECT "row", reasons FROM read_parquet({sql_text.file(judged)}) WHERE len(reasons) > 0) USING ("row")'
    )
    named = "list_transform(reasons, LAMBDA one: split_part(one, ':', 1))"
    once = f"list_filter({named}, LAMBDA one, place: list_position({named}, one) = place)"
    return (
        f"SELECT sheet, line, {once} AS columns, "
        f"reasons, raw FROM ({received.placed_sql(bad)}) UNION ALL "
        f"SELECT sheet, line, CAST([] AS VARCHAR[]), [reason], CAST(raw AS JSON) "
        f"FROM read_parquet({sql_text.file(received.rejected)})"
    )
