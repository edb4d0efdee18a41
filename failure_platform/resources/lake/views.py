"""Small reads of the lake for pages, checks and reports: ledger lines, counts, previews, and whether both agree."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence

import duckdb
import ibis
import pandas as pd

from failure_platform.domain.arrivals import received_between
from failure_platform.domain.contracts import CONTRACTS, Contract
from failure_platform.domain.ledger import LEDGER_COLUMNS, UploadLine
from failure_platform.domain.rows.validation import breaking_rows
from failure_platform.resources.lake.tables import duplicate_table, superseded_table
from failure_platform.resources.storage import sql_text

_OWN_COLUMNS = ("upload", "row_hash")


def ledger(con: duckdb.DuckDBPyConnection, kind: str | None = None) -> list[UploadLine]:
    """Return the ledger in order of arrival, of one kind or of all."""
    return _lines(con, "WHERE ? IS NULL OR kind = ?", [kind, kind])


def ledger_lines(con: duckdb.DuckDBPyConnection, kind: str, keys: Collection[str]) -> list[UploadLine]:
    """Return the lines of some uploads of a kind in order of arrival; those that have none are left out."""
    return _lines(con, f"WHERE kind = ? AND {of_uploads(keys)}", [kind])


def ledger_line(con: duckdb.DuckDBPyConnection, key: str) -> UploadLine | None:
    """Return the line of an upload, or None where the ledger has none."""
    return next(iter(_lines(con, f"WHERE {of_uploads([key])}", [])), None)


def of_uploads(keys: Collection[str]) -> str:
    """Return the condition of the ledger lines of some uploads, in literals.

    Of a line among 100,000, the time is found in a quarter of the time that the key is, so both are given.
    """
    within = received_between(keys)
    time = f"{sql_text.between(*within, column='received_at')} AND " if within is not None else ""
    return f"({time}{sql_text.one_of('upload', keys)})"


def ledger_lines_called(con: duckdb.DuckDBPyConnection, text: str) -> list[UploadLine]:
    """Return the lines of the uploads whose key or file name is `text`, or whose hash begins with it."""
    return _lines(con, "WHERE upload = ? OR name = ? OR starts_with(sha256, ?)", [text, text, text])


def row_counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of rows of every table, by name."""
    tables = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
    return {table: _number(con, f"SELECT count(*) FROM {sql_text.name(table)}") for table in tables}


def preview(con: duckdb.DuckDBPyConnection, table: str, n: int = 10, upload: str | None = None) -> pd.DataFrame:
    """Return up to `n` rows of a table without upload and row hash; of a kind's table, those of one upload if given."""
    where = f"WHERE {_span(con, [upload])} AND upload = ?" if upload is not None else ""
    columns = [name for name in column_types(con, table) if name not in _OWN_COLUMNS]
    return con.execute(
        f"SELECT {sql_text.names(tuple(columns))} FROM {sql_text.name(table)} {where} LIMIT {int(n)}",
        [upload] if upload is not None else [],
    ).df()


