"""Promises about what lies among the uploads: what cannot be taken is told, and stops only itself."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from failure_platform.domain.arrivals import Sighting
from failure_platform.domain.not_taken import NotReadableError, NotTaken
from failure_platform.resources.uploads import folders
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.sensors.arrivals import receive_settled
from support.other_user import as_other_user, open_folder

KINDS = ("resultados", "falhas", "status")


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "uploads", tmp_path / "archive")


@pytest.fixture
def open_inbox() -> Iterator[Inbox]:
    """The inbox of a home that any user may enter."""
    with open_folder() as home:
        yield Inbox(home / "uploads", home / "archive")


def drop(inbox: Inbox, *names: str, kind: str = "status") -> list[Path]:
    paths = [inbox.folder(kind) / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"KNR\n{path}")
    return paths


def told(inbox: Inbox) -> dict[str, NotTaken]:
    return {one.path: one for one in inbox.not_taken(KINDS)}


def taken(inbox: Inbox, kind: str = "status") -> tuple[set[str], set[str]]:
    """Return the names of the files that a tick takes, and of those that it cannot read."""
    scan = receive_settled(inbox, kind, inbox.look(kind), {}, set())
    return set(scan.receipts), set(scan.blocked)


@pytest.mark.fault(85)
def test_a_file_without_the_right_to_read_it_stops_only_itself(open_inbox: Inbox) -> None:
    with as_other_user():
        drop(open_inbox, "a.csv", "b.csv", "c.csv")[1].chmod(0)
        assert taken(open_inbox) == ({"a.csv", "c.csv"}, {"b.csv"})
        (one,) = told(open_inbox).values()
        assert (one.path, one.kind) == ("uploads/status/b.csv", "status")
        assert "Permission denied" in one.why
        assert "right to read" in one.what_to_do
        (open_inbox.folder("status") / "b.csv").chmod(0o600)
        assert taken(open_inbox)[0] == {"a.csv", "b.csv", "c.csv"}
        assert not told(open_inbox)


@pytest.mark.fault(85)
@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.EIO, "disk"), (errno.ESTALE, "share"), (errno.EBUSY, "Close"), (errno.EACCES, "right")],
)
@pytest.mark.parametrize("when", ["opened", "read"])
def test_a_file_that_a_disk_or_share_does_not_give_stops_only_itself(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, number: int, advice: str, when: str
) -> None:
    """Whether it cannot be opened, or breaks off while it is read, at its first tick or when it is archived."""
    drop(inbox, "a.csv", "b.csv", "c.csv")
    receipts = [inbox.receive("status", seen) for seen in inbox.look("status")]
    broken(monkeypatch, "b.csv", number, when)
    assert taken(inbox) == ({"a.csv", "c.csv"}, {"b.csv"})
    with pytest.raises(NotReadableError, match=advice):
        inbox.original(receipts[1])
    assert inbox.original(receipts[2]).is_file()
    if when == "opened":
        assert advice in told(inbox)["uploads/status/b.csv"].what_to_do


def broken(monkeypatch: pytest.MonkeyPatch, name: str, number: int, when: str) -> None:
    """Let the system answer with an error where a file of this name is opened, or read."""
    opened, failing = folders.opened, OSError(number, os.strerror(number))

    def instead(path: Path) -> int:
        if path.name != name:
            return opened(path)
        if when == "opened":
            raise failing
        return os.open(path.parent, os.O_RDONLY)  # a folder: reading it is an error

    monkeypatch.setattr(folders, "opened", instead)
    if when == "read":
        monkeypatch.setattr(folders.os, "fdopen", lambda handle, mode: Breaking(handle, failing))


class Breaking:
    """A file that gives its content, unless it stands for a broken one."""

    def __init__(self, handle: int, failing: OSError) -> None:
        self.handle, self.failing = handle, failing

    def __enter__(self) -> "Breaking":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def read(self, size: int) -> bytes:
        try:
            return os.read(self.handle, size)
        except IsADirectoryError:
            raise self.failing from None


def a_file(folder: Path) -> None:
    folder.write_text("x")


def a_link_to_nothing(folder: Path) -> None:
    folder.symlink_to("/nowhere/share")


def a_link_to_itself(folder: Path) -> None:
    folder.symlink_to(folder)


@pytest.mark.fault(86)
@pytest.mark.parametrize(
    ("made", "said"),
    [(a_file, "Move the file away"), (a_link_to_nothing, "/nowhere/share"), (a_link_to_itself, "link")],
)
@pytest.mark.parametrize("place", ["status", "."])
def test_what_stands_in_the_place_of_a_folder_is_told(
    inbox: Inbox, made: Callable[[Path], None], said: str, place: str
) -> None:
    """The folder of one kind, whose neighbours go on, or the folder of all uploads."""
    folder = inbox.uploads / place
    folder.parent.mkdir(parents=True, exist_ok=True)
    made(folder)
    assert inbox.look("status") == []
    (one,) = told(inbox).values()
    assert one.path == ("uploads" if place == "." else "uploads/status")
    assert said in one.what_to_do
    if place != ".":
        drop(inbox, "a.csv", kind="falhas")
        assert taken(inbox, "falhas") == ({"a.csv"}, set())


@pytest.mark.fault(86)
def test_a_folder_without_the_right_to_list_it_is_told(open_inbox: Inbox) -> None:
    with as_other_user():
        drop(open_inbox, "a.csv")
        drop(open_inbox, "b.csv", kind="falhas")
        open_inbox.folder("status").chmod(0)
        assert taken(open_inbox, "falhas") == ({"b.csv"}, set())
        (one,) = told(open_inbox).values()
        assert (one.path, one.kind) == ("uploads/status", "status")
        assert "right to list" in one.what_to_do


@pytest.mark.fault(86)
def test_files_of_a_folder_that_cannot_be_listed_are_still_known(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that is away for a minute is no empty folder: its files are not hashed again when it is back."""
    drop(inbox, "a.csv")
    handled = receive_settled(inbox, "status", inbox.look("status"), {}, set()).handled

    def gone(path: Path) -> None:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr(folders.os, "scandir", gone)
    away = receive_settled(inbox, "status", [], handled, set())
    assert away.handled == handled
    (one,) = away.not_taken
    assert "not connected" in one.why
    assert "share" in one.what_to_do


