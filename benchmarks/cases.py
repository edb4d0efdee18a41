"""What becomes of every small input in ../shared/cases, each ingested in a home of its own, beside what is right.

    python benchmarks/cases.py                          (a minute)
    python benchmarks/cases.py 13 20                    (only the cases whose names begin so)

Files are received and ingested by the functions that `failure-platform process` calls, in one process, without Dagster
and without training. Run by root, a file without the right to read it is read all the same.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.ledger import UploadLine
from failure_platform.domain.rows.dates import DateRule
from failure_platform.resources.lake import views
from failure_platform.resources.merging.ingest import ingest_uploads
from failure_platform.resources.platform import Platform
from failure_platform.resources.storage.clock import utc_now
from failure_platform.resources.uploads.reader_process import ReaderProcess
from failure_platform.resources.uploads.staging import Staging
from failure_platform.sensors.arrivals import receive_settled
from failure_platform.settings import Settings

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
RIGHT = "RIGHT.txt"
HOMES = {"11-home-with-brackets": "Werk [A]"}
"""Cases that are about the name of their home."""


@dataclass(frozen=True)
class Became:
    """What became of one file or folder of a case, in a few words."""

    what: str
    became: str


def main() -> None:
    """Ingest and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="Only these, by the beginning of their names.")
    wanted = tuple(parser.parse_args().cases)
    found = [case for case in all_cases() if not wanted or case.name.startswith(wanted)]
    if not found:
        print(f"There is no case in {CASES}: nothing to show.")
        return
    table = Table("case")
    for column, share in (("file", 2), ("became", 3), ("right", 4)):
        table.add_column(column, overflow="fold", ratio=share)
    reader = new_reader()
    with tempfile.TemporaryDirectory() as work:
        for case in found:
            number, right = case.name.partition("-")[0], escape((case / RIGHT).read_text(encoding="utf-8").strip())
            *first, last = ingested(case, Path(work) / case.name, reader)
            for one in (*first, last):
                table.add_row(number, escape(one.what), escape(one.became), right, end_section=one is last)
                number = right = ""
    reader.close()
    Console().print(table)


def all_cases() -> list[Path]:
    """Return the folders of the cases by name; none where they do not lie beside the project."""
    return sorted(right.parent for right in CASES.glob(f"*/{RIGHT}"))


def new_reader() -> ReaderProcess:
    """Return a process that reads the files of all cases: starting one for each takes longer than reading."""
    return ReaderProcess(1 << 30, 60)


def ingested(case: Path, work: Path, reader: ReaderProcess) -> Iterator[Became]:
    """Ingest a case in a new home in the folder `work`, and yield what became of each of its files."""
    home = work / HOMES.get(case.name, "home")
    shutil.copytree(case, home / "uploads", ignore=shutil.ignore_patterns(RIGHT), symlinks=True)
    try:
        settings = Settings(home=home, settle_seconds=0)
    except ValidationError as wrong:
        yield Became("the home", f"refused: {wrong.errors()[0]['msg'].removeprefix('Value error, ')}")
        return
    platform = Platform(settings)
    lines = ingest(platform, reader)
    with platform.lake.read() as connection:
        for line in lines:
            yield Became(f"{line.kind}/{line.name}", in_words(line, views.quarantine_reasons(connection, [line.key])))
    for one in platform.inbox.not_taken(CONTRACTS):
        yield Became(one.path.removeprefix("uploads/"), f"not taken: {one.why}. {one.what_to_do}.")


def ingest(platform: Platform, reader: ReaderProcess) -> list[UploadLine]:
    """Ingest everything in the upload folders of a new home, kind by kind, and return the lines of the ledger."""
    settings, rules = platform.settings, dict.fromkeys(CONTRACTS, DateRule())
    staging = Staging(
        settings.staging_folder, platform.inbox, reader, settings.lake_threads, settings.lake_memory, rules
    )
    for kind, contract in CONTRACTS.items():
        new = receive_settled(platform.inbox, kind, platform.inbox.look(kind), {}, set()).plan.new
        ingest_uploads(
            platform.lake,
            staging,
            contract,
            new,
            platform.person_key,
            utc_now,
            lambda receipt, line: platform.inbox.mark(receipt, line.state),
        )
    with platform.lake.read() as connection:
        return list(views.ledger(connection))


def in_words(line: UploadLine, reasons: list[tuple[str, int]]) -> str:
    """Return what became of an upload: the first sentence of its refusal, or its rows and the first reason."""
    if line.state == "refused":
        return f"refused: {str(line.reason).partition('. ')[0]}"
    counts = {name: getattr(line, name) for name in ("merged", "duplicate", "superseded", "quarantined")}
    words = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "no row"
    return f"{words}: {reasons[0][0]}" if reasons else words


if __name__ == "__main__":
    main()
