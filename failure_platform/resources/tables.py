"""The tables that uploads fill: their names, columns and how they are made. Nothing is read or merged here.

No primary keys and no indexes on the large tables: measured at 50 million rows, one makes the file 3.6 times as large
and the load 4 times as long, and a merge no faster.
"""

import duckdb

from failure_platform.domain.contracts import CONTRACTS, ColumnType, Contract

SQL_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "integer": "INTEGER",
    "number": "DOUBLE",
    "timestamp": "TIMESTAMP",
}

UPLOADS = """
    upload VARCHAR, kind VARCHAR, name VARCHAR, sha256 VARCHAR, bytes BIGINT, received_at TIMESTAMP,
    merged_at TIMESTAMP, state VARCHAR, rows_in BIGINT, merged BIGINT, duplicate BIGINT, superseded BIGINT,
    quarantined BIGINT, first_data TIMESTAMP, last_data TIMESTAMP, reason VARCHAR, understood JSON
"""
QUARANTINE = """
    upload VARCHAR, kind VARCHAR, sheet VARCHAR, line BIGINT, columns VARCHAR[], reasons VARCHAR[], raw JSON,
    quarantined_at TIMESTAMP
"""


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make every table that is not there yet."""
    for contract in CONTRACTS.values():
        columns = ", ".join(f'"{column.name}" {SQL_TYPES[column.type]}' for column in contract.columns)
        columns += ", upload VARCHAR, row_hash UBIGINT"
        con.execute(f'CREATE TABLE IF NOT EXISTS "{contract.kind}" ({columns})')
        con.execute(
            f'CREATE TABLE IF NOT EXISTS "{superseded_table(contract)}" '
            f"({columns}, superseded_by VARCHAR, superseded_at TIMESTAMP)"
        )
    con.execute(f"CREATE TABLE IF NOT EXISTS uploads ({UPLOADS})")
    con.execute(f"CREATE TABLE IF NOT EXISTS quarantine ({QUARANTINE})")


def superseded_table(contract: Contract) -> str:
    """Return the name of the table that keeps the rows which a later upload of this kind replaced."""
    return f"superseded_{contract.kind}"
