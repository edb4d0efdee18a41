"""Merges the validated rows of uploads into the lake, in the caller's transaction.

The cost depends on the new rows, not on the size of the lake: only rows between the first and last DATA of the uploads
are read, with the limits as literals, so that row groups outside them are skipped. Small uploads are merged together,
since a statement costs more than their rows.
"""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from failure_platform.domain.arrivals import Upload
from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadLine, line_of
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.lake.tables import FALHAS_DAYS, duplicate_table, falhas_days_sql, superseded_table
from failure_platform.resources.lake.views import ledger_lines
from failure_platform.resources.merging.conflicts import resolve_conflicts, same_key
from failure_platform.resources.merging.ledger import count_moves, require_balance, write_lines
from failure_platform.resources.merging.validated_rows import ValidatedRows, validate_rows
from failure_platform.resources.reading.upload import ParsedUpload
from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.failpoints import failpoint
from failure_platform.resources.storage.scratch_database import scratch


def validate_uploads(
    lake: Lake, contract: Contract, uploads: Sequence[tuple[Upload, ParsedUpload]]
) -> list[tuple[Upload, ValidatedRows]]:
    """Validate the rows of some uploads in one scratch database with the lake's threads and memory.

    The lake itself is not opened, so that others can write to it meanwhile.
    """
    if not uploads:
        return []
    with scratch(uploads[0][1].folder, threads=lake.threads, memory_limit=lake.memory_limit) as con:
        return [(upload, validate_rows(contract, rows, upload.received_at, con=con)) for upload, rows in uploads]


def merge(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    uploads: Sequence[tuple[Upload, ValidatedRows]],
    merged_at: datetime,
) -> list[UploadLine]:
    """Merge validated uploads within the transaction of `con`; return their lines.

    Of the rows with one natural key, an upload claims the last in its file. Of the claims of several uploads, the lake
    holds the one received last (see `resources.merging.conflicts`). A row with the values of another is a duplicate; a
    row that was replaced is kept in `superseded_<kind>`. So for each upload, at any time, `merged` is the number of its
    rows in the lake, and its counts add up to `rows_in`.

    Of the ledger, only the lines of these uploads and of those whose rows moved are read.

    Raises:
        LedgerError: the counts do not add up; the caller's transaction must be rolled back.
    """
    keys = {upload.key for upload, _ in uploads}
    merged = {line.key for line in ledger_lines(con, contract.kind, keys) if line.state == "merged"}
    new = [(upload, validated) for upload, validated in uploads if upload.key not in merged]
    changed = set[str]()
    if new:
        work = _Merge(con, contract, new, merged_at)
        work.write_lines()
        work.find_repeats()
        work.compare_with_lake()
        work.supersede()
        failpoint("merge.superseded")
        work.insert()
        failpoint("merge.inserted")
        work.count_days()
        changed |= work.count()
        changed |= work.resolve_contested()
        work.quarantine()
        failpoint("merge.noted")
    lines = {line.key: line for line in ledger_lines(con, contract.kind, keys | changed)}
    require_balance(lines.values())
    return [lines[upload.key] for upload, _ in uploads]


