"""The ledger's values: what an upload is, and what became of its rows.

Belongs here: one upload's facts and its ledger line, and the promise that its counts add up. Does not belong here:
how rows are counted or stored (`resources.merging`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

LedgerState = Literal["merged", "refused", "withdrawn"]


@dataclass(frozen=True)
class UploadFacts:
    """What is known of an upload before it is opened. Times are UTC without a zone; `bytes` is the original's size."""

    key: str
    kind: str
    name: str
    sha256: str
    bytes: int
    received_at: datetime


@dataclass(frozen=True)
class UploadLine:
    """One line of the ledger.

    Args:
        upload: key of the upload; kind, name, sha256, bytes and received_at are its facts.
        merged_at: when it was merged, refused or withdrawn, UTC.
        state: merged, refused or withdrawn.
        rows_in: rows of the file, those that could not be read as rows included.
        merged: of these, rows that are in the lake now.
        duplicate: rows that say what another row of the same key says too.
        superseded: rows that a later row of the same key replaced, in this upload or a later one.
        quarantined: rows that broke the contract.
        first_data: earliest DATA of the good rows, None without any; `last_data` the latest.
        reason: why it was refused, or withdrawn and by whom; None where it is merged.
        understood: what reading found out about the file.
    """

    upload: str
    kind: str
    name: str
    sha256: str
    bytes: int
    received_at: datetime
    merged_at: datetime
    state: LedgerState
    rows_in: int = 0
    merged: int = 0
    duplicate: int = 0
    superseded: int = 0
    quarantined: int = 0
    first_data: datetime | None = None
    last_data: datetime | None = None
    reason: str | None = None
    understood: dict[str, Any] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether every row that came in is accounted for."""
        return self.rows_in == self.merged + self.duplicate + self.superseded + self.quarantined


def line_of(upload: UploadFacts, state: LedgerState, merged_at: datetime, **outcome: Any) -> UploadLine:
    """Return the ledger line of an upload with this outcome (the further fields of `UploadLine`)."""
    return UploadLine(
        upload=upload.key,
        kind=upload.kind,
        name=upload.name,
        sha256=upload.sha256,
        bytes=upload.bytes,
        received_at=upload.received_at,
        merged_at=merged_at,
        state=state,
        **outcome,
    )