@pytest.mark.fault(86)
def test_a_link_to_a_folder_is_a_folder(inbox: Inbox, tmp_path: Path) -> None:
    """A share may be mounted elsewhere."""
    (tmp_path / "share").mkdir()
    inbox.uploads.mkdir()
    (inbox.uploads / "status").symlink_to(tmp_path / "share")
    drop(inbox, "a.csv")
    assert taken(inbox) == ({"a.csv"}, set())
    assert not told(inbox)


@pytest.mark.fault(87)
def test_nothing_is_made_outside_the_home(inbox: Inbox, tmp_path: Path) -> None:
    """All uploads lie on a share: the platform makes no folder there, and says which one is missing."""
    (tmp_path / "share").mkdir()
    inbox.uploads.symlink_to(tmp_path / "share")
    assert inbox.look("status") == []
    assert not list((tmp_path / "share").iterdir())
    (one,) = inbox.scan("status").not_taken
    assert (one.path, one.what_to_do) == ("uploads/status", "Make the folder")


def test_looking_for_what_is_not_taken_makes_nothing(inbox: Inbox) -> None:
    assert told(inbox) == {}
    assert not inbox.uploads.exists()


@pytest.mark.fault(88)
def test_what_a_share_brings_along_is_passed_over(inbox: Inbox) -> None:
    """Windows, macOS and file servers leave files and folders that nobody dropped."""
    names = ("Thumbs.db", "desktop.ini", ".DS_Store", "~$x.xlsx", "._a.csv", ".~lock.a.csv#", "THUMBS.DB")
    trees = ("$RECYCLE.BIN/x.csv", "System Volume Information/x", "@eaDir/a.csv", ".Trashes/x", "lost+found/x")
    drop(inbox, "a.csv", *names, *trees)
    drop(inbox, *(f"../{name}" for name in (*names, *trees)))
    assert taken(inbox) == ({"a.csv"}, set())
    assert told(inbox) == {}


@pytest.mark.fault(89)
def test_what_lies_where_nothing_is_picked_up_is_told(inbox: Inbox) -> None:
    """In a subfolder of any depth, at the top, or in a folder that is called almost like a kind, in any case."""
    drop(inbox, "a.csv", "Semana 05/b.csv", "2024/jan/x.csv", "2024/y.csv", "empty/Thumbs.db")
    drop(inbox, "../c.csv", "../Falha/d.csv", "../STATUS/e.csv", "../Fotos/f.jpg", "../nothing/desktop.ini")
    (inbox.uploads / "Resultado").mkdir()
    assert taken(inbox) == ({"a.csv"}, set())
    found = told(inbox)
    assert set(found) == {
        *("uploads/status/Semana 05", "uploads/status/2024"),
        *("uploads/c.csv", "uploads/Falha", "uploads/STATUS", "uploads/Fotos", "uploads/Resultado"),
    }
    assert "holds 1 file, 'b.csv'" in found["uploads/status/Semana 05"].why
    assert "holds 2 files, 'y.csv', 'jan/x.csv'" in found["uploads/status/2024"].why
    near = {path: one.kind for path, one in found.items() if "Perhaps" in one.what_to_do}
    assert near == {"uploads/Falha": "falhas", "uploads/STATUS": "status", "uploads/Resultado": "resultados"}
    assert "uploads/resultados, uploads/falhas or uploads/status" in found["uploads/c.csv"].what_to_do


