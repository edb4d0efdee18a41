"""Reads the rows in quarantine: counts them by reason, lists them, and exports them for correction.

The results are as private as the lake: persons are pseudonyms, and where a broken line could name one, the rest of the
line was withheld when it was read.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.formulas import escape_formula
from failure_platform.resources.storage import sql_text

CORRECTION_COLUMNS = ("QUARANTINE_ID", "FILE", "SHEET", "LINE", "REASONS", "AS_READ")
"""Columns of an export after those of the contract; a reader uses the first and ignores the others."""

# A reason is `column: what is wrong: 'value'`; the value is left out where it may be personal.
_OPEN_FAULTS = """
    SELECT open.id, open.kind, open.upload, uploads.name AS file, open.sheet, open.line,
        CASE WHEN len(open.columns) > 0 THEN split_part(fault, ':', 1) END AS "column",
        CASE WHEN len(open.columns) > 0 THEN regexp_extract(fault, ': ''(.*)''$', 1, 's')
            ELSE left(coalesce(json_extract_string(raw, '$.line'), ''), 60) END AS value,
        regexp_replace(fault, ': ''.*', '', 's') AS reason, open.quarantined_at
    FROM (SELECT *, unnest(reasons) AS fault FROM quarantine WHERE corrected_by IS NULL) AS open
    LEFT JOIN uploads ON uploads.upload = open.upload
"""
_LONGEST_VALUE = 24
_SHORT = f"CASE WHEN length(value) > {_LONGEST_VALUE} THEN left(value, {_LONGEST_VALUE - 1}) || '…' ELSE value END"
_PLACE = "concat_ws(', ', file, sheet, 'line ' || line)"
_BY_REASON = f"""
    SELECT kind, reason, count(*) AS rows, count(DISTINCT upload) AS uploads, max(quarantined_at) AS newest,
        arg_max(concat_ws(': ', {_PLACE}, nullif({_SHORT}, '')), (quarantined_at, -line)) AS example
    FROM ({{faults}}) GROUP BY kind, reason ORDER BY rows DESC, kind, reason
