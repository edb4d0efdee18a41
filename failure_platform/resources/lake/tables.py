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
FALHAS_DAYS = "falhas_days"
"""What each falhas upload has by day and hall, rows that others repeat or replace included; see `falhas_days_sql`."""


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
    # Filled from the rows where a lake has none yet, since an older release wrote it.
    con.execute(f"CREATE TABLE IF NOT EXISTS {FALHAS_DAYS} AS {falhas_days_sql(_all_rows(CONTRACTS['falhas']))}")
    for name, query in VIEWS.items():
        con.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")


def falhas_days_sql(rows: str) -> str:
    """Return the SELECT of the content of FALHAS_DAYS for falhas rows, a SELECT: upload, KNR, HALLE, S_GROUP_ID, DATA.

    It counts vehicles, since some exports have each row twice and the rows of a vehicle come together.
    """
    grouped = "FILTER (S_GROUP_ID IS NOT NULL)"
    return (
        'SELECT upload, CAST("DATA" AS DATE) AS day, HALLE, count(DISTINCT KNR) AS vehicles, '
        f"count(DISTINCT KNR) {grouped} AS grouped FROM ({rows}) GROUP BY ALL"
    )


def _all_rows(contract: Contract) -> str:
    """Return the SELECT of every row that every upload has, with the upload."""
    columns = sql_text.names(contract.names)
    tables = (sql_text.name(contract.kind), sql_text.name(superseded_table(contract)))
    held = " UNION ALL ".join(f"SELECT {columns}, upload, row_hash FROM {table}" for table in tables)
    return (
        f"SELECT {columns}, upload FROM ({held}) UNION ALL "
        f"SELECT {sql_text.names(contract.names, 'content')}, again.upload "
        f"FROM {sql_text.name(duplicate_table(contract))} AS again "
        f'JOIN (SELECT DISTINCT ON (row_hash) * FROM ({held})) AS content USING (row_hash, "DATA")'
    )


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
    return frozenset({"uploads", "quarantine", "commits", FALHAS_DAYS}).union(
        *((kind, superseded_table(contract), duplicate_table(contract)) for kind, contract in CONTRACTS.items())
    )
