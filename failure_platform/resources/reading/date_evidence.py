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
    clock,
    evidence,
    in_form,
    iso_evidence,
    signs,
    with_sign,
)
from failure_platform.domain.rows.dates import AS_WRITTEN, DateReading, DateRule, Evidence, decide, decide_iso

_FIRST_ROWS = 20_000
_FIRST = f"SELECT * FROM dated LIMIT {_FIRST_ROWS}"
_ROWS = ibis.table({"KNR": "string", "DATA": "string"}, name="dated")


def date_reading(con: duckdb.DuckDBPyConnection, kind: str, rows: str, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of `rows`, a SELECT with KNR and DATA as text, are read, and why, in words.

    Raises:
        UploadRefusedError: day and month are ambiguous, or the times of day are wrong; the message names the setting.
    """
    con.execute(f"CREATE OR REPLACE TEMP VIEW dated AS {rows}")
    found = _Signs(con)
    if found.has("other_form") and (in_other := _evidence(con, _sql(in_form, False))).dates:
        # One unambiguous day is evidence for all ISO dates; without one, all are counted.
        iso = _evidence(con, _sql(with_sign, "clear_day"))
        if not iso.dates:
            iso = _evidence(con, _sql(in_form, True))
        reading, words = decide(kind, in_other, iso, rule)
    elif found.has("clear_day"):
        reading, words = AS_WRITTEN, "ISO"
    else:
        reading, words = decide_iso(_iso_evidence(con, found))
    if not reading.iso_swapped and found.has("clear_clock"):
        return reading, words
    return check_clock(kind, Clock(**_first_row(con, _sql(clock, reading))), reading, words, rule)


class _Signs:
    """What single dates prove: by one query on the first rows, and one more on all for a sign that these lack."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._first = _first_row(con, f"WITH dated AS MATERIALIZED ({_FIRST}) {_sql(signs)}")
        self.complete = self._first["rows"] < _FIRST_ROWS

    def has(self, name: str) -> bool:
        return bool(self._first[name]) or (
            not self.complete and bool(self._con.execute(_sql(with_sign, name)).fetchall())
        )


def _iso_evidence(con: duckdb.DuckDBPyConnection, found: _Signs) -> Evidence:
    """Return the evidence in ISO dates without a day above 12: of the first ones, where these are as written."""
    query = evidence if found.has("not_iso") else iso_evidence
    if not found.complete and not found.has("swapped"):
        first = _evidence(con, _FIRST, query)
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
def _sql(query: Callable[..., ibis.Table], *arguments: Any) -> str:
    return str(ibis.to_sql(query(_ROWS, *arguments), dialect="duckdb"))