"""
VIEWS = {"open_quarantine": _OPEN_FAULTS, "quarantine_by_reason": _BY_REASON.format(faults=_OPEN_FAULTS)}
"""Views for other tools that open the lake, by name."""

_BATCH = 10_000


class NotExportedError(Exception):
    """Nothing was written; the message states why and what to do."""


@dataclass(frozen=True)
class OpenReason:
    """A reason of open rows: rows and uploads that have it, when the newest was quarantined (UTC), and an example.

    `reason` names the column and what is wrong, without the value; `example` is 'file, sheet, line: value'. A row with
    several reasons counts once for each.
    """

    kind: str
    reason: str
    rows: int
    uploads: int
    newest: datetime
    example: str


@dataclass(frozen=True)
class Exported:
    """Contents of an export: `rows` with their texts, and `lines` that could not be read as rows."""

    rows: int
    lines: int


def by_reason(con: duckdb.DuckDBPyConnection, kind: str | None = None, upload: str | None = None) -> list[OpenReason]:
    """Return the reasons of open rows, the most frequent first, of one kind or upload or of all."""
    faults = f"SELECT * FROM ({_OPEN_FAULTS}) WHERE (? IS NULL OR kind = ?) AND (? IS NULL OR upload = ?)"
    rows = con.execute(_BY_REASON.format(faults=faults), [kind, kind, upload, upload]).fetchall()
    return [OpenReason(*row) for row in rows]


def open_rows(con: duckdb.DuckDBPyConnection, kind: str | None = None, upload: str | None = None) -> int:
    """Count the open rows, each once."""
    return int(
        con.execute(
            "SELECT count(*) FROM quarantine WHERE corrected_by IS NULL AND (? IS NULL OR kind = ?) "
            "AND (? IS NULL OR upload = ?)",
            [kind, kind, upload, upload],
        ).fetchall()[0][0]
    )


def listing(con: duckdb.DuckDBPyConnection, n: int) -> pd.DataFrame:
    """Return the newest `n` faults: file, sheet, line, column, value (its beginning) and reason, as (n, 6) texts."""
    return con.execute(
        f"""SELECT file, coalesce(sheet, '') AS sheet, line, coalesce("column", '') AS "column", {_SHORT} AS value,
            reason
        FROM ({_OPEN_FAULTS}) ORDER BY quarantined_at DESC, upload, line, reason LIMIT {int(n)}"""
    ).df()


def export(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    target: Path,
    *,
    reason: str | None = None,
    upload: str | None = None,
) -> Exported:
    """Write the open rows of a kind to a new csv file, for a person to correct and to drop as an upload.

    The contract's columns come first, with the texts as read; then `CORRECTION_COLUMNS`. Of a line that could not be
    read as a row, the cells are empty and AS_READ holds the line. The file is UTF-8 with a byte order mark, for Excel.

    Args:
        con: a connection to the lake.
        contract: the kind.
        target: the file; it must not exist.
        reason: only rows with this text in a reason (ignoring case; values are not searched).
        upload: only rows of this upload.

    Raises:
        NotExportedError: no open row matches, or the file cannot be made.
    """
    matching = """
        SELECT * FROM quarantine WHERE corrected_by IS NULL AND kind = $kind AND ($upload IS NULL OR upload = $upload)
        AND ($reason IS NULL OR len(list_filter(reasons,
            LAMBDA fault: contains(lower(regexp_replace(fault, ': ''.*', '', 's')), lower($reason)))) > 0)
    """
    values = {"kind": contract.kind, "upload": upload, "reason": reason}
    rows, lines = con.execute(
        f"SELECT count(*) FILTER (len(columns) > 0), count(*) FILTER (len(columns) = 0) FROM ({matching})", values
    ).fetchall()[0]
    if rows + lines == 0:
        raise NotExportedError(
            f"No open row of {contract.kind} fits. `failure-platform quarantine list` shows what is open, and why."
        )
    texts = ", ".join(f"json_extract_string(raw, {sql_text.text(f'$.{name}')})" for name in contract.names)
    chosen = con.execute(
        f"""
        SELECT {texts}, id, uploads.name, sheet, line, array_to_string(reasons, '; '),
            CASE WHEN len(columns) = 0 THEN coalesce(json_extract_string(raw, '$.line'), concat_ws(' … ',
                array_to_string(CAST(json_extract(raw, '$.cells') AS VARCHAR[]), ' | '),
                json_extract_string(raw, '$.withheld'))) END
        FROM ({matching}) AS matching LEFT JOIN uploads ON uploads.upload = matching.upload
        ORDER BY uploads.received_at, matching.upload, CAST(split_part(id, '-', -1) AS BIGINT)
        """,
        values,
    )
    _write(target, (*contract.names, *CORRECTION_COLUMNS), _batches(chosen))
    return Exported(rows, lines)


def disagreements(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Describe the uploads whose counts differ between the ledger and the quarantine table, open and corrected rows."""
    rows = con.execute("""
        WITH held AS (SELECT upload, count(*) AS number FROM quarantine GROUP BY 1),
        noted AS (SELECT upload, quarantined AS number FROM uploads WHERE state = 'merged' AND quarantined > 0)
        SELECT upload, coalesce(noted.number, 0), coalesce(held.number, 0)
        FROM noted FULL JOIN held USING (upload)
        WHERE noted.number IS DISTINCT FROM held.number ORDER BY 1
    """).fetchall()
    return [f"{upload}: {noted} in quarantine by the ledger, {held} found" for upload, noted, held in rows]


def _batches(chosen: duckdb.DuckDBPyConnection) -> Iterator[Sequence[tuple[object, ...]]]:
    while batch := chosen.fetchmany(_BATCH):
        yield batch


def _write(target: Path, header: Sequence[str], batches: Iterator[Sequence[tuple[object, ...]]]) -> None:
    if target.suffix.lower() != ".csv":
        raise NotExportedError(f"{target}: only csv is written. Give a name that ends in .csv.")
    try:
        out = target.open("x", encoding="utf-8-sig", newline="")
    except FileExistsError as there:
        raise NotExportedError(
            f"{target} is there already and may hold corrections. Nothing was written: give another name."
        ) from there
    except OSError as error:
        raise NotExportedError(f"{target} cannot be made: {error.strerror}. Choose another place.") from error
    try:
        with out:
            writer = csv.writer(out)
            writer.writerow(header)
            for batch in batches:
                writer.writerows(["" if cell is None else escape_formula(str(cell)) for cell in row] for row in batch)
    except OSError as error:
        target.unlink()
        raise NotExportedError(f"{target} was not written: {error.strerror}. Choose another place.") from error
