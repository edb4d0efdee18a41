"""Takes received uploads into a lake: reads what is not read yet, merges small uploads together, notes refusals.

Belongs here: that sequence, which a run and a replay share. Does not belong here: how a file is read (`staging`) and
merged (`merging`), and what the receipts say of it (`inbox`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from failure_platform.domain.arrivals import Receipt, groups
from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadFacts, UploadLine
from failure_platform.resources import lake_views
from failure_platform.resources.lake import Lake
from failure_platform.resources.ledger_lines import refuse
from failure_platform.resources.merging import merge_uploads
from failure_platform.resources.staging import Refused, Staging

# So much is merged in one transaction; a larger upload has one of its own.
MOST_BYTES_PER_TRANSACTION = 64 << 20


def take(
    lake: Lake,
    staging: Staging,
    contract: Contract,
    receipts: Sequence[Receipt],
    person_key: bytes,
    now: Callable[[], datetime],
    say: Callable[[str], None] = lambda _line: None,
) -> list[UploadLine]:
    """Take uploads of a kind into the lake and return their ledger lines, in the order of the receipts.

    Args:
        lake: where they go.
        staging: reads what was not read yet, and forgets an upload's text rows once they are in.
        contract: the kind.
        receipts: the uploads.
        person_key: key of the hash that replaces personal data.
        now: the time to note, UTC without a zone.
        say: told before each transaction.
    """
    done = 0
    for group in groups(receipts, MOST_BYTES_PER_TRANSACTION):
        staged = [(receipt, staging.rows(receipt, contract, person_key)) for receipt in group]
        readable = [(facts_of(r), s) for r, s in staged if not isinstance(s, Refused)]
        refused = [(facts_of(r), s.reason) for r, s in staged if isinstance(s, Refused)]
        done += len(group)
        say(f"{contract.kind}: {done} of {len(receipts)} uploads, {group[-1].name}")
        if readable:
            merge_uploads(lake, contract, readable, now())
        if refused:
            with lake.write() as connection:
                for facts, reason in refused:
                    refuse(connection, facts, reason, now())
    with lake.read() as connection:
        lines = {line.upload: line for line in lake_views.ledger(connection, contract.kind)}
    for receipt in receipts:
        staging.drop(receipt)
    return [lines[receipt.key] for receipt in receipts]


def facts_of(receipt: Receipt) -> UploadFacts:
    """Return what the ledger keeps of a receipt."""
    return UploadFacts(receipt.key, receipt.kind, receipt.name, receipt.sha256, receipt.size, receipt.received_at)
