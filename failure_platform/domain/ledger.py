"""The ledger: what became of the rows of each upload, and the equation that every line satisfies."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from failure_platform.domain.arrivals import Upload

LedgerState = Literal["merged", "refused", "withdrawn"]

_COLUMN_OF = {"key": "upload", "size": "bytes"}


@dataclass(frozen=True)
class UploadLine(Upload):
    """One line of the ledger: an upload, and what became of its rows.

    Args:
        merged_at: when it was merged, refused or withdrawn, UTC without a zone.
        state: merged, refused or withdrawn.
        rows_in: rows of the file, including those that could not be read as rows.
        merged: of these, rows that are in the lake now.
        duplicate: rows that repeat another row of the same key and the same values.
        superseded: rows that a later row of the same key replaced, in this upload or a later one.
        quarantined: rows that broke the contract.
        first_data: earliest DATA of the good rows, None without any; `last_data` the latest.
        reason: why it was refused, or withdrawn and by whom; None where it is merged.
        understood: what was found out about the file when it was read.
    """

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

    def columns(self) -> dict[str, Any]:
        """Return the line by the names of the ledger's columns (`LEDGER_COLUMNS`), in their order."""
        return {column: getattr(self, name) for name, column in _FIELDS}

    @classmethod
    def from_columns(cls, columns: dict[str, Any]) -> "UploadLine":
        """Return the line that `columns` describes."""
        return cls(**{name: columns[column] for name, column in _FIELDS})


_FIELDS = tuple((line.name, _COLUMN_OF.get(line.name, line.name)) for line in fields(UploadLine))
LEDGER_COLUMNS = tuple(column for _, column in _FIELDS)
"""Names of the ledger's columns: the fields of `UploadLine`, where `key` is `upload` and `size` is `bytes`."""


def line_of(upload: Upload, state: LedgerState, merged_at: datetime, **outcome: Any) -> UploadLine:
    """Return the ledger line of an upload with this outcome (the further fields of `UploadLine`)."""
    identity = {part.name: getattr(upload, part.name) for part in fields(Upload)}
    return UploadLine(**identity, state=state, merged_at=merged_at, **outcome)
