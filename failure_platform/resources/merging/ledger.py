"""Writes the ledger: one line per upload, corrected where a later upload or a withdrawal moves its rows."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import duckdb

from failure_platform.domain.arrivals import Upload
from failure_platform.domain.ledger import LEDGER_COLUMNS, UploadLine, line_of
from failure_platform.resources.lake import views


class LedgerError(Exception):
    """The counts of an upload do not add up; its transaction must be rolled back."""


def write_lines(con: duckdb.DuckDBPyConnection, lines: Sequence[UploadLine]) -> None:
    """Write the lines of uploads in the place of those that they have."""
    con.execute(f"DELETE FROM uploads WHERE {views.of_uploads([line.key for line in lines])}")
    marks = ", ".join("?" for _ in LEDGER_COLUMNS)
    for line in lines:
        values = line.columns() | {"understood": json.dumps(line.understood, ensure_ascii=False)}
        con.execute(f"INSERT INTO uploads ({', '.join(LEDGER_COLUMNS)}) VALUES ({marks})", list(values.values()))


def count_moves(con: duckdb.DuckDBPyConnection, moves: str) -> set[str]:
    """Correct the lines of uploads whose rows were given a fate or lost it; return the keys of these uploads.

    Args:
        con: the transaction.
        moves: a SELECT of (upload, fate, number): fate is merged, duplicate or superseded; a number is negative for
            rows that left.
    """
    changed = con.execute(f"""
        UPDATE uploads SET merged = uploads.merged + moved.merged,
            duplicate = uploads.duplicate + moved.duplicate, superseded = uploads.superseded + moved.superseded
        FROM (
            SELECT upload, coalesce(sum(number) FILTER (fate = 'merged'), 0) AS merged,
                coalesce(sum(number) FILTER (fate = 'duplicate'), 0) AS duplicate,
                coalesce(sum(number) FILTER (fate = 'superseded'), 0) AS superseded
            FROM ({moves}) GROUP BY upload
        ) AS moved WHERE uploads.upload = moved.upload
        RETURNING uploads.upload
    """).fetchall()
    return {key for (key,) in changed}


def require_balance(lines: Iterable[UploadLine]) -> None:
    """Make sure that every row of these uploads is accounted for.

    Raises:
        LedgerError: the counts of an upload do not add up.
    """
    for line in lines:
        if not line.balanced:
            raise LedgerError(
                f"Upload {line.key} does not add up and nothing was changed: {line.rows_in} rows came in, but "
                f"{line.merged} merged + {line.duplicate} duplicate + {line.superseded} superseded + "
                f"{line.quarantined} quarantined. Please report this with the file; the lake is as it was."
            )


def refuse(con: duckdb.DuckDBPyConnection, upload: Upload, reason: str, refused_at: datetime) -> UploadLine:
    """Record that an upload was refused, unless it is merged already; return its line.

    A later attempt that succeeds replaces the line.
    """
    known = views.ledger_line(con, upload.key)
    if known is not None and known.state == "merged":
        return known
    line = line_of(upload, "refused", refused_at, reason=reason)
    write_lines(con, [line])
    return line
