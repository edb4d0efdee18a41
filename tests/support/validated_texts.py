"""Rows of text validated on an engine in memory, for the tests of validation."""

import functools

import duckdb
import ibis

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.validation import steps

GOOD = {
    "resultados": ("2023-2056234", "012001", "1", "10", "Nm", "0", "2.5", "2023-05-08 10:00:00"),
    "falhas": ("2023-2056234", "T-CROSS", "K2K2", "DHS", "PCEQS709", "0a1b2c3d", "ROD", "NOISE", "5", "2023-05-08"),
    "status": ("2023-2056234", "M700", "2023-05-08 10:00:00"),
}


@functools.cache
def query(kind):
    parts = [
        f"{step.name} AS ({ibis.to_sql(step.expression, dialect='duckdb')})" for step in steps(CONTRACTS[kind], "rows")
    ]
    return f'WITH {", ".join(parts)} SELECT * EXCLUDE ("row") FROM validated ORDER BY "row"'


def validate(kind, rows, latest=None):
    """Validate rows of text, given as tuples in the contract's order; return (values, reasons) of each."""
    contract = CONTRACTS[kind]
    with duckdb.connect() as con:
        columns = ", ".join(f'"{name}" VARCHAR' for name in contract.names)
        con.execute(f'CREATE TABLE rows ("row" BIGINT, latest TIMESTAMP, fault VARCHAR, {columns})')
        if rows:
            marks = ", ".join("?" * (len(contract.names) + 3))
            con.executemany(
                f"INSERT INTO rows VALUES ({marks})", [(n, latest, None, *row) for n, row in enumerate(rows)]
            )
        validated = con.execute(query(kind)).fetchall()
    return [(dict(zip(contract.names, row[:-1], strict=True)), row[-1]) for row in validated]


def changed(kind, **cells):
    names = CONTRACTS[kind].names
    return tuple(cells.get(name, value) for name, value in zip(names, GOOD[kind], strict=True))


def one(kind, column, text, latest=None):
    """Return value and reasons of a cell in an otherwise good row."""
    ((values, reasons),) = validate(kind, [changed(kind, **{column: text})], latest)
    return values[column], reasons
