"""Ingests received uploads into a lake, for a run and for a replay: read, validate, merge, or record the refusal."""

from collections.abc import Callable, Sequence
from datetime import datetime

from failure_platform.domain.arrivals import Receipt, groups
from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.merging.ledger import refuse
from failure_platform.resources.merging.merge import merge, validate_uploads
from failure_platform.resources.uploads.staging import Refused, Staging

# Uploads of so many bytes share a transaction; a larger upload has one of its own.
MOST_BYTES_PER_TRANSACTION = 64 << 20


def ingest_uploads(
    lake: Lake,
    staging: Staging,
    contract: Contract,
    receipts: Sequence[Receipt],
    person_key: bytes,
    now: Callable[[], datetime],
    report: Callable[[Receipt, UploadLine], None],
) -> list[UploadLine]:
    """Ingest uploads of a kind and return their ledger lines, in the order of the receipts.

    Args:
        lake: the lake to write.
        staging: reads what was not read yet; the text rows of an upload are removed once they are merged.
        contract: the kind.
        receipts: the uploads.
        person_key: key of the hash that replaces personal data.
        now: gives the time to record, UTC without a zone.
        report: called with each upload once its transaction is committed.
    """
    ingested: list[UploadLine] = []
    for group in groups(receipts, MOST_BYTES_PER_TRANSACTION):
        staged = [(receipt, staging.rows(receipt, contract, person_key)) for receipt in group]
        validated = validate_uploads(lake, contract, [(r, s) for r, s in staged if not isinstance(s, Refused)])
        with lake.write() as connection:
            lines = {line.key: line for line in merge(connection, contract, validated, now())}
            for receipt, read in staged:
                if isinstance(read, Refused):
                    lines[receipt.key] = refuse(connection, receipt, read.reason, now())
        for receipt in group:
            report(receipt, lines[receipt.key])
            staging.drop(receipt)
        ingested += [lines[receipt.key] for receipt in group]
    return ingested
