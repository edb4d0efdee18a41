"""Personal data stays where people put it: no identifier of a person reaches the lake, a page, a log or a report.

The whole flow runs on files that hold identifiers found nowhere else; then everything the platform wrote is searched.
"""

import gzip
import hashlib
import io
import json
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import openpyxl
import pytest

from failure_platform.cli import instance
from failure_platform.cli.flow import run_flow
from failure_platform.definitions import build
from failure_platform.domain.arrivals import Receipt
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings

HEADER = ["KNR", "MODELO", "COR", "MOTOR", "ESTACAO", "USUARIO", "HALLE", "FALHA", "S_GROUP_ID", "DATA"]
PEOPLE = {
    "good": "QZGOOD1",
    "padded and in lower case": "qzpad02",
    "of a bad row": "QZBADR3",
    "of a line with a cell too many": "QZMANY4",
    "of a line with cells missing": "QZFEWC5",
    "behind a quote that is not closed": "QZQUOT6",
    "superseded": "QZSUPR7",
    "in a good row of a sheet": "QZXLSG8",
    "in a bad row of a sheet": "QZXLSB9",
    "in a refused file": "QZREFU1",
    "in a file whose columns are cut off": "QZCUTO2",
    "not even seven characters": "QZX1YQ",
}


@dataclass(frozen=True)
class Searched:
    """A home on which the flow has run, and what was shown meanwhile."""

    settings: Settings
    shown: str


def row(person: str, number: int = 1, data: str = "2024-01-09 06:00:00", falha: str = "RISCADO") -> list[str]:
    return [f"2024-021{number:04}", "T-CROSS", "K2K2", "DHS", "PCEQS709", person, "ROD", falha, "2", data]


def csv(*rows: list[str]) -> str:
    return "\n".join(",".join(cells) for cells in (HEADER, *rows)) + "\n"


def drop(uploads: Path) -> None:
    """Write files that hold each of PEOPLE in another place."""
    uploads.mkdir(parents=True)
    (uploads / "a.csv").write_text(
        csv(
            row(PEOPLE["good"], 1),
            row(f"  {PEOPLE['padded and in lower case']} ", 2),
            row(PEOPLE["not even seven characters"], 3),
            row(PEOPLE["of a bad row"], 4, data="never"),
            [*row(PEOPLE["of a line with a cell too many"], 5), "more"],
            row(PEOPLE["of a line with cells missing"], 6)[:6],
            row(PEOPLE["superseded"], 7),
        )
        + ",".join(row(PEOPLE["behind a quote that is not closed"], 8, falha='"RISC'))
    )
    (uploads / "b.csv").write_text(csv(row(PEOPLE["good"], 7)))
    (uploads / "refused.csv").write_text(csv(row(PEOPLE["in a refused file"])).replace("KNR", "WHAT"))
    (uploads / "cut.csv").write_text(
        "USUARIO,KNR\n" + f"{PEOPLE['in a file whose columns are cut off']},2024-0210009\n"
    )
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADER)
    sheet.append(row(PEOPLE["in a good row of a sheet"], 10))
    sheet.append(row(PEOPLE["in a bad row of a sheet"], 11, data="never"))
    book.save(uploads / "c.xlsx")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    settings = Settings(home=tmp_path_factory.mktemp("private") / "home", settle_seconds=0, port=0)
    drop(settings.uploads_folder / "falhas")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", told := io.StringIO())
        patch.setattr("sys.stderr", told)
        result = run_flow(settings, said.append)
    states = {line["name"]: line["state"] for line in result["uploads"]}
    assert states == {"a.csv": "merged", "b.csv": "merged", "c.xlsx": "merged"} | dict.fromkeys(
        ("refused.csv", "cut.csv"), "refused"
    )
    # One more upload stops half-way: its rows wait in the staging folder.
    (settings.uploads_folder / "falhas" / "late.csv").write_text(csv(*(row(p, 20) for p in PEOPLE.values())))
    with instance.opened(settings) as dagster:
        read_only(settings, dagster)
    assert any(settings.staging_folder.rglob("*.parquet"))
    yield Searched(settings, json.dumps(result, default=str) + told.getvalue() + "\n".join(said))


