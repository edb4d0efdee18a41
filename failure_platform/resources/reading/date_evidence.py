"""Runs the queries for the evidence in an upload's date column; `domain.rows.dates` decides on it.

Nearly all files have ISO dates with correct minutes, which a single row proves. So the column is only searched for a
slash; the more expensive queries run on dates with slashes, and on all dates only if no single row is proof.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb
import ibis

from failure_platform.domain.rows.date_texts import clear_day, clear_minute, clock, evidence
from failure_platform.domain.rows.dates import AS_WRITTEN, Clock, DateReading, DateRule, Evidence, check_clock, decide

_ROWS = ibis.table({"KNR": "string", "DATA": "string"}, name="dated")


def date_reading(con: duckdb.DuckDBPyConnection, kind: str, rows: str, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of `rows`, a SELECT with KNR and DATA as text, are read, and why, in words.

    Raises:
        UploadRefusedError: day and month are ambiguous, or minutes show the month; the message names the setting.
    """
    slashed = f"""SELECT * FROM ({rows}) WHERE contains("DATA", '/')"""
    reading, words = AS_WRITTEN, "ISO"
    if con.execute(f"{slashed} LIMIT 1").fetchall() and (in_slashes := _evidence(con, slashed)).dates:
        # One unambiguous day is evidence for all ISO dates; without one, all are counted.
        iso = _evidence(con, f"WITH dated AS ({rows}) {_sql(clear_day)}")
        if not iso.dates:
            iso = _evidence(con, f"""SELECT * FROM ({rows}) WHERE NOT contains("DATA", '/')""")
        reading, words = decide(kind, in_slashes, iso, rule)
    if not reading.iso_swapped and con.execute(f"WITH dated AS ({rows}) {_sql(clear_minute)}").fetchall():
        return reading, words
    return check_clock(kind, Clock(**_first_row(con, _clock_sql(reading), rows)), reading, words, rule)


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
