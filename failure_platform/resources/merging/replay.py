"""Rebuilds the lake from the archived originals, and compares the result with the present lake."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.ledger import line_of
from failure_platform.resources.lake import views
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.lake.tables import upload_tables
from failure_platform.resources.merging.ingest import ingest_uploads
from failure_platform.resources.merging.ledger import write_lines
from failure_platform.resources.storage import sql_text
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.resources.uploads.staging import Staging

_WITHDRAWN = "withdrawn before the lake was rebuilt"


@dataclass(frozen=True)
class Compared:
    """One kind before and after: rows in the lake, and the hash of its tables; None where the lake is unreadable."""

    kind: str
    uploads: int
    rows_before: int | None
    rows_after: int
    state_before: str | None
    state_after: str

    @property
    def identical(self) -> bool:
        """Whether both lakes hold the same."""
        return self.state_before == self.state_after


def rebuild(
    inbox: Inbox,
    staging: Staging,
    lake: Lake,
    person_key: bytes,
    now: Callable[[], datetime],
    say: Callable[[str], None],
) -> list[Receipt]:
    """Ingest every archived upload into an empty lake, in order of arrival; return their receipts.

    Withdrawn uploads stay out; their lines record it. An upload whose original was never archived (it was only
    received) is left to the sensors.
    """
    ingested: list[Receipt] = []
    for kind, contract in CONTRACTS.items():
        receipts = sorted(inbox.receipts(kind), key=lambda r: (r.received_at, r.key))
        archived = [r for r in receipts if r.state != "withdrawn" and inbox.archived(r)]
        ingest_uploads(
            lake,
            staging,
            contract,
            archived,
            person_key,
            now,
            lambda receipt, line: say(f"{line.kind}: {receipt.name} {line.state}, {line.merged:,} rows"),
        )
        with lake.write() as connection:
            write_lines(
                connection,
                [line_of(r, "withdrawn", now(), reason=_WITHDRAWN) for r in receipts if r.state == "withdrawn"],
            )
        ingested += archived
    return ingested


def compare(old: Lake | None, new: Lake) -> list[Compared]:
    """Compare two lakes kind by kind; `old` is None where it cannot be read."""
    before = _states(old) if old is not None else {}
    return [
        Compared(kind, uploads, before[kind][1] if old else None, rows, before[kind][2] if old else None, state)
        for kind, (uploads, rows, state) in _states(new).items()
    ]


def carry_over(source: Path, lake: Lake) -> list[str]:
    """Copy the tables that no upload fills (versions, comparisons, decisions, predictions) from the file of a lake.

    Returns:
        the names of the tables.
    """
    with lake.write() as connection:
        connection.execute(f"ATTACH {sql_text.text(str(source))} AS source (READ_ONLY)")
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'source' ORDER BY 1"
        ).fetchall()
        carried = [name for (name,) in names if name not in upload_tables()]
        for name in carried:
            quoted = sql_text.name(name)
            connection.execute(f"CREATE OR REPLACE TABLE {quoted} AS SELECT * FROM source.{quoted}")
    return carried


def _states(lake: Lake) -> dict[str, tuple[int, int, str]]:
    with lake.read() as connection:
        counts = views.row_counts(connection)
        return {
            kind: (
                sum(line.state == "merged" for line in views.ledger(connection, kind)),
                counts[kind],
                views.state_hash(connection, contract),
            )
            for kind, contract in CONTRACTS.items()
        }
