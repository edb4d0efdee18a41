"""Merges the judged rows of one upload into the lake, in the caller's transaction. Writing is plain SQL.

Belongs here: which row of a natural key stays, what becomes of the others, and the ledger line that says so. Does not
belong here: connections and transactions (`lake`), judging (`judged_rows`), reading back (`lake_views`).

What is done costs what the new rows cost, not what the lake holds: the lake is asked only for rows between the
upload's first and last DATA, written as literals, so that whole row groups outside are never opened.
"""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadFacts, UploadLine, line_of
from failure_platform.resources import sql_text
from failure_platform.resources.judged_rows import Judged, judge_rows
from failure_platform.resources.lake import Lake
from failure_platform.resources.lake_views import LEDGER_FIELDS, ledger, ledger_line
from failure_platform.resources.reading import Received
from failure_platform.resources.tables import superseded_table


def merge_uploads(
    lake: Lake,
    contract: Contract,
    uploads: Sequence[tuple[UploadFacts, Received]],
    merged_at: datetime,
) -> list[UploadLine]:
    """Judge the rows of some uploads, then merge them in one transaction; return their ledger lines.

    Judging needs no lake, so readers wait only while rows are written. One transaction for many small uploads, since
    opening and checkpointing the lake costs more than their rows. An upload that is merged already is left as it is: a
    run that was killed after its commit may be repeated.
    """
    judged = [
        judge_rows(contract, received, facts.received_at, threads=lake.threads, memory_limit=lake.memory_limit)
        for facts, received in uploads
    ]
    with lake.write() as con:
        for (facts, _), one in zip(uploads, judged, strict=True):
            merge(con, contract, facts, one, merged_at)
        # Read back at the end: a later upload of the same transaction may have corrected an earlier one's line.
        lines = {line.upload: line for line in ledger(con, contract.kind)}
        return [lines[facts.key] for facts, _ in uploads]


def merge_upload(
    lake: Lake, contract: Contract, upload: UploadFacts, received: Received, merged_at: datetime
) -> UploadLine:
    """Judge and merge one upload; see `merge_uploads`."""
    return merge_uploads(lake, contract, [(upload, received)], merged_at)[0]


def merge(
    con: duckdb.DuckDBPyConnection, contract: Contract, upload: UploadFacts, judged: Judged, merged_at: datetime
) -> UploadLine:
    """Merge judged rows within the transaction of `con`.

    Of the rows with one natural key, the lake keeps the one that was received last, and within a file the one that
    stands last. A row that says the same as the one kept is a duplicate; a row that says otherwise goes to
    `superseded_<kind>`, and where it was in the lake before, its upload's ledger line is corrected. So for each
    upload, at any time, `merged` is the number of its rows in the lake and the counts add up to `rows_in`.
    """
    known = ledger_line(con, upload.key)
    if known is not None and known.state == "merged":
        return known
    work = _Merge(con, contract, upload, judged, merged_at)
    work.sort_out_repeats()
    work.meet_the_lake()
    work.supersede()
    merged = work.insert()
    work.quarantine()
    counts = work.counts()
    line = line_of(
        upload,
        "merged",
        merged_at,
        rows_in=judged.rows_in,
        merged=merged,
        duplicate=counts["duplicate"],
        superseded=counts["superseded"],
        quarantined=judged.quarantined,
        first_data=judged.first_data,
        last_data=judged.last_data,
        understood=judged.understood,
    )
    if not line.balanced:
        raise LedgerError(
            f"Upload {upload.key} does not add up and was not merged: {line.rows_in} rows came in, but {line.merged} "
            f"merged + {line.duplicate} duplicate + {line.superseded} superseded + {line.quarantined} quarantined. "
            f"Please report this with the file; the lake is unchanged."
        )
    _write_line(con, line)
    return line


def refuse(con: duckdb.DuckDBPyConnection, upload: UploadFacts, reason: str, refused_at: datetime) -> UploadLine:
    """Note that an upload was refused, unless it is merged already; return its line.

    A later attempt that succeeds replaces the line.
    """
    known = ledger_line(con, upload.key)
    if known is not None and known.state == "merged":
        return known
    line = line_of(upload, "refused", refused_at, reason=reason)
    _write_line(con, line)
    return line


def _write_line(con: duckdb.DuckDBPyConnection, line: UploadLine) -> None:
    values = dataclasses.asdict(line) | {"understood": json.dumps(line.understood, ensure_ascii=False)}
    con.execute("DELETE FROM uploads WHERE upload = ?", [line.upload])
    con.execute(
        f"INSERT INTO uploads ({', '.join(LEDGER_FIELDS)}) VALUES ({', '.join('?' for _ in LEDGER_FIELDS)})",
        [values[name] for name in LEDGER_FIELDS],
    )


class LedgerError(Exception):
    """The counts of an upload do not add up; its transaction must be rolled back."""


