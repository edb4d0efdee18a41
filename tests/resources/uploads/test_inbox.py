"""Promises of the door to upload folders: content is identity, originals are kept, nothing half-written is taken."""

import hashlib
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from failure_platform.resources.uploads.inbox import Inbox, UploadVanishedError, person_key
from failure_platform.sensors.arrivals import receive_settled


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "uploads", tmp_path / "archive")


def drop(inbox: Inbox, name: str, content: bytes, kind: str = "falhas") -> Path:
    path = inbox.folder(kind) / name
    path.write_bytes(content)
    return path


@pytest.mark.fault(14)
def test_the_same_bytes_under_another_name_are_the_same_upload(inbox: Inbox) -> None:
    drop(inbox, "a.csv", b"KNR\n1")
    drop(inbox, "b.csv", b"KNR\n1")
    first, second = (inbox.receive("falhas", s) for s in inbox.look("falhas"))
    assert first is not None
    assert first == second
    assert first.name == "a.csv"


@pytest.mark.fault(93)
def test_one_file_in_the_folders_of_several_kinds_is_an_upload_of_each(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropped at the same second: the ledger, which is one for all kinds, has a line for each."""
    monkeypatch.setattr("failure_platform.resources.uploads.inbox.utc_now", lambda: datetime(2026, 11, 2, 6, 30))
    kinds = ("resultados", "falhas", "status")
    for kind in kinds:
        drop(inbox, "x" * 200 + ".csv", b"KNR\n1", kind)
    receipts = [inbox.receive(kind, *inbox.look(kind)) for kind in kinds]
    keys = [receipt.key for receipt in receipts if receipt is not None]
    assert len(set(keys)) == 3
    assert [inbox.receipt(kind, key) for kind, key in zip(kinds, keys, strict=True)] == receipts


@pytest.mark.fault(15)
def test_other_bytes_under_the_same_name_are_a_new_upload(inbox: Inbox) -> None:
    drop(inbox, "a.csv", b"KNR\n1")
    first = inbox.receive("falhas", inbox.look("falhas")[0])
    drop(inbox, "a.csv", b"KNR\n2")
    second = inbox.receive("falhas", inbox.look("falhas")[0])
    assert first is not None
    assert second is not None
    assert first.key != second.key


@pytest.mark.fault(10)
def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_look(inbox: Inbox) -> None:
    path = drop(inbox, "a.csv", b"KNR\n1")
    (seen,) = inbox.look("falhas")
    path.write_bytes(b"KNR\n1\n2")
    assert inbox.receive("falhas", seen) is None
    path.unlink()
    assert inbox.receive("falhas", seen) is None


@pytest.mark.fault(10)
def test_a_file_is_taken_once_nobody_writes_it_any_more(inbox: Inbox) -> None:
    """Looked at again and again while a program writes it: first it waits, then it is received whole, once."""
    path = inbox.folder("falhas") / "a.csv"
    enough = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as out:
            while not enough.is_set():
                out.write(b"2024-0210001,some more\n")
                time.sleep(0.0005)

    def grown_since(size: int) -> None:
        while path.stat().st_size == size:
            time.sleep(0.0005)

    path.touch()
    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(20):
        seen = inbox.look("falhas")
        grown_since(seen[0].size)
        look = receive_settled(inbox, "falhas", seen, {}, set())
        assert (look.plan.new, look.waiting) == ((), ("a.csv",))
    enough.set()
    writer.join()
    (receipt,) = receive_settled(inbox, "falhas", inbox.look("falhas"), {}, set()).plan.new
    assert receipt.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert inbox.original(receipt).read_bytes() == path.read_bytes()
    assert inbox.receipts("falhas") == [receipt]


def a_link(path: Path) -> None:
    secret = path.parents[3] / "secret"
    secret.write_text("KNR\n1")
    path.symlink_to(secret)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def a_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: reading it never ends
    except PermissionError:
        pytest.skip("only root makes devices")


NO_FILES = (a_link, Path.mkdir, os.mkfifo, a_socket, a_device)


@pytest.mark.fault(36)
@pytest.mark.parametrize("made", NO_FILES)
def test_only_regular_files_are_uploads(inbox: Inbox, made: Callable[[Path], None]) -> None:
    """A link could point anywhere, a pipe never ends; what is in the folder and is no file is passed over."""
    made(inbox.folder("falhas") / "x.csv")
    assert inbox.look("falhas") == []


@pytest.mark.fault(36)
@pytest.mark.parametrize("made", NO_FILES)
def test_what_takes_the_place_of_a_file_is_not_read(inbox: Inbox, made: Callable[[Path], None]) -> None:
    """Swapped after it was seen, and again after it was received: nothing is followed, waited for, or archived."""
    path = drop(inbox, "x.csv", b"KNR\n1")
    (seen,) = inbox.look("falhas")
    receipt = inbox.receive("falhas", seen)
    assert receipt is not None
    path.unlink()
    made(path)
    assert inbox.receive("falhas", seen) is None
    with pytest.raises(UploadVanishedError):
        inbox.original(receipt)
    assert not inbox.archived(receipt)


ODD_NAMES = (
    "a\nb.csv",
    "\x1b[31mred.csv",
    "\u202egnp.csv",
    "\x01\x7f.csv",
    "x" * 251 + ".csv",
    "-rf.csv",
    "csv..",
    "[bold]$(reboot)`x`;&|<>.csv",
    "x'); DROP TABLE status; --.csv",
    "C:\\x\\..\\y.csv",
    os.fsdecode(b"relat\xf3rio.csv"),
    "relatório ção 日本.csv",
)


@pytest.mark.fault(36)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_shown_and_never_used(inbox: Inbox, name: str) -> None:
    """Whatever a file is called, it is archived by its hash, and what people see of its name prints."""
    drop(inbox, name, b"KNR\n1")
    receipt = inbox.receive("falhas", inbox.look("falhas")[0])
    assert receipt is not None
    assert receipt.name.isprintable()
    assert inbox.original(receipt).name == hashlib.sha256(b"KNR\n1").hexdigest()
    assert inbox.receipt("falhas", receipt.key) == receipt


@pytest.mark.fault(36)
@pytest.mark.parametrize("key", ["../../secret", "/etc/passwd", "x_/etc/passwd", "*", "[", "x\0y", ""])
def test_a_key_that_a_person_made_up_reaches_no_file(inbox: Inbox, key: str) -> None:
    """Partitions can be added by hand in the UI, under any name."""
    drop(inbox, "a.csv", b"KNR\n1")
    inbox.receive("falhas", inbox.look("falhas")[0])
    with pytest.raises(UploadVanishedError):
        inbox.receipt("falhas", key)


@pytest.mark.fault(14)
def test_the_same_bytes_under_another_name_serve_as_the_original(inbox: Inbox) -> None:
    """Received as a.csv, lying there as b.csv by the time its run begins: it is the same upload."""
    path = drop(inbox, "a.csv", b"KNR\n1")
    receipt = inbox.receive("falhas", inbox.look("falhas")[0])
    assert receipt is not None
    path.rename(path.with_name("b.csv"))
    drop(inbox, "c.csv", b"KNR\n2")
    assert inbox.original(receipt).read_bytes() == b"KNR\n1"


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
