"""Keeps the text rows of uploads between the raw asset and the lake; what is missing is read again from the archive."""

import shutil
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import CONTRACTS, Contract
from failure_platform.domain.not_taken import NotReadableError
from failure_platform.domain.rows.dates import DateRule
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.upload import ParsedUpload, read_upload
from failure_platform.resources.storage.disk_space import room_for
from failure_platform.resources.uploads.inbox import Inbox, UploadVanishedError
from failure_platform.resources.uploads.reader_process import ReaderProcess

_STOP_SECONDS = 0.05


@dataclass(frozen=True)
class Refused:
    """An upload that cannot be read, and the reason: what is wrong, where, why, and what to do."""

    reason: str


class Staging:
    """The staged rows of one home.

    `threads` and `memory_limit` are DuckDB's settings while a file is read; `date_rules` gives, by kind, how dates are
    read where the file does not show it. Files are opened only by `reader`, in a process of its own.
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
        """Read the archived original; what an earlier attempt left here is replaced.

        A file that vanished, or became unreadable, before it was archived is refused as one with bad content is: the
        other uploads of its run go on.
        """
        self.drop(receipt)
        folder = self._of(receipt)
        folder.mkdir(parents=True)
        try:
            original = self._inbox.original(receipt)
        except UploadVanishedError as gone:
            return self._refused(receipt, str(gone))
        except NotReadableError as closed:
            seen = "It could be read when it was seen; nothing of it was merged. Then save it or drop it again."
            return self._refused(receipt, f"{closed} {seen}")
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
            return self._refused(receipt, str(stopped))
        return self._refused(receipt, read.reason) if isinstance(read, Refused) else read

    def _refused(self, receipt: Receipt, reason: str) -> Refused:
        self.drop(receipt)
        return Refused(reason)

    def read_all(
        self, receipts: Sequence[Receipt], contract: Contract, person_key: bytes
    ) -> Generator[tuple[Receipt, ParsedUpload | Refused], None, None]:
        """Read uploads in order; the next is read while the caller works on one. Close the generator to leave early.

        Of a thousand small files, reading one takes as long as Dagster takes to record it.
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
        """Return the rows that `read` left; where they are missing or incomplete, read the original again."""
        if (self._of(receipt) / "received.json").exists():
            return ParsedUpload.load(self._of(receipt))
        return self.read(receipt, contract, person_key)

    def drop(self, receipt: Receipt) -> None:
        """Remove the text rows of an upload: they are in the lake, or can be read again from the archive."""
        shutil.rmtree(self._of(receipt), ignore_errors=True)

    def _of(self, receipt: Receipt) -> Path:
        return self._folder / receipt.kind / receipt.key


def _read(original: Path, kind: str, folder: Path, options: Mapping[str, Any]) -> ParsedUpload | Refused:
    """Read a file in the reader's process. A refusal is a result; an error means a fault that is not the upload's."""
    try:
        return read_upload(original, CONTRACTS[kind], folder, **options)
    except UploadRefusedError as refusal:
        return Refused(str(refusal))
