"""Writes the ledger: one line per upload, corrected where a later upload or a withdrawal moves its rows.

Belongs here: those writes. Does not belong here: reading lines (`lake_views`) and counting rows (`merging`).
"""

import dataclasses
import json
from collections.abc import Iterable
from datetime import datetime

import duckdb

from failure_platform.domain.ledger import UploadFacts, UploadLine, line_of
from failure_platform.resources.lake import views


class LedgerError(Exception):
    """The counts of an upload do not add up; its transaction must be rolled back."""


def write_line(con: duckdb.DuckDBPyConnection, line: UploadLine) -> None:
    """Write an upload's line in the place of the one it has."""
    fields = views.LEDGER_FIELDS
    values = dataclasses.asdict(line) | {"understood": json.dumps(line.understood, ensure_ascii=False)}
    con.execute("DELETE FROM uploads WHERE upload = ?", [line.upload])
    con.execute(
        f"INSERT INTO uploads ({', '.join(fields)}) VALUES ({', '.join('?' for _ in fields)})",
        [values[name] for name in fields],
    )


def count_moves(con: duckdb.DuckDBPyConnection, moves: str) -> None:
    """Correct lines by rows that came to a fate or left it.

    Args:
        con: the transaction.
        moves: a SELECT of (upload, fate, number): fate is merged, duplicate or superseded; a number is negative for
            rows that left.
    """
    con.execute(f"""
        UPDATE uploads SET merged = uploads.merged + moved.merged,
            duplicate = uploads.duplicate + moved.duplicate, superseded = uploads.superseded + moved.superseded
        FROM (
            SELECT upload, coalesce(sum(number) FILTER (fate = 'merged'), 0) AS merged,
                coalesce(sum(number) FILTER (fate = 'duplicate'), 0) AS duplicate,
                coalesce(sum(number) FILTER (fate = 'superseded'), 0) AS superseded
            FROM ({moves}) GROUP BY upload
        ) AS moved WHERE uploads.upload = moved.upload
    """)


def require_balance(lines: Iterable[UploadLine]) -> None:
    """Make sure that every row that came in is accounted for.

    Raises:
        LedgerError: the counts of an upload do not add up.
    """
    for line in lines:
        if not line.balanced:
            raise LedgerError(
                f"Upload {line.upload} does not add up and nothing was changed: {line.rows_in} rows came in, but "
                f"{line.merged} merged + {line.duplicate} duplicate + {line.superseded} superseded + "
                f"{line.quarantined} quarantined. Please report this with the file; the lake is as it was."
            )


def refuse(con: duckdb.DuckDBPyConnection, upload: UploadFacts, reason: str, refused_at: datetime) -> UploadLine:
    """Note that an upload was refused, unless it is merged already; return its line.

    A later attempt that succeeds replaces the line.
    """
    known = views.ledger_line(con, upload.key)
    if known is not None and known.state == "merged":
        return known
    line = line_of(upload, "refused", refused_at, reason=reason)
    write_line(con, line)
    return line
