"""Builds the lake anew from the archived originals: the recovery from disaster, and proof that it holds nothing else.

Belongs here: taking every upload again in the order of arrival, comparing with the lake there is, and carrying over the
tables that no upload fills. Does not belong here: putting the new file in the lake's place (`repairs`).
"""

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
    """One kind before and after: rows in the lake, and the hash of all that its tables say; None where unreadable."""

    kind: str
    uploads: int
    rows_before: int | None
    rows_after: int
    state_before: str | None
    state_after: str

    @property
    def identical(self) -> bool:
        """Whether both lakes say the same."""
        return self.state_before == self.state_after


def rebuild(
    inbox: Inbox,
    staging: Staging,
    lake: Lake,
    person_key: bytes,
    now: Callable[[], datetime],
    say: Callable[[str], None],
) -> list[Receipt]:
    """Take every archived upload into an empty lake, in order of arrival; return their receipts.

    Withdrawn uploads stay out and keep a line that says so. An upload whose original was never archived (it was
    received and nothing more) is left to the sensors.
    """
    taken: list[Receipt] = []
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
        taken += archived
    return taken


def compare(old: Lake | None, new: Lake) -> list[Compared]:
    """Compare what two lakes say of every kind; `old` is None where it cannot be read."""
    before = _states(old) if old is not None else {}
    return [
        Compared(kind, uploads, before[kind][1] if old else None, rows, before[kind][2] if old else None, state)
        for kind, (uploads, rows, state) in _states(new).items()
    ]


def carry_over(source: Path, lake: Lake) -> list[str]:
    """Copy the tables that no upload fills (versions, comparisons, decisions, predictions) from a lake's file.

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