def column_types(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the columns of a table with their DuckDB types, in order; empty where there is no such table."""
    rows = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
    ).fetchall()
    return dict(rows)


def quarantine_reasons(
    con: duckdb.DuckDBPyConnection, uploads: Sequence[str] | None = None, n: int = 10
) -> list[tuple[str, int]]:
    """Return the most frequent reasons in quarantine, without values, with their number of rows.

    Args:
        con: a connection to the lake.
        uploads: count the rows of these; None counts all.
        n: number of reasons at most.
    """
    return con.execute(
        f"""
        SELECT regexp_replace(reason, ': ''.*', '', 's') AS kind_of_fault, count(*) AS number
        FROM (
            SELECT unnest(reasons) AS reason FROM quarantine
            WHERE {"true" if uploads is None else "list_contains($uploads, upload)"}
        )
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {int(n)}
        """,
        {} if uploads is None else {"uploads": list(uploads)},
    ).fetchall()


def ledger_disagreements(con: duckdb.DuckDBPyConnection, uploads: Sequence[str] | None = None) -> list[str]:
    """Describe where ledger and tables disagree; empty where every row is accounted for.

    Each upload's counts must add up, and merged, superseded and quarantined must be the rows that the tables hold.

    Args:
        con: a connection to the lake.
        uploads: compare these and those whose rows they replaced, at the cost of their rows; None compares all.
    """
    found: list[tuple[str, str, int, int]] = []
    of_kind = defaultdict[str, list[str]](list)
    if uploads is not None:
        for key, kind in con.execute(f"SELECT upload, kind FROM uploads WHERE {of_uploads(uploads)}").fetchall():
            of_kind[kind].append(key)
    for contract in CONTRACTS.values():
        kind, superseded = sql_text.name(contract.kind), sql_text.name(superseded_table(contract))
        of_these = of_ledger = within = "true"
        if uploads is not None:
            lines = [*of_kind[contract.kind], *_replaced_by(con, contract, of_kind[contract.kind])]
            if not lines:
                continue
            of_these, of_ledger, within = sql_text.one_of("upload", lines), of_uploads(lines), _span(con, lines)
        found += con.execute(
            f"""
            WITH held AS (
                SELECT upload, 'merged' AS fate, count(*) AS number FROM {kind} WHERE {within} AND {of_these} GROUP BY 1
                UNION ALL SELECT upload, 'superseded', count(*) FROM {superseded} WHERE {of_these} GROUP BY 1
                UNION ALL
                SELECT upload, 'quarantined', count(*) FROM quarantine WHERE kind = $kind AND {of_these} GROUP BY 1
            ), noted AS (
                SELECT upload, unnest(['merged', 'superseded', 'quarantined']) AS fate,
                    unnest([merged, superseded, quarantined]) AS number
                FROM uploads WHERE kind = $kind AND {of_ledger}
            )
            SELECT upload, fate, coalesce(noted.number, 0), coalesce(held.number, 0)
            FROM noted FULL JOIN held USING (upload, fate)
            WHERE coalesce(noted.number, 0) <> coalesce(held.number, 0)
            UNION ALL
            SELECT upload, 'in all', rows_in, merged + duplicate + superseded + quarantined
            FROM uploads WHERE kind = $kind AND {of_ledger} AND rows_in <> merged + duplicate + superseded + quarantined
        """,
            {"kind": contract.kind},
        ).fetchall()
    return [f"{upload}: {fate} {noted} by the ledger, {held} found" for upload, fate, noted, held in sorted(found)]


def _replaced_by(con: duckdb.DuckDBPyConnection, contract: Contract, uploads: Sequence[str]) -> list[str]:
    """Return the keys of the other uploads whose rows these replaced."""
    rows = con.execute(
        f"SELECT DISTINCT upload FROM {sql_text.name(superseded_table(contract))} "
        f"WHERE {sql_text.one_of('superseded_by', uploads)}"
    ).fetchall()
    return sorted({key for (key,) in rows} - set(uploads))


def contract_violations(con: duckdb.DuckDBPyConnection, contract: Contract, uploads: Sequence[str]) -> int:
    """Count the rows of these uploads in the lake that break the contract: 0 unless validation or storage failed."""
    broken = ibis.to_sql(breaking_rows(contract, "checked"), dialect="duckdb")
    return _number(
        con,
        f"WITH checked AS (SELECT * FROM {sql_text.name(contract.kind)} "
        f"WHERE {_span(con, uploads)} AND list_contains(?, upload)) SELECT count(*) FROM ({broken})",
        [list(uploads)],
    )


def doubled_keys(con: duckdb.DuckDBPyConnection, contract: Contract, uploads: Sequence[str]) -> int:
    """Count natural keys that the lake holds more than once, in the span of time that these uploads cover."""
    key = sql_text.names(contract.key)
    within = f"FROM {sql_text.name(contract.kind)} WHERE {_span(con, uploads)}"
    return _number(
        con,
        f"""
        WITH candidates AS (SELECT hash({key}) AS key_hash {within} GROUP BY 1 HAVING count(*) > 1)
        SELECT count(*) FROM (
            SELECT {key} {within} AND hash({key}) IN (SELECT key_hash FROM candidates)
            GROUP BY ALL HAVING count(*) > 1
        )
        """,
    )


def state_hash(con: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    """Return a hash of the tables of a kind: rows, the upload of each, and which upload superseded it.

    It compares lakes of one DuckDB version only, since it uses that version's `hash`.
    """
    rows = " UNION ALL ".join(
        f"SELECT {sql_text.text(table)} AS source, row_hash, upload, {by} AS superseded_by FROM {sql_text.name(table)}"
        for table, by in (
            (contract.kind, "NULL"),
            (superseded_table(contract), "superseded_by"),
            (duplicate_table(contract), "NULL"),
        )
    )
    row = con.execute(
        f"SELECT count(*), coalesce(bit_xor(hashed), 0), coalesce(sum(hashed), 0) "
        f"FROM (SELECT hash(source, row_hash, upload, superseded_by) AS hashed FROM ({rows}))"
    ).fetchall()[0]
    return "-".join(str(part) for part in row)


def _span(con: duckdb.DuckDBPyConnection, uploads: Sequence[str]) -> str:
    """Return the condition of the time that uploads cover, in literals, so that row groups outside it are skipped."""
    first, last = con.execute(
        f"SELECT min(first_data), max(last_data) FROM uploads WHERE {of_uploads(uploads)}"
    ).fetchall()[0]
    return sql_text.between(first, last) if first is not None else "false"


def _number(con: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> int:
    return int(con.execute(query, list(values)).fetchall()[0][0])


def _lines(con: duckdb.DuckDBPyConnection, where: str, values: list[object]) -> list[UploadLine]:
    rows = con.execute(
        f"SELECT {', '.join(LEDGER_COLUMNS)} FROM uploads {where} ORDER BY received_at, upload", values
    ).fetchall()
    lines = [dict(zip(LEDGER_COLUMNS, row, strict=True)) for row in rows]
    return [UploadLine.from_columns({**line, "understood": json.loads(line["understood"] or "{}")}) for line in lines]
