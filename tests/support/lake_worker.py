"""What the processes of test_crashes do: archive and merge a few uploads as a run does, read, and die when told."""

import os
import signal
import time
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import views
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.reading.upload import read_upload
from failure_platform.resources.storage import failpoints
from failure_platform.resources.uploads.inbox import Inbox
from failure_platform.settings import Settings
from support.lake_content import content_hash
from support.merging_plant import csv, measured, merge_uploads

# They overlap, contradict each other and hold a bad row each, so that a merge half done would show in every table.
UPLOADS = {
    "resultados/a.csv": csv(*(measured(n, f"{n:06}") for n in range(40)), measured("x", "100000")),
    "resultados/b.csv": csv(*(measured(n % 50, f"{n:06}") for n in range(20, 80)), measured("x", "100001")),
    "status/s.csv": "KNR,STATUS,DATA\n2023-2056234,M700,2023-05-08 11:00:00\nx,M700,2023-05-08 11:00:00\n",
}

processes = get_context("forkserver")
processes.set_forkserver_preload([merge_uploads.__module__, read_upload.__module__])


def lake_of(home: Path) -> Lake:
    return Lake(Settings(home=home).lake_file, wait_seconds=60, threads=1, memory_limit="300MB")


def inbox_of(home: Path) -> Inbox:
    return Inbox(Settings(home=home).uploads_folder, Settings(home=home).archive_folder)


def drop(home: Path, uploads: dict[str, str]) -> None:
    for name, text in uploads.items():
        path = Settings(home=home).uploads_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def receive(home: Path) -> list:
    """The receipts of all uploads, in the order of their names."""
    inbox = inbox_of(home)
    return [inbox.receive(kind, seen) for kind in CONTRACTS for seen in inbox.look(kind)]


def take(home: Path, receipt) -> None:
    """Archive and merge one upload; note in a file of the home when that is done."""
    contract, inbox = CONTRACTS[receipt.kind], inbox_of(home)
    work = home / "staging" / f"{os.getpid()}-{receipt.key}"
    received = read_upload(inbox.original(receipt), contract, work, person_key=b"key", threads=1)
    merge_uploads(lake_of(home), contract, [(receipt, received)], datetime(2026, 11, 21, 12))
    inbox.mark(receipt, "merged")
    with (home / "acknowledged").open("a") as out:
        out.write(f"{receipt.name}\n")


def take_all(home: Path, point: str = "", nth: int = 0) -> None:
    """Take every upload in turn; killed when `point` is reached for the nth time."""
    seen = 0

    def die(reached: str) -> None:
        nonlocal seen
        seen += reached == point
        if seen == nth and reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.action = die
    try:
        for receipt in receive(home):
            take(home, receipt)
    finally:
        failpoints.action = lambda _point: None


def take_these(home: Path, receipts: list) -> None:
    for receipt in receipts:
        take(home, receipt)


def acknowledged(home: Path) -> list[str]:
    path = home / "acknowledged"
    return path.read_text().split() if path.exists() else []


def look(home: Path) -> tuple:
    """What the lake says, times left out; raises when its tables disagree."""
    with lake_of(home).read() as con:
        assert views.ledger_disagreements(con) == []
        ledger = views.ledger(con)
        for kind, contract in CONTRACTS.items():
            uploads = [line.key for line in ledger if line.kind == kind]
            assert not uploads or views.doubled_keys(con, contract, uploads) == 0
        content = tuple(content_hash(con, contract) for contract in CONTRACTS.values())
        (quarantined,) = con.execute("SELECT count(*) FROM quarantine").fetchone()
    return content, quarantined, frozenset((line.name, line.state, line.rows_in) for line in ledger)


def keep_looking(home: Path, pause: float) -> None:
    """Read until told to stop: everything acknowledged before a read is in it, and nothing changes while it lasts."""
    reads = 0
    while not (home / "stop").exists() or not reads:
        before = set(acknowledged(home))
        with lake_of(home).read() as con:
            assert views.ledger_disagreements(con) == []
            names = {line.name for line in views.ledger(con) if line.state == "merged"}
            assert before <= names, before - names
            time.sleep(pause)
            assert names == {line.name for line in views.ledger(con) if line.state == "merged"}
        reads += 1
