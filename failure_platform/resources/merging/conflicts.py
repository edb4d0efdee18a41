"""Settles natural keys about which several uploads say something: which row stays, and what the others are.

Belongs here: the rule, and bringing the tables to what it says. Does not belong here: which keys need it (`merging`,
`withdrawing`).

An upload makes at most one claim about a key. Claims of one key stand in the order in which their uploads were
received. Equal claims that follow one another are a run: the first stands for it, the others are duplicates. The last
run is in the lake, the earlier ones are superseded by the run that follows. So the tables depend on which uploads are
in, and not on the order in which they were merged, and taking an upload out is the same rule without its claims.
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
    """Apply the rule to some keys, and correct the lines of every upload whose rows move.

    Args:
        con: the transaction. The ledger has a line of every upload that claims anything.
        contract: the kind.
        keys: a SELECT of natural keys.
        at: the time noted with rows that are superseded now.
        claims: a SELECT (the contract's columns, row_hash, upload) of claims that are not in the tables yet.
        without: an upload whose claims leave.

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
    _rule(con, contract, claims, without)
    changed = _move(con, contract, at)
    for table in ("touched", "found", "ruled", "gone", "come"):
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
    """Put every claim about the touched keys into `found`, with its fate and where it is."""
    columns = sql_text.names(contract.names)
    touched = f"SEMI JOIN touched ON {same_key(contract, 'held', 'touched')}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE found AS
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
        INSERT INTO found BY NAME
        SELECT 'duplicate' AS fate, held.place, content.* EXCLUDE (fate, place, upload, superseded_by), held.upload
        FROM (SELECT *, rowid AS place FROM {sql_text.name(duplicate_table(contract))} WHERE {within}) AS held
        JOIN (SELECT DISTINCT ON (row_hash) * FROM found) AS content
            ON held.row_hash = content.row_hash AND held."DATA" = content."DATA"
    """)


def _rule(con: duckdb.DuckDBPyConnection, contract: Contract, claims: str, without: str) -> None:
    """Put into `ruled` what the claims are by the rule."""
    key, columns = sql_text.names(contract.key), sql_text.names(contract.names)
    arriving = f"UNION ALL BY NAME {claims}" if claims else ""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE ruled AS
        WITH claims AS (
            SELECT {columns}, row_hash, upload FROM found WHERE upload <> ? {arriving}
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
    """Take out what is no longer so, put in what is so now, and correct the ledger."""
    same = (
        f"found.fate = ruled.fate AND found.upload = ruled.upload AND found.row_hash = ruled.row_hash "
        f"AND found.superseded_by IS NOT DISTINCT FROM ruled.superseded_by AND {same_key(contract, 'found', 'ruled')}"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT * FROM found ANTI JOIN ruled ON {same}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE come AS SELECT * FROM ruled ANTI JOIN found ON {same}")
    tables = dict(zip(_FATES, (contract.kind, superseded_table(contract), duplicate_table(contract)), strict=True))
    columns = sql_text.names(contract.names)
    stored = {
        "merged": f"{columns}, upload, row_hash",
        "superseded": f"{columns}, upload, row_hash, superseded_by, CAST($at AS TIMESTAMP) AS superseded_at",
        "duplicate": 'row_hash, "DATA", upload',
    }
    for fate, table in tables.items():
        con.execute(
            f"DELETE FROM {sql_text.name(table)} WHERE rowid IN (SELECT place FROM gone WHERE fate = ?)", [fate]
        )
        con.execute(
            f"INSERT INTO {sql_text.name(table)} BY NAME SELECT {stored[fate]} FROM come WHERE fate = $fate",
            {"fate": fate} | ({"at": at} if "$at" in stored[fate] else {}),
        )
    return count_moves(
        con,
        "SELECT upload, fate, count(*) AS number FROM come GROUP BY ALL "
        "UNION ALL SELECT upload, fate, -count(*) FROM gone GROUP BY ALL",
    )
