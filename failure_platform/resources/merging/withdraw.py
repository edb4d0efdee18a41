"""Takes one upload's rows out of the lake again, in the caller's transaction, as if it had never come.

Belongs here: that. Does not belong here: the rule that says what stands in their place (`settling`), and the receipt
(`inbox`), which keeps the upload withdrawn when the lake is rebuilt.
"""

import dataclasses
from datetime import datetime

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources.lake.tables import duplicate_table, superseded_table
from failure_platform.resources.lake.views import ledger_line, ledger_lines
from failure_platform.resources.merging.conflicts import resolve_conflicts
from failure_platform.resources.merging.ledger import require_balance, write_lines
from failure_platform.resources.storage import sql_text


class NotWithdrawableError(Exception):
    """There is nothing to withdraw; the message says why and what to do."""


def withdraw(
    con: duckdb.DuckDBPyConnection, contract: Contract, upload: str, reason: str, withdrawn_at: datetime
) -> UploadLine:
    """Take an upload out of the lake; return its line, whose counts are 0 now.

    What it had superseded or said again is back as the other uploads have it; quarantined rows that it corrected are
    open again. Withdrawing again changes nothing.

    Raises:
        NotWithdrawableError: the lake does not know the upload, or refused it.
    """
    line = ledger_line(con, upload)
    if line is None or line.kind != contract.kind or line.state == "refused":
        raise NotWithdrawableError(
            f"Upload '{upload}' of {contract.kind} has no rows in the lake: it "
            f"{'was refused' if line is not None and line.state == 'refused' else 'is not in the ledger'}. "
            "`failure-platform uploads` lists the uploads that are in."
        )
    if line.state == "withdrawn":
        return line
    superseded = sql_text.name(superseded_table(contract))
    key = sql_text.names(contract.key)
    mine = sql_text.text(upload)
    # What it said again stands for nothing, and what its own later lines replaced never was a claim.
    con.execute(f"DELETE FROM {sql_text.name(duplicate_table(contract))} WHERE upload = ?", [upload])
    con.execute(f"DELETE FROM {superseded} WHERE upload = ? AND superseded_by = upload", [upload])
    changed = resolve_conflicts(
        con,
        contract,
        f"SELECT {key} FROM {sql_text.name(contract.kind)} WHERE upload = {mine} "
        f"UNION ALL SELECT {key} FROM {superseded} WHERE upload = {mine}",
        withdrawn_at,
        without=upload,
    )
    con.execute("DELETE FROM quarantine WHERE upload = ?", [upload])
    con.execute("UPDATE quarantine SET corrected_by = NULL, corrected_at = NULL WHERE corrected_by = ?", [upload])
    gone = dataclasses.replace(
        line,
        merged_at=withdrawn_at,
        state="withdrawn",
        reason=reason,
        first_data=None,
        last_data=None,
        rows_in=0,
        merged=0,
        duplicate=0,
        superseded=0,
        quarantined=0,
    )
    write_lines(con, [gone])
    require_balance(ledger_lines(con, contract.kind, {upload} | changed))
    return gone