@pytest.mark.fault(89)
def test_a_subfolder_of_any_size_costs_little_and_leads_nowhere(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At most so many entries are looked at, however many there are, and a link in it is not followed."""
    monkeypatch.setattr(folders, "_MOST_ENTRIES", 20)
    drop(inbox, *(f"deep/{number}/{number}.csv" for number in range(30)))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.csv").touch()
    (inbox.folder("status") / "linked").mkdir()
    (inbox.folder("status") / "linked" / "x").symlink_to(tmp_path / "elsewhere")
    (inbox.folder("status") / "loop").symlink_to(inbox.folder("status"))
    found = told(inbox)
    assert found["uploads/status/deep"].why.startswith("subfolders are not searched")
    assert "secret" not in found["uploads/status/linked"].why
    assert "links are not followed" in found["uploads/status/loop"].why


@pytest.mark.fault(89)
def test_whatever_is_neither_file_nor_folder_is_told(inbox: Inbox, tmp_path: Path) -> None:
    folder = inbox.folder("status")
    os.mkfifo(folder / "pipe.csv")
    (folder / "link.csv").symlink_to(tmp_path)
    drop(inbox, "a.csv.part")
    found = told(inbox)
    assert set(found) == {f"uploads/status/{name}" for name in ("pipe.csv", "link.csv", "a.csv.part")}
    assert "Rename it" in found["uploads/status/a.csv.part"].what_to_do


@pytest.mark.fault(89)
def test_odd_names_are_told_so_that_they_print(inbox: Inbox) -> None:
    drop(inbox, "a\nb/\x1b[31m.csv", "../😀 \u202e.csv")
    for one in told(inbox).values():
        assert str(one).isprintable()


@pytest.mark.fault(90)
def test_files_whose_inodes_change_at_every_look_settle_and_are_hashed_once(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some shares number their files anew each time: size and time decide there, and nothing is read again."""
    renumbered(monkeypatch, every=1)
    hashed = counting(inbox, monkeypatch)
    drop(inbox, "a.csv", "b.csv")
    scan = receive_settled(inbox, "status", inbox.look("status"), {}, set())
    assert set(scan.receipts) == {"a.csv", "b.csv"}
    assert not scan.compare_inodes
    known = {receipt.key for receipt in scan.receipts.values()}
    for _ in range(3):
        scan = receive_settled(inbox, "status", inbox.look("status"), scan.handled, known)
    assert hashed == ["a.csv", "b.csv"]
    drop(inbox, "b.csv")[0].write_text("other content")
    scan = receive_settled(inbox, "status", inbox.look("status"), scan.handled, known)
    assert set(scan.receipts) == {"b.csv"}


@pytest.mark.fault(90)
def test_files_whose_inodes_change_now_and_then_cost_one_hash(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a share was mounted again every file has another inode; the first proves that only the numbers are new."""
    drop(inbox, "a.csv", "b.csv", "c.csv")
    scan = receive_settled(inbox, "status", inbox.look("status"), {}, set())
    renumbered(monkeypatch, every=1_000)
    hashed = counting(inbox, monkeypatch)
    known = {receipt.key for receipt in scan.receipts.values()}
    scan = receive_settled(inbox, "status", inbox.look("status"), scan.handled, known)
    assert hashed == ["a.csv"]
    assert (scan.receipts, scan.waiting) == ({}, ()), "and nothing is ingested again"
    assert set(scan.handled) == {"a.csv", "b.csv", "c.csv"}


@pytest.mark.fault(90)
def test_where_inodes_are_stable_a_replaced_file_of_the_same_size_and_time_is_noticed(inbox: Inbox) -> None:
    path, _ = drop(inbox, "a.csv", "b.csv")
    scan = receive_settled(inbox, "status", inbox.look("status"), {}, set())
    before = path.stat()
    new = path.with_name(".new")
    new.write_bytes(path.read_bytes()[::-1])
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(path)
    known = {receipt.key for receipt in scan.receipts.values()}
    again = receive_settled(inbox, "status", inbox.look("status"), scan.handled, known)
    assert again.plan.new == (again.receipts["a.csv"],)
    assert again.compare_inodes


def renumbered(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """Give each file another inode after so many sightings."""
    classified, count = folders._classified, iter(range(1_000_000))

    def instead(kind: str, entry: "os.DirEntry[str]") -> Sighting | NotTaken | None:
        found = classified(kind, entry)
        return replace(found, inode=-1 - next(count) // every) if isinstance(found, Sighting) else found

    monkeypatch.setattr(folders, "_classified", instead)


def counting(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are read from now on."""
    read, chunks = [], folders.chunks

    def counted(folder: Path, name: str) -> Iterator[bytes]:
        read.append(name)
        return chunks(folder, name)

    monkeypatch.setattr(folders, "chunks", counted)
    return read
