"""The ledger's line: the identity of its upload under the names of the ledger's columns, and whether it adds up."""

from datetime import datetime

import pytest

from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.ledger import LEDGER_COLUMNS, UploadLine, line_of

RECEIVED = datetime(2026, 11, 21, 12)
RECEIPT = Receipt("key", "status", "s.csv", "0" * 64, 7, RECEIVED, "received", 3)


def test_a_line_has_the_identity_of_its_upload_under_the_columns_names() -> None:
    """Of a receipt the identity alone: state and attempt are its own."""
    line = line_of(RECEIPT, "merged", datetime(2026, 11, 21, 13), rows_in=2, merged=2)
    columns = line.columns()
    assert tuple(columns) == LEDGER_COLUMNS
    assert LEDGER_COLUMNS[:8] == ("upload", "kind", "name", "sha256", "bytes", "received_at", "merged_at", "state")
    assert (columns["upload"], columns["bytes"], columns["state"]) == ("key", 7, "merged")
    assert UploadLine.from_columns(columns) == line


@pytest.mark.parametrize("counts", [(4, 1, 1, 1, 1), (0, 0, 0, 0, 0), (5, 1, 1, 1, 1), (3, 1, 1, 1, 1)])
def test_a_line_is_balanced_where_every_row_is_accounted_for(counts: tuple[int, ...]) -> None:
    names = ("rows_in", "merged", "duplicate", "superseded", "quarantined")
    line = line_of(RECEIPT, "merged", RECEIVED, **dict(zip(names, counts, strict=True)))
    assert line.balanced is (counts[0] == sum(counts[1:]))
