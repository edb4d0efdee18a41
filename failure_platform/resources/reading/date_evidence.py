"""Asks the rows of an upload how their dates are to be read. Nothing else; what follows is decided in `domain.rows`.

Nearly all files have ISO dates with a clock in order, which one row proves. So the whole column is looked at for a
slash, dates with slashes are asked more, and the others only where no row speaks for all of them.
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
    """Decide how the dates of `rows`, a SELECT with KNR and DATA as text, are read; return that and why, in words.

    Raises:
        UploadRefusedError: day and month cannot be told apart, or minutes are no minutes; the message says what to set.
    """
    slashed = f"""SELECT * FROM ({rows}) WHERE contains("DATA", '/')"""
    reading, words = AS_WRITTEN, "ISO"
    if con.execute(f"{slashed} LIMIT 1").fetchall() and (shown := _evidence(con, slashed)).dates:
        # One clear day speaks for all ISO dates; without one, all are looked at.
        iso = _evidence(con, f"WITH dated AS ({rows}) {_sql(clear_day)}")
        if not iso.dates:
            iso = _evidence(con, f"""SELECT * FROM ({rows}) WHERE NOT contains("DATA", '/')""")
        reading, words = decide(kind, shown, iso, rule)
    if not reading.iso_swapped and con.execute(f"WITH dated AS ({rows}) {_sql(clear_minute)}").fetchall():
        return reading, words
    return check_clock(kind, Clock(**_one(con, _clock_sql(reading), rows)), reading, words, rule)


def _evidence(con: duckdb.DuckDBPyConnection, rows: str) -> Evidence:
    # Materialised, because the engine would look at all rows with the patterns of the question before it picks these.
    return Evidence(**_one(con, _sql(evidence), f"WITH picked AS MATERIALIZED ({rows}) SELECT * FROM picked"))


def _one(con: duckdb.DuckDBPyConnection, question: str, rows: str) -> dict[str, Any]:
    result = con.execute(f"WITH dated AS ({rows}) {question}")
    names = [column[0] for column in result.description or ()]
    return dict(zip(names, result.fetchall()[0], strict=True))


@cache
def _sql(question: Callable[[ibis.Table], ibis.Table]) -> str:
    return str(ibis.to_sql(question(_ROWS), dialect="duckdb"))


@cache
def _clock_sql(reading: DateReading) -> str:
    return str(ibis.to_sql(clock(_ROWS, reading), dialect="duckdb"))
