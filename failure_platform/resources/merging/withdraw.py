"""Withdraws an upload: its rows leave the lake, in the caller's transaction, as if it had never been merged."""

import dataclasses
from datetime import datetime

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.domain.ledger import UploadLine
from failure_platform.resources.lake.tables import FALHAS_DAYS, duplicate_table, superseded_table
from failure_platform.resources.lake.views import ledger_line, ledger_lines
from failure_platform.resources.merging.conflicts import resolve_conflicts
from failure_platform.resources.merging.ledger import require_balance, write_lines
from failure_platform.resources.storage import sql_text


class NotWithdrawableError(Exception):
    """There is nothing to withdraw; the message states why and what to do."""


def withdraw(
    con: duckdb.DuckDBPyConnection, contract: Contract, upload: str, reason: str, withdrawn_at: datetime
) -> UploadLine:
    """Remove the rows of an upload from the lake; return its line, whose counts are 0 now.

    Rows of other uploads that it had superseded or repeated are as if it had never been merged; quarantined rows that
    it corrected are open again. Withdrawing twice changes nothing.

    Raises:
        NotWithdrawableError: the upload is not in the ledger, or was refused.
        LedgerError: the counts of a line that changed do not add up; the transaction must be rolled back.
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
    this = sql_text.text(upload)
    # Its duplicates represent no run, and rows that its own later lines replaced were never a claim.
    con.execute(f"DELETE FROM {sql_text.name(duplicate_table(contract))} WHERE upload = ?", [upload])
    con.execute(f"DELETE FROM {superseded} WHERE upload = ? AND superseded_by = upload", [upload])
    changed = resolve_conflicts(
        con,
        contract,
        f"SELECT {key} FROM {sql_text.name(contract.kind)} WHERE upload = {this} "
        f"UNION ALL SELECT {key} FROM {superseded} WHERE upload = {this}",
        withdrawn_at,
        without=upload,
    )
    con.execute(f"DELETE FROM {FALHAS_DAYS} WHERE upload = ?", [upload])
    con.execute("DELETE FROM quarantine WHERE upload = ?", [upload])
    con.execute("UPDATE quarantine SET corrected_by = NULL, corrected_at = NULL WHERE corrected_by = ?", [upload])
    withdrawn = dataclasses.replace(
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
    write_lines(con, [withdrawn])
    require_balance(ledger_lines(con, contract.kind, {upload} | changed))
    return withdrawn
