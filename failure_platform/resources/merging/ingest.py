"""Takes received uploads into a lake: reads what is not read yet, merges small uploads together, notes refusals.

Belongs here: that sequence, which a run and a replay share. Does not belong here: how a file is read (`staging`) and
merged (`merging`), and what the receipts say of it (`inbox`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from failure_platform.domain.arrivals import Receipt, groups
from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.merging.ledger import refuse
from failure_platform.resources.merging.merge import merge, validate_uploads
from failure_platform.resources.uploads.staging import Refused, Staging

# So much is merged in one transaction; a larger upload has one of its own.
MOST_BYTES_PER_TRANSACTION = 64 << 20


def ingest_uploads(
    lake: Lake,
    staging: Staging,
    contract: Contract,
    receipts: Sequence[Receipt],
    person_key: bytes,
    now: Callable[[], datetime],
    tell: Callable[[Receipt, UploadLine], None],
) -> list[UploadLine]:
    """Take uploads of a kind into the lake and return their ledger lines, in the order of the receipts.

    Args:
        lake: where they go.
        staging: reads what was not read yet, and forgets an upload's text rows once they are in.
        contract: the kind.
        receipts: the uploads.
        person_key: key of the hash that replaces personal data.
        now: the time to note, UTC without a zone.
        tell: told of every upload once its transaction is committed.
    """
    taken: list[UploadLine] = []
    for group in groups(receipts, MOST_BYTES_PER_TRANSACTION):
        staged = [(receipt, staging.rows(receipt, contract, person_key)) for receipt in group]
        validated = validate_uploads(lake, contract, [(r, s) for r, s in staged if not isinstance(s, Refused)])
        with lake.write() as connection:
            lines = {line.key: line for line in merge(connection, contract, validated, now())}
            for receipt, read in staged:
                if isinstance(read, Refused):
                    lines[receipt.key] = refuse(connection, receipt, read.reason, now())
        for receipt in group:
            tell(receipt, lines[receipt.key])
            staging.drop(receipt)
        taken += [lines[receipt.key] for receipt in group]
    return taken
