"""Runs the queries for the evidence in an upload's date column; `domain.rows.dates` decides on it.

Nearly all files have ISO dates with a day above 12 and correct times, which single rows prove. So the column is only
searched for other forms; the more expensive queries run on those, and on all dates only if no single row is proof.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb
import ibis

from failure_platform.domain.rows.clocks import Clock, check_clock
from failure_platform.domain.rows.date_texts import (
    canonical_evidence,
    clear_clock,
    clear_day,
    clear_swap,
    clock,
    evidence,
    not_canonical,
)
from failure_platform.domain.rows.dates import AS_WRITTEN, DateReading, DateRule, Evidence, decide, decide_iso

_FIRST_ROWS = 20_000
# An ISO date begins with the four figures of a year; the day or month of the other forms has two at most.
_IN_YEAR = """"DATA"[2] BETWEEN '0' AND '9' AND "DATA"[3] BETWEEN '0' AND '9'"""
_ROWS = ibis.table({"KNR": "string", "DATA": "string"}, name="dated")


def date_reading(con: duckdb.DuckDBPyConnection, kind: str, rows: str, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of `rows`, a SELECT with KNR and DATA as text, are read, and why, in words.

    Raises:
        UploadRefusedError: day and month are ambiguous, or the times of day are wrong; the message names the setting.
    """
    con.execute(f"CREATE OR REPLACE TEMP VIEW dated AS {rows}")
    has_clear_day, has_clear_clock, has_other = _found(
        con, _sql(clear_day), _sql(clear_clock), f"SELECT 1 FROM dated WHERE NOT ({_IN_YEAR}) LIMIT 1"
    )
    if has_other and (in_other := _evidence(con, f"SELECT * FROM dated WHERE NOT ({_IN_YEAR})")).dates:
        # One unambiguous day is evidence for all ISO dates; without one, all are counted.
        iso = _evidence(con, _sql(clear_day))
        if not iso.dates:
            iso = _evidence(con, f"SELECT * FROM dated WHERE {_IN_YEAR}")
        reading, words = decide(kind, in_other, iso, rule)
    elif has_clear_day:
        reading, words = AS_WRITTEN, "ISO"
    else:
        reading, words = decide_iso(_iso_evidence(con))
    if has_clear_clock and not reading.iso_swapped:
        return reading, words
    return check_clock(kind, Clock(**_first_row(con, _clock_sql(reading))), reading, words, rule)


def _found(con: duckdb.DuckDBPyConnection, *queries: str) -> tuple[bool, ...]:
    """Return for each query of one row whether it finds one; together they take little longer than one of them."""
    exist = ", ".join(f"EXISTS ({query})" for query in queries)
    return tuple(map(bool, con.execute(f"SELECT {exist}").fetchall()[0]))


def _iso_evidence(con: duckdb.DuckDBPyConnection) -> Evidence:
    """Return the evidence in ISO dates without a day above 12: of the first ones, where these are as written."""
    has_swap, has_odd = _found(con, _sql(clear_swap), _sql(not_canonical))
    query = evidence if has_odd else canonical_evidence
    if not has_swap and con.execute(f"SELECT 1 FROM dated LIMIT 1 OFFSET {_FIRST_ROWS}").fetchall():
        first = _evidence(con, f"SELECT * FROM dated LIMIT {_FIRST_ROWS}", query)
        if first.majority == "first":
            return first
    return _evidence(con, "SELECT * FROM dated", query)


def _evidence(
    con: duckdb.DuckDBPyConnection, rows: str, query: Callable[[ibis.Table], ibis.Table] = evidence
) -> Evidence:
    # Materialised: otherwise DuckDB evaluates the patterns on all rows before it filters.
    return Evidence(**_first_row(con, f"WITH dated AS MATERIALIZED ({rows}) {_sql(query)}"))


def _first_row(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return dict(zip(names, result.fetchall()[0], strict=True))


@cache
def _sql(query: Callable[[ibis.Table], ibis.Table]) -> str:
    return str(ibis.to_sql(query(_ROWS), dialect="duckdb"))


@cache
def _clock_sql(reading: DateReading) -> str:
    return str(ibis.to_sql(clock(_ROWS, reading), dialect="duckdb"))
