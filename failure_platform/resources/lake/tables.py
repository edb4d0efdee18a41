"""Names, columns and creation of the tables that uploads fill.

The tables have no primary keys and no indexes: at 50 million rows one makes the file 3.6 times as large and the load 4
times as long, and a merge no faster.
"""

import duckdb

from failure_platform.domain.contracts import CONTRACTS, ColumnType, Contract
from failure_platform.resources.lake.quarantine import VIEWS
from failure_platform.resources.storage import sql_text

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
    id VARCHAR, upload VARCHAR, kind VARCHAR, sheet VARCHAR, line BIGINT, columns VARCHAR[], reasons VARCHAR[],
    raw JSON, quarantined_at TIMESTAMP, corrected_by VARCHAR, corrected_at TIMESTAMP
"""
"""A row is open until an upload with its `id` was merged: `corrected_by`."""


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make every table that does not exist."""
    for contract in CONTRACTS.values():
        columns = ", ".join(f"{sql_text.name(column.name)} {SQL_TYPES[column.type]}" for column in contract.columns)
        columns += ", upload VARCHAR, row_hash UBIGINT"
        con.execute(f"CREATE TABLE IF NOT EXISTS {sql_text.name(contract.kind)} ({columns})")
        con.execute(
            f"CREATE TABLE IF NOT EXISTS {sql_text.name(superseded_table(contract))} "
            f"({columns}, superseded_by VARCHAR, superseded_at TIMESTAMP)"
        )
        con.execute(
            f"CREATE TABLE IF NOT EXISTS {sql_text.name(duplicate_table(contract))} "
            '(row_hash UBIGINT, "DATA" TIMESTAMP, upload VARCHAR)'
        )
    con.execute(f"CREATE TABLE IF NOT EXISTS uploads ({UPLOADS})")
    con.execute(f"CREATE TABLE IF NOT EXISTS quarantine ({QUARANTINE})")
    for name, query in VIEWS.items():
        con.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")


def superseded_table(contract: Contract) -> str:
    """Return the name of the table of rows that a later upload of this kind replaced."""
    return f"superseded_{contract.kind}"


def duplicate_table(contract: Contract) -> str:
    """Return the name of the table of uploads that repeat a row of another upload.

    The values of the row are found by its hash: in the lake, or among the superseded rows.
    """
    return f"duplicate_{contract.kind}"


def upload_tables() -> frozenset[str]:
    """Return the names of all tables that uploads fill, and that can be rebuilt from them."""
    return frozenset({"uploads", "quarantine", "commits"}).union(
        *((kind, superseded_table(contract), duplicate_table(contract)) for kind, contract in CONTRACTS.items())
    )
