"""The door to uploads on their way: text rows between the raw asset and the lake.

What belongs here: reading an original once, keeping its rows or its refusal until they are merged. What does not: how
a file is read (resources.reading). Everything here can be made again from the archive, and is when it is missing.
"""

import shutil
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import CONTRACTS, Contract
from failure_platform.domain.rows.dates import DateRule
from failure_platform.domain.rows.layouts import UploadRefusedError
from failure_platform.resources.reading.upload import ParsedUpload, read_upload
from failure_platform.resources.storage.disk_space import room_for
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.resources.uploads.reader_process import ReaderProcess

_STOP_SECONDS = 0.05


@dataclass(frozen=True)
class Refused:
    """An upload that cannot be read, and the whole sentence that says what, where, why and what to do."""

    reason: str


class Staging:
    """Uploads on their way in one home.

    `threads` and `memory_limit` bound what DuckDB takes to read one; `date_rules` say by kind what its dates are, where
    they do not show it. Files are opened by `reader` alone, in a process of its own.
    """

    def __init__(
        self,
        folder: Path,
        inbox: Inbox,
        reader: ReaderProcess,
        threads: int,
        memory_limit: str,
        date_rules: Mapping[str, DateRule],
    ) -> None:
        self._folder = folder
        self._inbox = inbox
        self._reader = reader
        self._threads = threads
        self._memory_limit = memory_limit
        self._date_rules = date_rules

    def read(self, receipt: Receipt, contract: Contract, person_key: bytes) -> ParsedUpload | Refused:
        """Read the archived original anew, whatever an earlier try left here."""
        self.drop(receipt)
        folder = self._of(receipt)
        folder.mkdir(parents=True)
        original = self._inbox.original(receipt)
        options = {
            "person_key": person_key,
            "date_rule": self._date_rules[receipt.kind],
            "threads": self._threads,
            "memory_limit": self._memory_limit,
        }
        kept = "Nothing of it was merged, and the original stays in the archive: make room and run again."
        try:
            with room_for(f"the rows of '{receipt.name}'", folder, receipt.size, kept):
                read = self._reader.call(_read, original, contract.kind, folder, options)
        except UploadRefusedError as stopped:
            read = Refused(str(stopped))
        if isinstance(read, Refused):
            self.drop(receipt)
        return read

    def read_all(
        self, receipts: Sequence[Receipt], contract: Contract, person_key: bytes
    ) -> Generator[tuple[Receipt, ParsedUpload | Refused], None, None]:
        """Read some, in order; the next is read while the caller works on the one before. Close it when leaving early.

        Of a thousand small files, reading one takes as long as Dagster takes to note it.
        """
        ahead = ThreadPoolExecutor(1)
        started: list[Future[ParsedUpload | Refused]] = []
        try:
            started += [ahead.submit(self.read, receipt, contract, person_key) for receipt in receipts]
            for receipt, read in zip(receipts, started, strict=True):
                yield receipt, read.result()
        except BaseException:
            # Whoever stops the reading must not wait for a file whose rows nobody needs any more.
            ahead.shutdown(wait=False, cancel_futures=True)
            while running := [future for future in started if not future.done()]:
                self._reader.close()
                wait(running, _STOP_SECONDS)
            raise
        finally:
            ahead.shutdown()

    def rows(self, receipt: Receipt, contract: Contract, person_key: bytes) -> ParsedUpload | Refused:
        """Return what `read` left, or read now when nothing whole is here."""
        if (self._of(receipt) / "received.json").exists():
            return ParsedUpload.load(self._of(receipt))
        return self.read(receipt, contract, person_key)

    def drop(self, receipt: Receipt) -> None:
        """Forget an upload's text rows; they are in the lake, or the archive has them."""
        shutil.rmtree(self._of(receipt), ignore_errors=True)

    def _of(self, receipt: Receipt) -> Path:
        return self._folder / receipt.kind / receipt.key


def _read(original: Path, kind: str, folder: Path, options: Mapping[str, Any]) -> ParsedUpload | Refused:
    """Read in the reader's process. A refusal is an answer: errors tell of what no upload can help."""
    try:
        return read_upload(original, CONTRACTS[kind], folder, **options)
    except UploadRefusedError as refusal:
        return Refused(str(refusal))
