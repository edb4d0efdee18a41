"""The door to the upload folders, the receipts and the archive of originals.

What belongs here: looking at a folder, hashing a file, writing its receipt, copying the original into the archive.
What does not: what follows from it (domain.arrivals) and what is inside a file (resources.reading).

A receipt is a small JSON file named by content hash. It exists before the upload's partition does, so that a crash in
between repeats the work with the same key instead of losing or doubling the upload.
"""

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from failure_platform.domain.arrivals import Receipt, Sighting, State, is_upload, upload_key

_CHUNK = 1 << 20


class UploadVanishedError(Exception):
    """The original is neither in the upload folder nor in the archive with the content that was received."""


class Inbox:
    """Upload folders, receipts and archive of one home."""

    def __init__(self, uploads: Path, archive: Path) -> None:
        self.uploads = uploads
        self._archive = archive

    def folder(self, kind: str) -> Path:
        """Return the folder that people drop files of this kind into, made if need be."""
        folder = self.uploads / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def look(self, kind: str) -> list[Sighting]:
        """Return the regular files that lie in the folder now; links, folders and unfinished files are passed over."""
        seen = []
        with os.scandir(self.folder(kind)) as entries:
            for entry in entries:
                if not is_upload(entry.name) or not entry.is_file(follow_symlinks=False):
                    continue
                facts = entry.stat(follow_symlinks=False)
                seen.append(Sighting(entry.name, facts.st_size, facts.st_mtime_ns, facts.st_ino))
        return sorted(seen, key=lambda s: s.name)

    def receive(self, kind: str, sighting: Sighting) -> Receipt | None:
        """Hash a file and return its receipt, the old one when the content was received before.

        Returns None when the file changed or vanished while it was read: it is still being written, and the next look
        meets it again.
        """
        path = self.folder(kind) / sighting.name
        try:
            digest = _sha256(path)
            facts = path.lstat()
        except FileNotFoundError:
            return None
        if (facts.st_size, facts.st_mtime_ns, facts.st_ino) != (sighting.size, sighting.mtime_ns, sighting.inode):
            return None
        known = self.receipt_of_content(kind, digest)
        if known is not None:
            return known
        now = datetime.now(UTC).replace(tzinfo=None)
        receipt = Receipt(upload_key(sighting.name, digest, now), kind, sighting.name, digest, sighting.size, now)
        self._write(receipt)
        return receipt

    def receipt_of_content(self, kind: str, sha256: str) -> Receipt | None:
        """Return the receipt of this content, or None when it was never received."""
        path = self._receipts(kind) / f"{sha256}.json"
        if not path.exists():
            return None
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Receipt(**{**facts, "received_at": datetime.fromisoformat(facts["received_at"])})

    def receipts(self, kind: str) -> list[Receipt]:
        """Return every receipt of a kind, newest first."""
        found = [self.receipt_of_content(kind, path.stem) for path in self._receipts(kind).glob("[!.]*.json")]
        return sorted((r for r in found if r is not None), key=lambda r: r.received_at, reverse=True)

    def receipt(self, kind: str, key: str) -> Receipt:
        """Return the receipt of an upload by its partition key.

        Raises:
            UploadVanishedError: there is none.
        """
        for path in self._receipts(kind).glob(f"{key.rsplit('_', 1)[-1]}*.json"):
            receipt = self.receipt_of_content(kind, path.stem)
            if receipt is not None and receipt.key == key:
                return receipt
        raise UploadVanishedError(
            f"No receipt for upload '{key}' of {kind}. Drop its file into {self.folder(kind)} again; "
            "the sensor registers it anew."
        )

    def note(self, receipts: Iterable[Receipt]) -> None:
        """Keep changed receipts (a further attempt)."""
        for receipt in receipts:
            self._write(receipt)

    def mark(self, receipt: Receipt, state: State) -> None:
        """Keep what became of an upload, for the sensor's next decision."""
        self._write(replace(receipt, state=state))

    def original(self, receipt: Receipt) -> Path:
        """Return the archived original, copied from the upload folder on first use and verified by its hash.

        Raises:
            UploadVanishedError: the file was removed or replaced before it could be archived.
        """
        target = self._archive / receipt.kind / receipt.sha256
        if target.exists():
            return target
        source = self.folder(receipt.kind) / receipt.name
        part = target.with_name(f".{receipt.sha256}.{secrets.token_hex(4)}.part")
        self._private(target.parent)
        try:
            digest = _copy_hashing(source, part)
        except FileNotFoundError as gone:
            raise UploadVanishedError(_vanished(receipt, source, "was removed")) from gone
        if digest != receipt.sha256:
            part.unlink()
            raise UploadVanishedError(_vanished(receipt, source, "was replaced"))
        part.replace(target)
        _sync(target.parent)
        return target

    def _receipts(self, kind: str) -> Path:
        return self._private(self._archive / kind / "receipts")

    def _private(self, folder: Path) -> Path:
        # Originals and receipts may name people: nobody but the platform's own user reads them.
        folder.mkdir(parents=True, exist_ok=True)
        self._archive.chmod(stat.S_IRWXU)
        return folder

    def _write(self, receipt: Receipt) -> None:
        target = self._receipts(receipt.kind) / f"{receipt.sha256}.json"
        facts = {**asdict(receipt), "received_at": receipt.received_at.isoformat()}
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        with part.open("w", encoding="utf-8") as out:
            json.dump(facts, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
        _sync(target.parent)


def person_key(file: Path, given: bytes | None) -> bytes:
    """Return the key of the hash that replaces personal data: the given one, or the home's own, made once.

    Whoever holds the key can recognise a person whose identifier they already know, so the file is private.
    """
    if given:
        return given
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
        part.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        part.write_bytes(secrets.token_hex(32).encode())
        try:
            os.link(part, file)  # unlike a rename, a link never replaces a key that another process made first
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return file.read_bytes()


def _vanished(receipt: Receipt, source: Path, what: str) -> str:
    return (
        f"'{receipt.name}' in {source.parent} {what} after it was seen and before it was archived; nothing of it was "
        "merged. A replaced file is picked up as a new upload by itself; drop a removed one again."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _copy_hashing(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as original, target.open("wb") as copy:
        while chunk := original.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
