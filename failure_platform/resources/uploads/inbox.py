"""Reads the upload folders, writes receipts, and archives originals.

A receipt is a small JSON file named by the hash of the content. It exists before the partition of the upload, so that
after a crash in between the work is repeated with the same key, and no upload is lost or ingested twice.
"""

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from failure_platform.domain.arrivals import Receipt, Sighting, State, shown_name, upload_key
from failure_platform.domain.not_taken import NotTaken
from failure_platform.resources.storage.atomic_files import atomic_write, sweep
from failure_platform.resources.storage.clock import utc_now
from failure_platform.resources.storage.disk_space import require_room, room_for
from failure_platform.resources.storage.failpoints import failpoint
from failure_platform.resources.uploads import folders

_HASH_DIGITS = 8  # of the content's hash, at the end of a partition key
_SAFE_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_OURS = stat.S_IRUSR | stat.S_IWUSR


class UploadVanishedError(Exception):
    """The original is neither in the upload folder nor in the archive with the content that was received."""


class Inbox:
    """Upload folders, receipts and archive of one home."""

    def __init__(self, uploads: Path, archive: Path) -> None:
        self.uploads = uploads
        self._archive = archive
        self._is_swept = False

    def folder(self, kind: str) -> Path:
        """Return the folder into which files of this kind are dropped; it is made if it does not exist.

        What stands in its way is reported by `scan`. Behind a link to a share nothing is made: that is not the home.
        """
        folder = self.uploads / kind
        with suppress(OSError):
            if not self.uploads.is_symlink():
                folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scan(self, kind: str) -> folders.Listing:
        """Return the files of a kind, and what lies in its folder and is not taken. Never raises."""
        self.folder(kind)
        return folders.listing(self.uploads, kind)

    def look(self, kind: str) -> list[Sighting]:
        """Return the files of a kind: the regular files in its folder that are meant as uploads."""
        return list(self.scan(kind).files)

    def strays(self, kinds: Collection[str]) -> list[NotTaken]:
        """Return what lies in the folder of uploads beside the folders of the kinds."""
        return folders.strays(self.uploads, kinds)

    def not_taken(self, kinds: Collection[str], known: Collection[tuple[str, str, int]] = ()) -> list[NotTaken]:
        """Return all that lies among the uploads and is not taken. Nothing is made or changed, and no file is read.

        Args:
            kinds: every kind.
            known: kind, shown name and size of files that need not be tried, since they were received before.
        """
        problems = self.strays(kinds)
        for kind in kinds:
            if not os.path.lexists(self.uploads / kind):
                continue
            listed = folders.listing(self.uploads, kind)
            new = [s.name for s in listed.files if (kind, shown_name(s.name), s.size) not in known]
            problems += [*listed.not_taken, *folders.unreadable(self.uploads, kind, new)]
        return list(dict.fromkeys(problems))

    def receive(self, kind: str, sighting: Sighting) -> Receipt | None:
        """Hash a file and return its receipt; where the content was received before, the earlier receipt.

        Returns None when the file changed or vanished while it was read: it is still being written, and the next scan
        finds it again. Its inode has no part in it: of a file that was replaced, the next scan sees another one.

        Raises:
            NotReadableError: the file cannot be opened, or not read to its end.
        """
        hashed = hashlib.sha256()
        try:
            for chunk in folders.chunks(self.folder(kind), sighting.name):
                hashed.update(chunk)
            facts = folders.facts(self.folder(kind), sighting.name)
        except FileNotFoundError:
            return None
        if (facts.size, facts.mtime_ns) != (sighting.size, sighting.mtime_ns):
            return None
        digest = hashed.hexdigest()
        known = self.receipt_of_content(kind, digest)
        if known is not None:
            return known
        now = utc_now()
        name = shown_name(sighting.name)
        receipt = Receipt(upload_key(kind, name, digest, now), kind, name, digest, sighting.size, now)
        self._write(receipt)
        self._link(receipt)
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
        found = [self.receipt_of_content(kind, digest) for digest in self._digests(kind)]
        return sorted((r for r in found if r is not None), key=lambda r: r.received_at, reverse=True)

    def receipt(self, kind: str, key: str) -> Receipt:
        """Return the receipt of an upload by its partition key.

        Raises:
            UploadVanishedError: there is none.
        """
        return self.receipts_of(kind, [key])[0]

    def receipts_of(self, kind: str, keys: Sequence[str]) -> list[Receipt]:
        """Return the receipts of uploads by their partition keys, in the order of the keys.

        Raises:
            UploadVanishedError: one has none.
        """
        by_key = self.receipts_by_key(kind, keys)
        for key in keys:
            if key not in by_key:
                raise UploadVanishedError(
                    f"No receipt for upload '{key}' of {kind}. Drop its file into {self.folder(kind)} again; "
                    "the sensor registers it again."
                )
        return [by_key[key] for key in keys]

    def receipts_by_key(self, kind: str, keys: Collection[str]) -> dict[str, Receipt]:
        """Return the receipts of uploads by their partition keys; keys without a receipt are left out."""
        wanted = set(keys)
        digests = {key: digest for key in wanted if (digest := self._digest_of(kind, key)) is not None}
        candidates = list(digests.values())
        if unlinked := wanted - set(digests):
            # A key may be anything that a person typed: here it is compared, and never made a path of.
            ends = {key[-_HASH_DIGITS:] for key in unlinked}
            candidates += [digest for digest in self._digests(kind) if digest[:_HASH_DIGITS] in ends]
        receipts = (self.receipt_of_content(kind, digest) for digest in candidates)
        return {receipt.key: receipt for receipt in receipts if receipt is not None and receipt.key in wanted}

    def note(self, receipts: Iterable[Receipt]) -> None:
        """Write changed receipts (of a further attempt)."""
        for receipt in receipts:
            self._write(receipt)

    def mark(self, receipt: Receipt, state: State) -> None:
        """Write the state of an upload into its receipt, for the next decision of the sensor."""
        self._write(replace(receipt, state=state))

    def archived(self, receipt: Receipt) -> bool:
        """Return whether the original of an upload is in the archive."""
        return (self._archive / receipt.kind / receipt.sha256).exists()

    def original(self, receipt: Receipt) -> Path:
        """Return the archived original, copied from the upload folder on first use and verified by its hash.

        Raises:
            UploadVanishedError: the file was removed or replaced before it could be archived.
            NotReadableError: the file cannot be opened any more, or not read to its end.
        """
        target = self._archive / receipt.kind / receipt.sha256
        if target.exists():
            return target
        self._private(target.parent)
        what = f"the original '{receipt.name}'"
        kept = f"The file stays in {self.folder(receipt.kind)}, nothing of it was merged: make room and run again."
        require_room(what, target.parent, receipt.size, kept)
        with room_for(what, target.parent, receipt.size, kept), atomic_write(target, self._drafts()) as draft:
            draft.touch(mode=_OURS)
            self._copy_received(receipt, draft)
            failpoint("archive.copied")
        failpoint("archive.named")
        return target

    def _copy_received(self, receipt: Receipt, draft: Path) -> None:
        for name in self._names_of(receipt):
            if _copy_hashing(self.folder(receipt.kind), name, draft) == receipt.sha256:
                return
        raise UploadVanishedError(self._vanished(receipt))

    def _names_of(self, receipt: Receipt) -> Iterator[str]:
        """Yield the names under which the bytes may be stored by now; the folder is scanned only if the first fails."""
        yield receipt.name
        yield from (seen.name for seen in self.look(receipt.kind) if seen.size == receipt.size)

    def _vanished(self, receipt: Receipt) -> str:
        folder = self.folder(receipt.kind)
        there = any(shown_name(s.name) == receipt.name for s in self.look(receipt.kind))
        return (
            f"'{receipt.name}' in {folder} was {'replaced' if there else 'removed'} after it was seen and before it "
            "was archived; nothing of it was merged. A replaced file is picked up as a new upload by itself; drop a "
            "removed one again."
        )

    def _digests(self, kind: str) -> list[str]:
        return [path.stem for path in self._receipts(kind).glob("[!.]*.json")]

    def _digest_of(self, kind: str, key: str) -> str | None:
        """Return the content hash to which the link of a partition key leads; None where there is no such link."""
        if not _SAFE_KEY.fullmatch(key):
            return None
        try:
            return (self._keys(kind) / key).readlink().stem
        except OSError:
            return None

    def _link(self, receipt: Receipt) -> None:
        """Make the receipt known by its key: with 100,000 receipts, listing their names takes half a second."""
        # Without the link (an older home, a copy that lost it, a file system without links) the names are listed.
        with suppress(OSError):
            keys = self._keys(receipt.kind)
            keys.mkdir(exist_ok=True)
            (keys / receipt.key).symlink_to(Path("..") / f"{receipt.sha256}.json")

    def _keys(self, kind: str) -> Path:
        return self._receipts(kind) / "keys"

    def _receipts(self, kind: str) -> Path:
        return self._private(self._archive / kind / "receipts")

    def _drafts(self) -> Path:
        folder = self._private(self._archive / ".drafts")
        if not self._is_swept:
            sweep(folder)
            self._is_swept = True
        return folder

    def _private(self, folder: Path) -> Path:
        # Originals and receipts may name people: only the platform's own user may read them.
        folder.mkdir(parents=True, exist_ok=True)
        self._archive.chmod(stat.S_IRWXU)
        return folder

    def _write(self, receipt: Receipt) -> None:
        target = self._receipts(receipt.kind) / f"{receipt.sha256}.json"
        facts = {**asdict(receipt), "received_at": receipt.received_at.isoformat()}
        kept = "The file stays in its upload folder: make room and run again."
        what = f"the receipt of '{receipt.name}'"
        with room_for(what, target.parent, None, kept), atomic_write(target, self._drafts()) as draft:
            draft.touch(mode=_OURS)
            draft.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def person_key(file: Path, given: bytes | None) -> bytes:
    """Return the key of the hash that replaces personal data: the given one, or the home's own, which is made once.

    With the key, a person whose identifier is known can be recognised, so the file is private.
    """
    if given:
        return given
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
        part.touch(mode=_OURS)
        with part.open("wb") as out:
            out.write(secrets.token_hex(32).encode())
            out.flush()
            os.fsync(out.fileno())  # were it lost in a power cut, everybody would get another pseudonym
        try:
            os.link(part, file)  # unlike a rename, a link never replaces a key that another process made first
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return file.read_bytes()


def _copy_hashing(folder: Path, name: str, target: Path) -> str | None:
    """Copy a file and return the hash of what was copied; None where the file no longer exists."""
    digest = hashlib.sha256()
    with target.open("wb") as copy:
        try:
            for chunk in folders.chunks(folder, name):
                digest.update(chunk)
                copy.write(chunk)
        except FileNotFoundError:
            return None
    return digest.hexdigest()