class _Merge:
    """The steps of one merge. Small facts about rows that need care wait in temporary tables."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        contract: Contract,
        upload: UploadFacts,
        judged: Judged,
        merged_at: datetime,
    ) -> None:
        self._con, self._contract, self._upload, self._merged_at = con, contract, upload, merged_at
        self._judged = judged
        self._good = judged.good_sql
        self._lake = sql_text.name(contract.kind)
        self._superseded = sql_text.name(superseded_table(contract))
        self._columns = sql_text.names(contract.names)

    def sort_out_repeats(self) -> None:
        """Note in `aside` which rows of the upload give way to a later row of the same upload."""
        key = sql_text.names(self._contract.key)
        # Hashes find the few candidates without sorting all rows; the key itself decides.
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE aside AS
            WITH good AS NOT MATERIALIZED ({self._good}),
            candidates AS (SELECT hash({key}) AS key_hash FROM good GROUP BY 1 HAVING count(*) > 1),
            ranked AS (
                SELECT "row", row_hash,
                    row_number() OVER (PARTITION BY {key}, row_hash ORDER BY "row" DESC) AS copy,
                    first_value(row_hash) OVER (PARTITION BY {key} ORDER BY "row" DESC) AS kept_hash
                FROM good WHERE hash({key}) IN (SELECT key_hash FROM candidates)
            )
            SELECT "row", CASE WHEN copy > 1 THEN 'duplicate' ELSE 'superseded' END AS fate,
                ? AS superseded_by
            FROM ranked WHERE copy > 1 OR row_hash <> kept_hash
        """,
            [self._upload.key],
        )

    def meet_the_lake(self) -> None:
        """Add to `aside` the rows that the lake knows or knows better; note in `replaced` its rows that give way.

        No key is twice in the lake, so no row is met twice.
        """
        self._con.execute("CREATE OR REPLACE TEMP TABLE replaced (lake_row BIGINT, upload VARCHAR)")
        bounds = self._bounds()
        if bounds is None or not self._con.execute(f"SELECT 1 FROM {self._lake} WHERE {bounds} LIMIT 1").fetchall():
            return
        same_key = " AND ".join(
            f"good.{name} {'IS NOT DISTINCT FROM' if column.nullable else '='} lake.{name}"
            for column in self._contract.columns
            if column.key
            for name in [sql_text.name(column.name)]
        )
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE met AS
            SELECT good."row", lake.rowid AS lake_row, lake.upload, good.row_hash = lake.row_hash AS same,
                (uploads.received_at, uploads.upload) > (CAST(? AS TIMESTAMP), CAST(? AS VARCHAR)) AS lake_is_newer
            FROM ({self._good}) AS good
            JOIN (SELECT *, rowid FROM {self._lake} WHERE {bounds}) AS lake ON {same_key}
            JOIN uploads ON uploads.upload = lake.upload
            WHERE good."row" NOT IN (SELECT "row" FROM aside)
        """,
            [self._upload.received_at, self._upload.key],
        )
        self._con.execute("""
            INSERT INTO aside
            SELECT "row", CASE WHEN same THEN 'duplicate' ELSE 'superseded' END, upload
            FROM met WHERE same OR lake_is_newer
        """)
        self._con.execute("INSERT INTO replaced SELECT lake_row, upload FROM met WHERE NOT same AND NOT lake_is_newer")
        self._con.execute("DROP TABLE met")

    def supersede(self) -> None:
        """Move what gives way out of the lake, keep it and the upload's own earlier rows, correct the older lines."""
        self._con.execute(
            f"""
            INSERT INTO {self._superseded} BY NAME
            SELECT {self._columns}, ? AS upload, row_hash, superseded_by, CAST(? AS TIMESTAMP) AS superseded_at
            FROM ({self._good}) JOIN (SELECT "row", superseded_by FROM aside WHERE fate = 'superseded') USING ("row")
        """,
            [self._upload.key, self._merged_at],
        )
        bounds = self._bounds()
        if bounds is None or not self._con.execute("SELECT 1 FROM replaced LIMIT 1").fetchall():
            return
        self._con.execute(
            f"""
            INSERT INTO {self._superseded} BY NAME
            SELECT *, ? AS superseded_by, CAST(? AS TIMESTAMP) AS superseded_at
            FROM {self._lake} WHERE {bounds} AND rowid IN (SELECT lake_row FROM replaced)
        """,
            [self._upload.key, self._merged_at],
        )
        self._con.execute(f"DELETE FROM {self._lake} WHERE {bounds} AND rowid IN (SELECT lake_row FROM replaced)")
        self._con.execute("""
            UPDATE uploads SET merged = merged - gone.count, superseded = superseded + gone.count
            FROM (SELECT upload, count(*) AS count FROM replaced GROUP BY upload) AS gone
            WHERE uploads.upload = gone.upload
        """)

    def insert(self) -> int:
        """Append what stays, in the order of the file; return the number of rows."""
        done = self._con.execute(
            f"""
            INSERT INTO {self._lake} BY NAME
            SELECT {self._columns}, ? AS upload, row_hash
            FROM ({self._good}) AS good ANTI JOIN aside ON good."row" = aside."row"
        """,
            [self._upload.key],
        ).fetchall()
        return int(done[0][0])

    def quarantine(self) -> None:
        """Keep the bad rows with their reasons."""
        self._con.execute(
            f"""
            INSERT INTO quarantine BY NAME
            SELECT ? AS upload, ? AS kind, *, CAST(? AS TIMESTAMP) AS quarantined_at
            FROM read_parquet({sql_text.file(self._judged.bad)})
        """,
            [self._upload.key, self._contract.kind, self._merged_at],
        )

    def counts(self) -> dict[str, int]:
        """Return how many of the upload's rows are duplicate and superseded."""
        found = dict(self._con.execute("SELECT fate, count(*) FROM aside GROUP BY fate").fetchall())
        return {fate: int(found.get(fate, 0)) for fate in ("duplicate", "superseded")}

    def _bounds(self) -> str | None:
        first, last = self._judged.first_data, self._judged.last_data
        if first is None or last is None:
            return None
        return f"\"DATA\" BETWEEN TIMESTAMP '{first.isoformat(' ')}' AND TIMESTAMP '{last.isoformat(' ')}'"
