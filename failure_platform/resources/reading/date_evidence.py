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
from failure_platform.domain.rows.date_texts import clear_clock, clear_day, clear_swap, clock, evidence
from failure_platform.domain.rows.dates import AS_WRITTEN, DateReading, DateRule, Evidence, decide, decide_iso

_FIRST_ROWS = 20_000
_ROWS = ibis.table({"KNR": "string", "DATA": "string"}, name="dated")


def date_reading(con: duckdb.DuckDBPyConnection, kind: str, rows: str, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of `rows`, a SELECT with KNR and DATA as text, are read, and why, in words.

    Raises:
        UploadRefusedError: day and month are ambiguous, or the times of day are wrong; the message names the setting.
    """
    # An ISO date begins with the four figures of a year; the day or month of the other forms has two at most.
    in_year = """"DATA"[2] BETWEEN '0' AND '9' AND "DATA"[3] BETWEEN '0' AND '9'"""
    other = f"SELECT * FROM ({rows}) WHERE NOT ({in_year})"
    has_clear_day = bool(con.execute(f"WITH dated AS ({rows}) {_sql(clear_day)}").fetchall())
    if con.execute(f"{other} LIMIT 1").fetchall() and (in_other := _evidence(con, other)).dates:
        # One unambiguous day is evidence for all ISO dates; without one, all are counted.
        iso = _evidence(con, f"WITH dated AS ({rows}) {_sql(clear_day)}")
        if not iso.dates:
            iso = _evidence(con, f"SELECT * FROM ({rows}) WHERE {in_year}")
        reading, words = decide(kind, in_other, iso, rule)
    elif has_clear_day:
        reading, words = AS_WRITTEN, "ISO"
    else:
        reading, words = decide_iso(_iso_evidence(con, rows))
    if not reading.iso_swapped and con.execute(f"WITH dated AS ({rows}) {_sql(clear_clock)}").fetchall():
        return reading, words
    return check_clock(kind, Clock(**_first_row(con, _clock_sql(reading), rows)), reading, words, rule)


def _iso_evidence(con: duckdb.DuckDBPyConnection, rows: str) -> Evidence:
    """Return the evidence in ISO dates without a day above 12: of the first ones, where these are as written."""
    swap = con.execute(f"WITH dated AS ({rows}) {_sql(clear_swap)}").fetchall()
    if not swap and (first := _evidence(con, f"SELECT * FROM ({rows}) LIMIT {_FIRST_ROWS}")).majority == "first":
        return first
    return _evidence(con, rows)


def _evidence(con: duckdb.DuckDBPyConnection, rows: str) -> Evidence:
    # Materialised: otherwise DuckDB evaluates the patterns on all rows before it filters.
    return Evidence(**_first_row(con, _sql(evidence), f"WITH picked AS MATERIALIZED ({rows}) SELECT * FROM picked"))


def _first_row(con: duckdb.DuckDBPyConnection, query: str, rows: str) -> dict[str, Any]:
    result = con.execute(f"WITH dated AS ({rows}) {query}")
    names = [column[0] for column in result.description or ()]
    return dict(zip(names, result.fetchall()[0], strict=True))


@cache
def _sql(query: Callable[[ibis.Table], ibis.Table]) -> str:
    return str(ibis.to_sql(query(_ROWS), dialect="duckdb"))


@cache
def _clock_sql(reading: DateReading) -> str:
    return str(ibis.to_sql(clock(_ROWS, reading), dialect="duckdb"))
