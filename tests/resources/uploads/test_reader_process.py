"""Parsing in a child: whatever a file does to its reader, the platform stands, says so, and reads the next one."""

import contextlib
import errno
import operator
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from failure_platform.domain.arrivals import Receipt
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.dates import DateRule
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.upload import ParsedUpload
from failure_platform.resources.uploads import folders
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.resources.uploads.reader_process import IDLE_SECONDS, ReaderProcess
from failure_platform.resources.uploads.staging import Refused, Staging

MUCH = 2 << 30
KEY = b"key"
STATUS = "KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n"
OTHER = STATUS.replace("M700", "M600")


@pytest.fixture
def reader() -> Iterator[Callable[..., ReaderProcess]]:
    """A reader process with limits of one's own."""
    made: list[ReaderProcess] = []

    def make(memory: int = MUCH, seconds: float = 60) -> ReaderProcess:
        made.append(ReaderProcess(memory, seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def read(tmp_path: Path, reader: Callable[..., ReaderProcess]) -> Callable[..., ParsedUpload | Refused]:
    """Drop a file and read it as the raw asset does."""
    inbox = Inbox(tmp_path / "uploads", tmp_path / "archive")

    def staged(
        name: str, content: bytes | str, by: ReaderProcess | None = None, kind: str = "status"
    ) -> ParsedUpload | Refused:
        file = inbox.folder(kind) / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        receipts = [inbox.receive(kind, seen) for seen in inbox.look(kind) if seen.name == name]
        rules = dict.fromkeys(CONTRACTS, DateRule())
        staging = Staging(tmp_path / "staging", inbox, by or reader(), 2, "1GB", rules)
        assert receipts[0] is not None
        return staging.read(receipts[0], CONTRACTS[kind], KEY)

    return staged


def test_many_files_are_read_by_one_child_without_dagster(
    read: Callable[..., ParsedUpload | Refused], reader: Callable[..., ReaderProcess]
) -> None:
    """A thousand small files do not pay a thousand starts, and the start loads no more than reading needs."""
    by = reader()
    first = by.call(os.getpid)
    for number in range(5):
        assert isinstance(
            read(f"{number}.csv", STATUS + f"2024-0210002,M600,2024-01-09 06:00:0{number}\n", by), ParsedUpload
        )
    assert by.call(os.getpid) == first != os.getpid()
    assert by.call(eval, "'dagster' in __import__('sys').modules") is False


@pytest.mark.fault(32)
def test_a_zip_bomb_is_refused_where_it_is_read(read: Callable[..., ParsedUpload | Refused], tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (200 << 20))
    refused = read("bomb.xlsx", bomb.read_bytes())
    assert isinstance(refused, Refused)
    assert "unpacks to far more" in refused.reason


@pytest.mark.fault(32)
def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_read(
    read: Callable[..., ParsedUpload | Refused], reader: Callable[..., ReaderProcess]
) -> None:
    """The limit stands between what any file takes and what one with very long cells takes."""
    unlimited = reader()
    read("usual.csv", STATUS, unlimited)
    usual = unlimited.call(eval, "__import__('psutil').Process().memory_info().rss")
    by = reader(memory=usual + (100 << 20))
    long_lines = "".join(f"2024-021{row:04},{'M' * 500_000},2024-01-08 06:00:00\n" for row in range(300))
    refused = read("large.csv", "KNR,STATUS,DATA\n" + long_lines, by)
    assert isinstance(refused, Refused)
    assert "too much memory" in refused.reason
    assert "FAILURE_PLATFORM_READING_MEMORY" in refused.reason
    assert isinstance(read("small.csv", OTHER, by), ParsedUpload)


@pytest.fixture
def several(tmp_path: Path) -> tuple[Inbox, list[Receipt]]:
    """Five received uploads; the third is refused when it is read."""
    inbox = Inbox(tmp_path / "uploads", tmp_path / "archive")
    for number in range(5):
        content = "no such header\n" if number == 2 else f"{STATUS}2024-0210002,M600,2024-01-09 06:00:0{number}\n"
        (inbox.folder("status") / f"{number}.csv").write_text(content)
    receipts = [inbox.receive("status", seen) for seen in inbox.look("status")]
    return inbox, sorted((one for one in receipts if one), key=lambda one: one.name)


def test_reading_ahead_gives_each_upload_its_own_answer_in_order(
    tmp_path: Path, several: tuple[Inbox, list[Receipt]], reader: Callable[..., ReaderProcess]
) -> None:
    inbox, receipts = several
    staging = Staging(tmp_path / "staging", inbox, reader(), 2, "1GB", dict.fromkeys(CONTRACTS, DateRule()))
    read = list(staging.read_all(receipts, CONTRACTS["status"], KEY))
    assert [receipt for receipt, _ in read] == receipts
    assert [isinstance(one, Refused) for _, one in read] == [False, False, True, False, False]
    assert all(one.folder.name == receipt.key for receipt, one in read if isinstance(one, ParsedUpload))


def test_who_leaves_early_waits_for_no_file_and_none_is_read_any_more(
    tmp_path: Path,
    several: tuple[Inbox, list[Receipt]],
    reader: Callable[..., ReaderProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that is cancelled ends, although its reader stands still in the middle of a file."""
    inbox, receipts = several
    by, asked = reader(seconds=600), []
    staging = Staging(tmp_path / "staging", inbox, by, 2, "1GB", dict.fromkeys(CONTRACTS, DateRule()))

    def read(receipt: Receipt, *_: object) -> Refused:
        asked.append(receipt)
        if len(asked) > 1:
            by.call(time.sleep, 600)
        return Refused("read")

    monkeypatch.setattr(staging, "read", read)
    reading = staging.read_all(receipts, CONTRACTS["status"], KEY)
    assert next(reading) == (receipts[0], Refused("read"))
    while len(asked) < 2:
        time.sleep(0.01)
    # A thread of its own, so that a wait fails this test and does not hold up the others.
    leaving = threading.Thread(target=reading.close, daemon=True)
    leaving.start()
    leaving.join(20)
    assert not leaving.is_alive()
    assert asked == receipts[:2]


def test_closing_ends_a_call_of_another_thread_and_the_next_call_starts_another_child(
    reader: Callable[..., ReaderProcess],
) -> None:
    """The connection is closed once, by the thread that reads from it; `close` returns when that call has ended."""
    by = reader(seconds=600)
    with ThreadPoolExecutor(1) as elsewhere:
        for _ in range(3):
            stopped = by.call(os.getpid)
            call = elsewhere.submit(by.call, time.sleep, 600)
            while not call.running():
                time.sleep(0.01)
            time.sleep(0.1)
            by.close()
            with pytest.raises(UploadRefusedError, match="SIGKILL"):
                call.result(20)
            assert not psutil.pid_exists(stopped)
    by.close()
    assert by.call(os.getpid) != stopped


@pytest.mark.fault(32)
def test_a_reader_that_stands_still_is_stopped_and_the_next_file_read(
    read: Callable[..., ParsedUpload | Refused], reader: Callable[..., ReaderProcess]
) -> None:
    by = reader()
    stuck = by.call(os.getpid)
    os.kill(stuck, signal.SIGSTOP)
    by.seconds = 3
    refused = read("a.csv", STATUS, by)
    assert isinstance(refused, Refused)
    assert "more than the 0.05 minutes allowed" in refused.reason
    assert "FAILURE_PLATFORM_READING_MINUTES" in refused.reason
    assert not psutil.pid_exists(stuck)
    by.seconds = 60
    assert isinstance(read("b.csv", OTHER, by), ParsedUpload)


@pytest.mark.parametrize("blow", [signal.SIGSEGV, signal.SIGKILL])
def test_a_reader_that_dies_is_told_by_its_signal_and_the_next_file_read(
    read: Callable[..., ParsedUpload | Refused],
    reader: Callable[..., ReaderProcess],
    monkeypatch: pytest.MonkeyPatch,
    blow: signal.Signals,
) -> None:
    """A crash in native code, or the system short of memory, costs one upload and not the platform."""

    by = reader()
    struck = by.call(os.getpid)
    os.kill(struck, signal.SIGSTOP)
    call = by.call

    def called(*args: Any, **kwargs: Any) -> Any:
        # Begun here: earlier, the child may be gone before it is asked for the file, and another one started.
        threading.Timer(0.2, strike, (struck, blow)).start()
        return call(*args, **kwargs)

    with monkeypatch.context() as during:
        during.setattr(by, "call", called)
        refused = read("a.csv", STATUS, by)
    assert isinstance(refused, Refused)
    assert blow.name in refused.reason
    assert isinstance(read("b.csv", OTHER, by), ParsedUpload)


def test_a_call_that_outgrows_the_memory_in_one_go_is_stopped(reader: Callable[..., ReaderProcess]) -> None:
    """Native code that never comes up for air is watched from outside."""
    by = reader(memory=400 << 20)
    by.call(os.getpid)
    with pytest.raises(UploadRefusedError, match="too much memory"):
        by.call(operator.mul, b"x", 4 << 30)


def test_being_told_to_end_does_not_look_like_a_bad_file(
    read: Callable[..., ParsedUpload | Refused], reader: Callable[..., ReaderProcess]
) -> None:
    """Ctrl-C and a stopping service reach the child too; the platform ends it when it is done itself."""
    by = reader()
    child = by.call(os.getpid)
    for told in (signal.SIGINT, signal.SIGTERM):
        os.kill(child, told)
    assert isinstance(read("a.csv", STATUS, by), ParsedUpload)


@pytest.mark.fault(3)
def test_a_full_disk_is_no_refusal(
    read: Callable[..., ParsedUpload | Refused], reader: Callable[..., ReaderProcess]
) -> None:
    """What no other file would help against comes back as the error that it is, and the file can be tried again."""
    by = reader()
    psutil.Process(by.call(os.getpid)).rlimit(psutil.RLIMIT_FSIZE, (50, 50))
    with pytest.raises(Exception, match="File too large|No space left") as full:
        read("a.csv", STATUS, by)
    assert not isinstance(full.value, UploadRefusedError)
    by.close()
    assert isinstance(read("b.csv", OTHER, by), ParsedUpload)


@pytest.mark.fault(85)
def test_a_vanished_original_stops_only_itself(tmp_path: Path, reader: Callable[..., ReaderProcess]) -> None:
    """Seen, and gone when its run begins: it is refused with what to do, and its neighbours are read."""
    inbox = Inbox(tmp_path / "uploads", tmp_path / "archive")
    staging = Staging(tmp_path / "staging", inbox, reader(), 2, "1GB", dict.fromkeys(CONTRACTS, DateRule()))
    gone = Receipt("key", "status", "gone.csv", "0" * 64, 1, datetime(2024, 1, 1))
    (inbox.folder("status") / "a.csv").write_text(STATUS)
    there = inbox.receive("status", *inbox.look("status"))
    assert there is not None
    read = dict(staging.read_all([gone, there], CONTRACTS["status"], KEY))
    assert isinstance(read[there], ParsedUpload)
    assert isinstance(read[gone], Refused)
    assert "was removed" in read[gone].reason
    assert "drop a removed one again" in read[gone].reason


@pytest.mark.fault(85)
def test_an_original_that_became_unreadable_stops_only_itself(
    tmp_path: Path, reader: Callable[..., ReaderProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readable when it was seen, and held open elsewhere when its run begins."""
    inbox = Inbox(tmp_path / "uploads", tmp_path / "archive")
    staging = Staging(tmp_path / "staging", inbox, reader(), 2, "1GB", dict.fromkeys(CONTRACTS, DateRule()))
    for name, content in (("a.csv", STATUS), ("b.csv", OTHER)):
        (inbox.folder("status") / name).write_text(content)
    locked, there = (inbox.receive("status", seen) for seen in inbox.look("status"))
    opened = folders.opened

    def held(path: Path) -> int:
        if path.name == "a.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path)

    monkeypatch.setattr(folders, "opened", held)
    (_, first), (_, second) = staging.read_all([locked, there], CONTRACTS["status"], KEY)
    assert isinstance(second, ParsedUpload)
    assert isinstance(first, Refused)
    assert "uploads/status/a.csv: it cannot be read (Permission denied)" in first.reason
    assert "nothing of it was merged" in first.reason
    assert not inbox.archived(locked)


def test_the_child_ends_with_a_killed_parent() -> None:
    """Even in the middle of a file: nothing of a killed run goes on writing."""
    script = (
        "import os, time; from failure_platform.resources.uploads.reader_process import ReaderProcess as R\n"
        "reader = R(1 << 30, 60); print(reader.call(os.getpid), flush=True); reader.call(time.sleep, 50)"
    )
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    child = int(run.stdout.readline())
    time.sleep(0.2)
    run.kill()
    run.wait()
    run.stdout.close()
    wait_until_gone(child, 10)


def test_a_child_that_is_asked_nothing_ends_and_the_next_file_starts_another(
    read: Callable[..., ParsedUpload | Refused], reader: Callable[..., ReaderProcess]
) -> None:
    """Its memory is free for merging; nobody notices."""
    by = reader()
    idle = by.call(os.getpid)
    wait_until_gone(idle, IDLE_SECONDS + 10)
    assert isinstance(read("a.csv", STATUS, by), ParsedUpload)


def test_a_child_that_ends_as_it_is_asked_is_replaced_once(
    reader: Callable[..., ReaderProcess], tmp_path: Path
) -> None:
    """Ended for want of work in that very moment, it never saw the file; a fresh one that ends so did see it."""
    by = reader()
    by.call(os.getpid)
    ends_once = "mark.touch() or leave(0) if not mark.exists() else 'read'"
    names = {"mark": tmp_path / "mark", "leave": os._exit}
    assert by.call(eval, ends_once, names) == "read"
    with pytest.raises(UploadRefusedError, match="exit code 0"):
        by.call(os._exit, 0)


def test_a_forgotten_reader_leaves_no_child() -> None:
    by = ReaderProcess(MUCH, 60)
    child = by.call(os.getpid)
    del by
    assert not psutil.pid_exists(child)


def strike(pid: int, blow: signal.Signals) -> None:
    os.kill(pid, blow)
    # A process that stands still takes no blow but the last.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def wait_until_gone(pid: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, f"process {pid} is still there"
        time.sleep(0.05)
