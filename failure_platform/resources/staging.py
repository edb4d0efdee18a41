"""The door to uploads on their way: text rows between the raw asset and the lake.

What belongs here: reading an original once, keeping its rows or its refusal until they are merged. What does not: how
a file is read (resources.reading). Everything here can be made again from the archive, and is when it is missing.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import Contract
from failure_platform.domain.layouts import UploadRefusedError
from failure_platform.resources.inbox import Inbox
from failure_platform.resources.reading import Received, read_upload


@dataclass(frozen=True)
class Refused:
    """An upload that cannot be read, and the whole sentence that says what, where, why and what to do."""

    reason: str


class Staging:
    """Uploads on their way in one home; `threads` and `memory_limit` bound what DuckDB takes to read one."""

    def __init__(self, folder: Path, inbox: Inbox, threads: int, memory_limit: str) -> None:
        self._folder = folder
        self._inbox = inbox
        self._threads = threads
        self._memory_limit = memory_limit

    def read(self, receipt: Receipt, contract: Contract, person_key: bytes) -> Received | Refused:
        """Read the archived original anew, whatever an earlier try left here."""
        self.drop(receipt)
        folder = self._of(receipt)
        folder.mkdir(parents=True)
        try:
            return read_upload(
                self._inbox.original(receipt),
                contract,
                folder,
                person_key=person_key,
                threads=self._threads,
                memory_limit=self._memory_limit,
            )
        except UploadRefusedError as refusal:
            self.drop(receipt)
            return Refused(str(refusal))

    def rows(self, receipt: Receipt, contract: Contract, person_key: bytes) -> Received | Refused:
        """Return what `read` left, or read now when nothing whole is here."""
        if (self._of(receipt) / "received.json").exists():
            return Received.load(self._of(receipt))
        return self.read(receipt, contract, person_key)

    def drop(self, receipt: Receipt) -> None:
        """Forget an upload's text rows; they are in the lake, or the archive has them."""
        shutil.rmtree(self._of(receipt), ignore_errors=True)

    def _of(self, receipt: Receipt) -> Path:
        return self._folder / receipt.kind / receipt.key
