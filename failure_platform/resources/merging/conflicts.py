"""Decides natural keys for which several uploads have rows: which row is merged, superseded or a duplicate.

An upload makes at most one claim for a key. The claims of a key are ordered by when their uploads were received.
Consecutive equal claims form a run: the first of them represents it, the others are duplicates. The last run is in the
lake; each earlier run is superseded by the next. So the tables depend on which uploads are in, not on the order in
which they were merged, and withdrawing an upload is the same rule without its claims.
"""

from datetime import datetime

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.resources.lake.tables import duplicate_table, superseded_table
from failure_platform.resources.merging.ledger import count_moves
from failure_platform.resources.storage import sql_text

_FATES = ("merged", "superseded", "duplicate")


def resolve_conflicts(
    con: duckdb.DuckDBPyConnection, contract: Contract, keys: str, at: datetime, *, claims: str = "", without: str = ""
) -> set[str]:
    """Apply the rule to some keys, and correct the ledger lines of the uploads whose rows move.

    Args:
        con: the transaction. The ledger has a line for every upload that makes a claim.
        contract: the kind.
        keys: a SELECT of natural keys.
        at: the time to record with rows that are superseded now.
        claims: a SELECT (the contract's columns, row_hash, upload) of claims that are not yet in the tables.
        without: an upload whose claims are removed.

    Returns:
        the keys of the uploads whose lines changed.
    """
    key = sql_text.names(contract.key)
    con.execute(f"CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT {key} FROM ({keys})")
    first, last = con.execute('SELECT min("DATA"), max("DATA") FROM touched').fetchall()[0]
    if first is None:
        return set()
    within = sql_text.between(first, last)
    _gather(con, contract, within)
    _decide(con, contract, claims, without)
    changed = _move(con, contract, at)
    for table in ("touched", "held_claims", "decided", "removed", "added"):
        con.execute(f"DROP TABLE {table}")
    return changed


def same_key(contract: Contract, left: str, right: str) -> str:
    """Return the condition under which rows of two relations have one natural key."""
    return " AND ".join(
        f"{left}.{name} {'IS NOT DISTINCT FROM' if column.nullable else '='} {right}.{name}"
        for column in contract.columns
        if column.key
        for name in [sql_text.name(column.name)]
    )


def _gather(con: duckdb.DuckDBPyConnection, contract: Contract, within: str) -> None:
    """Put every stored claim for the touched keys into `held_claims`, with its fate and its row id."""
    columns = sql_text.names(contract.names)
    touched = f"SEMI JOIN touched ON {same_key(contract, 'held', 'touched')}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE held_claims AS
        SELECT 'merged' AS fate, place, {columns}, row_hash, upload, CAST(NULL AS VARCHAR) AS superseded_by
        FROM (SELECT *, rowid AS place FROM {sql_text.name(contract.kind)} WHERE {within}) AS held {touched}
        UNION ALL BY NAME
        SELECT 'superseded' AS fate, place, {columns}, row_hash, upload, superseded_by
        FROM (
            SELECT *, rowid AS place FROM {sql_text.name(superseded_table(contract))}
            WHERE superseded_by <> upload AND {within}
        ) AS held {touched}
    """)
    con.execute(f"""
        INSERT INTO held_claims BY NAME
        SELECT 'duplicate' AS fate, held.place, content.* EXCLUDE (fate, place, upload, superseded_by), held.upload
        FROM (SELECT *, rowid AS place FROM {sql_text.name(duplicate_table(contract))} WHERE {within}) AS held
        JOIN (SELECT DISTINCT ON (row_hash) * FROM held_claims) AS content
            ON held.row_hash = content.row_hash AND held."DATA" = content."DATA"
    """)


def _decide(con: duckdb.DuckDBPyConnection, contract: Contract, claims: str, without: str) -> None:
    """Put into `decided` the fate of every claim by the rule."""
    key, columns = sql_text.names(contract.key), sql_text.names(contract.names)
    arriving = f"UNION ALL BY NAME {claims}" if claims else ""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE decided AS
        WITH claims AS (
            SELECT {columns}, row_hash, upload FROM held_claims WHERE upload <> ? {arriving}
        ), placed AS (
            SELECT claims.*, received_at, lag(row_hash) OVER of_key AS before
            FROM claims JOIN (SELECT upload, received_at FROM uploads) AS arrivals USING (upload)
            WINDOW of_key AS (PARTITION BY {key} ORDER BY received_at, upload)
        ), firsts AS (
            SELECT *, lead(upload) OVER (PARTITION BY {key} ORDER BY received_at, upload) AS superseded_by
            FROM placed WHERE row_hash IS DISTINCT FROM before
        )
        SELECT CASE WHEN superseded_by IS NULL THEN 'merged' ELSE 'superseded' END AS fate,
            {columns}, row_hash, upload, superseded_by FROM firsts
        UNION ALL
        SELECT 'duplicate', {columns}, row_hash, upload, NULL FROM placed WHERE row_hash = before
    """,
        [without],
    )


def _move(con: duckdb.DuckDBPyConnection, contract: Contract, at: datetime) -> set[str]:
    """Remove the rows whose fate changed from their tables, add them to the new ones, and correct the ledger."""
    same = (
        f"held.fate = decided.fate AND held.upload = decided.upload AND held.row_hash = decided.row_hash "
        f"AND held.superseded_by IS NOT DISTINCT FROM decided.superseded_by AND {same_key(contract, 'held', 'decided')}"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE removed AS SELECT * FROM held_claims AS held ANTI JOIN decided ON {same}"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE added AS SELECT * FROM decided ANTI JOIN held_claims AS held ON {same}")
    tables = dict(zip(_FATES, (contract.kind, superseded_table(contract), duplicate_table(contract)), strict=True))
    columns = sql_text.names(contract.names)
    stored = {
        "merged": f"{columns}, upload, row_hash",
        "superseded": f"{columns}, upload, row_hash, superseded_by, CAST($at AS TIMESTAMP) AS superseded_at",
        "duplicate": 'row_hash, "DATA", upload',
    }
    for fate, table in tables.items():
        con.execute(
            f"DELETE FROM {sql_text.name(table)} WHERE rowid IN (SELECT place FROM removed WHERE fate = ?)", [fate]
        )
        con.execute(
            f"INSERT INTO {sql_text.name(table)} BY NAME SELECT {stored[fate]} FROM added WHERE fate = $fate",
            {"fate": fate} | ({"at": at} if "$at" in stored[fate] else {}),
        )
    return count_moves(
        con,
        "SELECT upload, fate, count(*) AS number FROM added GROUP BY ALL "
        "UNION ALL SELECT upload, fate, -count(*) FROM removed GROUP BY ALL",
    )
