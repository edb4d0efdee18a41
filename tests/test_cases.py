"""Small inputs from the trouble of people who do this job: whatever a file looks like, no person is named in the lake.

They lie beside the project in ../shared/cases; `make cases` shows what becomes of each.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cases
from failure_platform.resources.platform import Platform
from failure_platform.resources.uploads.reader_process import ReaderProcess
from failure_platform.settings import Settings

PERSON = "F700001"
"""The person in all of them: in a column called USUARIO, or as an export calls it."""


@pytest.fixture(scope="module")
def reader() -> Iterator[ReaderProcess]:
    process = cases.new_reader()
    yield process
    process.close()


@pytest.mark.fault(92)
@pytest.mark.parametrize("case", cases.all_cases() or [None], ids=lambda case: case.name if case else "absent")
def test_no_person_of_a_case_is_named(
    case: Path | None, tmp_path: Path, reader: ReaderProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    """In no table, row in quarantine or line of the ledger, and in nothing that is printed."""
    if case is None:
        pytest.skip("the cases do not lie beside the project")
    became = list(cases.ingested(case, tmp_path, reader))
    assert became, "something is said of every case"
    said = "\n".join([*(f"{one.what}: {one.became}" for one in became), *capfd.readouterr()])
    assert PERSON.lower() not in said.lower()
    if (tmp_path / "home").exists():
        for table, text in tables(tmp_path / "home").items():
            assert PERSON.lower() not in text.lower(), f"{case.name}: {table}"


def tables(home: Path) -> dict[str, str]:
    """Return everything in every table of the lake, as text."""
    with Platform(Settings(home=home)).lake.read() as connection:
        names = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        assert {"resultados", "falhas", "status", "quarantine", "uploads"} <= set(names)
        return {name: str(connection.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names}


def test_the_cases_name_the_person() -> None:
    """Otherwise nothing above could fail."""
    if not cases.all_cases():
        pytest.skip("the cases do not lie beside the project")
    files = [file for case in cases.all_cases() for file in case.rglob("*.csv")]
    assert sum(PERSON.encode() in file.read_bytes() for file in files) > 1
