"""Runs the queries for the evidence in an upload's numbers; `domain.rows.numbers` decides on it.

Nearly all files have one sign between digits, and once in a number at most. So the complete counts are made only where
a column has both signs, or one of them twice in a number.
"""

from functools import cache
from pathlib import Path

import duckdb
import ibis

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.number_texts import number_evidence
from failure_platform.domain.rows.numbers import DECIMAL, NumberEvidence, NumberReading, decide_numbers
from failure_platform.resources.storage import sql_text


def number_reading(con: duckdb.DuckDBPyConnection, contract: Contract, rows: Path) -> tuple[NumberReading, str | None]:
    """Return how the numbers of `rows`, parquet of the contract's columns as text, are read, and why, in words."""
    numbers = [sql_text.name(column.name) for column in contract.columns if column.type == "number"]
    if not numbers:
        return DECIMAL, None
    texts = " UNION ALL ".join(f"SELECT {name} AS text FROM read_parquet({sql_text.file(rows)})" for name in numbers)
    unusual = f"SELECT 1 FROM ({texts}) WHERE contains(text, ',') OR text LIKE '%.%.%' LIMIT 1"
    if not con.execute(unusual).fetchall():
        return DECIMAL, None
    ((points, twice),) = con.execute(
        f"SELECT bool_or(contains(text, '.')), bool_or(text LIKE '%,%,%') FROM ({texts})"
    ).fetchall()
    if not points and not twice:
        return DECIMAL, None
    result = con.execute(f"WITH numbers AS ({texts}) {_evidence_sql()}")
    names = [column[0] for column in result.description or ()]
    return decide_numbers(NumberEvidence(**dict(zip(names, result.fetchall()[0], strict=True))))


@cache
def _evidence_sql() -> str:
    numbers = ibis.table({"text": "string"}, name="numbers")
    return str(ibis.to_sql(numbers.aggregate(**number_evidence(numbers.text)), dialect="duckdb"))