class _Merge:
    """The steps of one merge. Rows that are not simply inserted are listed in the temporary table `aside`.

    Its fates: `repeat` of a row of the same file, `corrected` by a later line of the same file, `duplicate` of a row
    in the lake, and `contested`, which `resolve_conflicts` decides.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        contract: Contract,
        uploads: Sequence[tuple[Upload, ValidatedRows]],
        merged_at: datetime,
    ) -> None:
        self._con, self._contract, self._uploads, self._merged_at = con, contract, uploads, merged_at
        self._lake = sql_text.name(contract.kind)
        self._superseded = sql_text.name(superseded_table(contract))
        self._columns = sql_text.names(contract.names)
        self._key = sql_text.names(contract.key)
        self._good = _good_rows(uploads)
        ends = [(j.first_data, j.last_data) for _, j in uploads if j.first_data is not None and j.last_data is not None]
        self._span = (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None

    def write_lines(self) -> None:
        """Write the lines with what is known before the rows are compared; `count` adds the rest."""
        write_lines(
            self._con,
            [
                line_of(
                    upload,
                    "merged",
                    self._merged_at,
                    rows_in=validated.rows_in,
                    quarantined=validated.quarantined,
                    first_data=validated.first_data,
                    last_data=validated.last_data,
                    understood=validated.understood,
                )
                for upload, validated in self._uploads
            ],
        )

    def find_repeats(self) -> None:
        """List the rows that a later row of the same file replaces, and the keys that several uploads claim."""
        # Hashes find the few candidates without sorting all rows; the key itself decides.
        self._con.execute(f"""
            CREATE OR REPLACE TEMP TABLE repeated AS
            SELECT hash({self._key}) AS key_hash FROM ({self._good}) GROUP BY 1 HAVING count(*) > 1
        """)
        self._con.execute(f"""
            CREATE OR REPLACE TEMP TABLE aside AS
            WITH ranked AS (
                SELECT upload, "row",
                    row_number() OVER (PARTITION BY upload, {self._key}, row_hash ORDER BY "row" DESC) AS copy,
                    row_hash = first_value(row_hash) OVER (PARTITION BY upload, {self._key} ORDER BY "row" DESC) AS last
                FROM ({self._good}) WHERE hash({self._key}) IN (SELECT key_hash FROM repeated)
            )
            SELECT upload, "row", CASE WHEN copy > 1 THEN 'repeat' WHEN last THEN 'claim' ELSE 'corrected' END AS fate
            FROM ranked
        """)
        if len(self._uploads) > 1:
            self._con.execute(f"""
                UPDATE aside SET fate = 'contested' FROM (
                    SELECT upload, "row", count(*) OVER (PARTITION BY {self._key}) AS claims
                    FROM ({self._good}) JOIN aside USING (upload, "row") WHERE fate = 'claim'
                ) AS counted WHERE counted.upload = aside.upload AND counted."row" = aside."row" AND claims > 1
            """)
        self._con.execute("DELETE FROM aside WHERE fate = 'claim'")

    def compare_with_lake(self) -> None:
        """List the rows whose key the lake has; put the lake's rows that a newer one replaces into `replaced`."""
        self._con.execute("CREATE OR REPLACE TEMP TABLE replaced (place BIGINT, upload VARCHAR, superseded_by VARCHAR)")
        if self._span is None:
            return
        within = sql_text.between(*self._span)
        if not self._con.execute(f"SELECT 1 FROM {self._lake} WHERE {within} LIMIT 1").fetchall():
            return
        self._con.execute(f"""
            CREATE OR REPLACE TEMP TABLE in_lake AS
            SELECT good.upload, good."row", lake.place, lake.upload AS known_by, good.row_hash = lake.row_hash AS same
            FROM ({self._good}) AS good
            JOIN (SELECT *, rowid AS place FROM {self._lake} WHERE {within}) AS lake
                ON {same_key(self._contract, "good", "lake")}
            ANTI JOIN aside ON good.upload = aside.upload AND good."row" = aside."row"
        """)
        if self._newest():
            self._con.execute("INSERT INTO aside SELECT upload, \"row\", 'duplicate' FROM in_lake WHERE same")
            self._con.execute("INSERT INTO replaced SELECT place, known_by, upload FROM in_lake WHERE NOT same")
        else:
            self._con.execute("INSERT INTO aside SELECT upload, \"row\", 'contested' FROM in_lake")
        self._con.execute("DROP TABLE in_lake")

    def supersede(self) -> None:
        """Keep the replaced rows: earlier lines of the same file, and rows of the lake, which are removed from it."""
        at = self._merged_at
        self._con.execute(
            f"""
            INSERT INTO {self._superseded} BY NAME
            SELECT {self._columns}, upload, row_hash, upload AS superseded_by, CAST(? AS TIMESTAMP) AS superseded_at
            FROM ({self._good}) JOIN (SELECT * FROM aside WHERE fate = 'corrected') USING (upload, "row")
        """,
            [at],
        )
        if self._span is None or not self._con.execute("SELECT 1 FROM replaced LIMIT 1").fetchall():
            return
        within = sql_text.between(*self._span)
        self._con.execute(
            f"""
            INSERT INTO {self._superseded} BY NAME
            SELECT {self._columns}, lake.upload, row_hash, superseded_by, CAST(? AS TIMESTAMP) AS superseded_at
            FROM (SELECT *, rowid AS place FROM {self._lake} WHERE {within}) AS lake JOIN replaced USING (place)
        """,
            [at],
        )
        self._con.execute(f"DELETE FROM {self._lake} WHERE {within} AND rowid IN (SELECT place FROM replaced)")

    def insert(self) -> None:
        """Append the remaining rows in the order of the files, and record the duplicates of rows in the lake."""
        self._con.execute(f"""
            INSERT INTO {self._lake} BY NAME
            SELECT {self._columns}, good.upload, row_hash
            FROM ({self._good}) AS good ANTI JOIN aside ON good.upload = aside.upload AND good."row" = aside."row"
        """)
        self._con.execute(f"""
            INSERT INTO {sql_text.name(duplicate_table(self._contract))} BY NAME
            SELECT row_hash, "DATA", upload
            FROM ({self._good}) JOIN (SELECT * FROM aside WHERE fate = 'duplicate') USING (upload, "row")
        """)

    def count_days(self) -> None:
        """Count what each falhas upload has by day and hall: coverage is derived from it."""
        if self._contract.kind == "falhas":
            self._con.execute(f"INSERT INTO {FALHAS_DAYS} BY NAME {falhas_days_sql(self._good)}")

    def count(self) -> set[str]:
        """Correct the lines of these uploads and of those whose rows were replaced; return the keys of all of them.

        What is merged is counted in the lake itself, so that the balance of a line is a proof and not arithmetic.
        """
        within = sql_text.between(*self._span) if self._span is not None else "false"
        own = ", ".join(sql_text.text(upload.key) for upload, _ in self._uploads)
        return count_moves(
            self._con,
            f"""
            SELECT upload, 'merged' AS fate, count(*) AS number
            FROM {self._lake} WHERE {within} AND upload IN ({own}) GROUP BY ALL
            UNION ALL BY NAME
            SELECT upload, CASE fate WHEN 'corrected' THEN 'superseded' ELSE 'duplicate' END AS fate, count(*) AS number
            FROM aside WHERE fate <> 'contested' GROUP BY ALL
            UNION ALL BY NAME SELECT upload, 'merged' AS fate, -count(*) AS number FROM replaced GROUP BY ALL
            UNION ALL BY NAME SELECT upload, 'superseded' AS fate, count(*) AS number FROM replaced GROUP BY ALL
        """,
        )

    def resolve_contested(self) -> set[str]:
        """Apply the rule of claims to keys that several of these uploads contain, or an upload merged before.

        Returns:
            the keys of the uploads whose lines changed.
        """
        if not self._con.execute("SELECT 1 FROM aside WHERE fate = 'contested' LIMIT 1").fetchall():
            return set()
        claims = f"""
            SELECT {self._columns}, row_hash, upload
            FROM ({self._good}) JOIN (SELECT * FROM aside WHERE fate = 'contested') USING (upload, "row")
        """
        return resolve_conflicts(self._con, self._contract, claims, self._merged_at, claims=claims)

    def quarantine(self) -> None:
        """Keep the bad rows with their reasons, and close those that these uploads correct.

        The id of a row is its place in the original, which no later change of the rules moves.
        """
        for upload, validated in self._uploads:
            if validated.quarantined:
                self._con.execute(
                    f"""
                    INSERT INTO quarantine BY NAME
                    SELECT concat_ws('-', right(?, 8), sheet, line, nullif(row_number() OVER place, 1)) AS id,
                        ? AS upload, ? AS kind, *,
                        CAST(? AS TIMESTAMP) AS quarantined_at
                    FROM read_parquet({sql_text.file(validated.bad)}) WINDOW place AS (PARTITION BY sheet, line)
                """,
                    [upload.key, upload.key, self._contract.kind, self._merged_at],
                )
            if validated.corrects_sql is not None:
                self._con.execute(
                    f"""
                    UPDATE quarantine SET corrected_by = ?, corrected_at = CAST(? AS TIMESTAMP)
                    WHERE corrected_by IS NULL AND kind = ? AND upload <> ? AND id IN ({validated.corrects_sql})
                """,
                    [upload.key, self._merged_at, self._contract.kind, upload.key],
                )

    def _newest(self) -> bool:
        """Return whether these uploads were received after every other upload whose rows overlap them in time."""
        first, last = self._span or (None, None)
        earliest = min((upload.received_at, upload.key) for upload, _ in self._uploads)
        own = [upload.key for upload, _ in self._uploads]
        return not self._con.execute(
            "SELECT 1 FROM uploads WHERE kind = ? AND state = 'merged' AND first_data <= ? AND last_data >= ? "
            "AND (received_at, upload) > (CAST(? AS TIMESTAMP), CAST(? AS VARCHAR)) AND NOT list_contains(?, upload) "
            "LIMIT 1",
            [self._contract.kind, last, first, *earliest, own],
        ).fetchall()


def _good_rows(uploads: Sequence[tuple[Upload, ValidatedRows]]) -> str:
    """Return the SELECT of the good rows of all uploads: `upload`, `row`, the typed columns, `row_hash`."""
    if len(uploads) == 1:
        [(upload, validated)] = uploads
        return f"SELECT {sql_text.text(upload.key)} AS upload, * FROM ({validated.good_sql})"
    files = ", ".join(sql_text.file(validated.rows) for _, validated in uploads)
    keys = ", ".join(f"{sql_text.text(str(rows.rows))}: {sql_text.text(upload.key)}" for upload, rows in uploads)
    return (
        f"SELECT (MAP {{{keys}}})[filename] AS upload, * EXCLUDE (filename, reasons) "
        f"FROM read_parquet([{files}], filename = true) WHERE len(reasons) = 0"
    )