def read_only(settings: Settings, dagster: dg.DagsterInstance) -> Receipt:
    inbox = Platform(settings).inbox
    (sighting,) = [s for s in inbox.look("falhas") if s.name == "late.csv"]
    receipt = inbox.receive("falhas", sighting)
    assert receipt is not None
    dagster.add_dynamic_partitions("falhas_uploads", [receipt.key])
    run = (
        build(settings)
        .resolve_job_def("ingest_falhas")
        .execute_in_process(instance=dagster, partition_key=receipt.key, asset_selection=[dg.AssetKey("raw_falhas")])
    )
    assert run.success
    return receipt


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_no_identifier_is_in_anything_the_platform_wrote(searched: Searched, person: str) -> None:
    """Tables, rows on their way, event logs, captured output, reports, what was said: in whichever case."""
    private = (searched.settings.uploads_folder, searched.settings.archive_folder)
    found = [
        path.relative_to(searched.settings.root)
        for path in searched.settings.root.rglob("*")
        if path.is_file() and not any(path.is_relative_to(folder) for folder in private) and holds(path, person)
    ]
    assert found == []
    assert person.lower() not in searched.shown.lower()


def test_the_search_would_find_one(searched: Searched, tmp_path: Path) -> None:
    """In the lake, in a log of Dagster, in compressed rows, and in the originals themselves."""
    lake = tmp_path / "lake.duckdb"
    with duckdb.connect(str(lake)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'x' || i || 'QZGOOD1 and more' AS c FROM range(50000) r(i)")
        connection.execute(f"COPY t TO '{tmp_path / 'rows.parquet'}' (COMPRESSION zstd)")
    log = tmp_path / "log.db"
    with sqlite3.connect(log) as events:
        events.execute("CREATE TABLE t (c BLOB)")
        events.execute("INSERT INTO t VALUES (?)", [zlib.compress(b"qzgood1 " * 9)])
    assert all(holds(path, "QZGOOD1") for path in (lake, tmp_path / "rows.parquet", log))
    assert any(holds(path, "QZGOOD1") for path in searched.settings.archive_folder.rglob("*") if path.is_file())


def test_the_same_person_has_the_same_pseudonym(searched: Searched) -> None:
    """What replaces an identifier still tells people apart; it is no plain hash, which anybody could compute."""
    with Platform(searched.settings).lake.read() as connection:
        rows = connection.execute("SELECT KNR, USUARIO FROM falhas ORDER BY KNR").fetchall()
    by_knr = dict(rows)
    assert by_knr["2024-0210001"] == by_knr["2024-0210007"]
    assert len(set(by_knr.values())) == 4
    plain = hashlib.sha256(PEOPLE["good"].encode()).hexdigest()
    assert plain[:8] not in by_knr["2024-0210001"]


def test_originals_and_the_key_are_private(searched: Searched) -> None:
    """Nobody but the platform's own user opens the archive, nor anything in it, nor the key of the hash."""
    archive = searched.settings.archive_folder
    assert stat.S_IMODE(archive.stat().st_mode) == 0o700
    files = [path for path in archive.rglob("*") if path.is_file()]
    assert len(files) > 6
    for path in (*files, searched.settings.root / "person.key"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def holds(path: Path, word: str) -> bool:
    """Say whether a file holds a word in any case, plain or as its format keeps it."""
    return any(word.lower().encode() in part.lower() for part in contents(path))


def contents(path: Path) -> Iterator[bytes]:
    plain = path.read_bytes()
    yield plain
    yield plain.replace(b"\0", b"")  # UTF-16
    if plain[:2] == b"\x1f\x8b":
        yield gzip.decompress(plain)
    if plain[:4] == b"PK\x03\x04":
        yield b" ".join(repr(cell).encode() for cell in cells_of_workbook(plain))
    if plain[:4] == b"PAR1":
        yield repr(duckdb.sql(f"FROM read_parquet('{path}')").fetchall()).encode()
    if plain[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                yield repr(connection.execute(f'FROM "{table}"').fetchall()).encode()
    if plain[:15] == b"SQLite format 3":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for found in connection.execute(f'SELECT * FROM "{table}"').fetchall():
                    yield from (cell for value in found for cell in unpacked(value))


def unpacked(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        try:
            yield zlib.decompress(value)
        except zlib.error:
            yield value
    else:
        yield str(value).encode()


def cells_of_workbook(plain: bytes) -> Iterator[object]:
    for sheet in openpyxl.load_workbook(io.BytesIO(plain), read_only=True).worksheets:
        yield from (cell for line in sheet.iter_rows(values_only=True) for cell in line)
