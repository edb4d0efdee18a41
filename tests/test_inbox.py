"""Promises of the door to upload folders: content is identity, originals are kept, nothing half-written is taken."""

import os
import stat
from pathlib import Path

import pytest

from failure_platform.resources.inbox import Inbox, UploadVanishedError, person_key


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "uploads", tmp_path / "archive")


def drop(inbox: Inbox, name: str, content: bytes, kind: str = "falhas") -> Path:
    path = inbox.folder(kind) / name
    path.write_bytes(content)
    return path


def test_the_same_bytes_under_another_name_are_the_same_upload(inbox: Inbox) -> None:
    drop(inbox, "a.csv", b"KNR\n1")
    drop(inbox, "b.csv", b"KNR\n1")
    first, second = (inbox.receive("falhas", s) for s in inbox.look("falhas"))
    assert first is not None
    assert first == second
    assert first.name == "a.csv"


def test_other_bytes_under_the_same_name_are_a_new_upload(inbox: Inbox) -> None:
    drop(inbox, "a.csv", b"KNR\n1")
    first = inbox.receive("falhas", inbox.look("falhas")[0])
    drop(inbox, "a.csv", b"KNR\n2")
    second = inbox.receive("falhas", inbox.look("falhas")[0])
    assert first is not None
    assert second is not None
    assert first.key != second.key


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_look(inbox: Inbox) -> None:
    path = drop(inbox, "a.csv", b"KNR\n1")
    (seen,) = inbox.look("falhas")
    path.write_bytes(b"KNR\n1\n2")
    assert inbox.receive("falhas", seen) is None
    path.unlink()
    assert inbox.receive("falhas", seen) is None


def test_links_folders_and_devices_are_passed_over(inbox: Inbox, tmp_path: Path) -> None:
    """A link could point anywhere; only regular files that lie in the folder are uploads."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    folder = inbox.folder("falhas")
    (folder / "link.csv").symlink_to(secret)
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    assert inbox.look("falhas") == []


def test_the_original_stays_when_the_upload_is_removed(inbox: Inbox) -> None:
    path = drop(inbox, "a.csv", b"KNR\n1")
    receipt = inbox.receive("falhas", inbox.look("falhas")[0])
    assert receipt is not None
    archived = inbox.original(receipt)
    path.unlink()
    assert inbox.original(receipt) == archived
    assert archived.read_bytes() == b"KNR\n1"


def test_a_replaced_or_removed_file_is_refused_before_anything_is_archived(inbox: Inbox) -> None:
    path = drop(inbox, "a.csv", b"KNR\n1")
    receipt = inbox.receive("falhas", inbox.look("falhas")[0])
    assert receipt is not None
    path.write_bytes(b"KNR\n2")
    with pytest.raises(UploadVanishedError, match=r"was replaced.*new upload"):
        inbox.original(receipt)
    path.unlink()
    with pytest.raises(UploadVanishedError, match=r"was removed.*drop"):
        inbox.original(receipt)
    assert not [p for p in (path.parents[2] / "archive" / "falhas").iterdir() if p.is_file()]


def test_a_receipt_is_found_by_its_key_and_keeps_its_state(inbox: Inbox) -> None:
    drop(inbox, "a.csv", b"KNR\n1")
    receipt = inbox.receive("falhas", inbox.look("falhas")[0])
    assert receipt is not None
    inbox.mark(receipt, "refused")
    assert inbox.receipt("falhas", receipt.key).state == "refused"
    with pytest.raises(UploadVanishedError, match="Drop its file"):
        inbox.receipt("falhas", "20260101T000000_x_00000000")


def test_the_archive_is_private(inbox: Inbox, tmp_path: Path) -> None:
    """Originals name people: only the platform's own user may read them."""
    drop(inbox, "a.csv", b"KNR\n1")
    receipt = inbox.receive("falhas", inbox.look("falhas")[0])
    assert receipt is not None
    inbox.original(receipt)
    assert stat.S_IMODE((tmp_path / "archive").stat().st_mode) == stat.S_IRWXU


def test_the_key_of_the_personal_hash_is_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "home" / "person.key"
    key = person_key(file, None)
    assert len(key) == 64
    assert person_key(file, None) == key
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert person_key(file, b"given") == b"given"
