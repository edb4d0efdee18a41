"""Text from files stays text: no column name, value or file name ever becomes part of a query, a markup or a path."""

import ast
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from failure_platform.cli import drawing
from failure_platform.domain.not_taken import stray_file
from failure_platform.resources.lake.views import ledger, row_counts
from failure_platform.settings import Settings
from support.ticks import Ticks

PACKAGE = Path(__file__).parents[1] / "failure_platform"
SQL = re.compile(r"\b(SELECT|INSERT|DELETE|UPDATE|CREATE|COPY|FROM|WHERE|BETWEEN|ALTER|DROP|VARCHAR)\b")

EVIL = "x'); DROP TABLE falhas; DELETE FROM uploads; --"
EVIL_PERSON = "y'); DROP TABLE falhas; --"
EVIL_COLUMN = 'v""; DROP TABLE falhas; --'
GOOD = "2024-0210001,T-CROSS,K2K2,DHS,PCEQS709,FHQWRAP,ROD,RISCADO,2,2024-01-09 06:00:00"
COLUMNS = "KNR,MODELO,COR,MOTOR,ESTACAO,USUARIO,HALLE,FALHA,S_GROUP_ID,DATA"


@pytest.fixture
def ticks(settings: Settings, dagster_instance: dg.DagsterInstance) -> Ticks:
    return Ticks(settings, dagster_instance, "falhas")


@pytest.mark.fault(36, 37)
def test_names_and_values_that_are_queries_are_kept_as_text(ticks: Ticks) -> None:
    """In the name of the file and of a column, in a good row, a bad row, and a line that is no row."""
    ticks.drop("before.csv", f"{COLUMNS}\n{GOOD}\n")
    ticks.run(ticks.tick())
    ticks.drop(
        f"{EVIL}.csv",
        f'{COLUMNS},"{EVIL_COLUMN}"\n'
        f'2024-0210002,T-CROSS,K2K2,DHS,"{EVIL}","{EVIL_PERSON}",ROD,"{EVIL}",2,2024-01-09 06:00:00,"{EVIL}"\n'
        f'"{EVIL}",T-CROSS,K2K2,DHS,"{EVIL}","{EVIL_PERSON}","{EVIL}","{EVIL}","{EVIL}","{EVIL}","{EVIL}"\n'
        f'2024-0210003,"{EVIL}"\n',
    )
    (run,) = ticks.run(ticks.tick())
    assert run.success
    with ticks.platform.lake.read() as connection:
        counts = row_counts(connection)
        assert (counts["falhas"], counts["quarantine"], counts["uploads"]) == (2, 2, 2)
        kept = connection.execute("SELECT FALHA FROM falhas WHERE KNR = '2024-0210002'").fetchall()
        line = ledger(connection)[-1]
    assert kept == [(EVIL.upper(),)]
    assert (line.name, line.rows_in, line.balanced) == (f"{EVIL}.csv", 3, True)


@pytest.mark.fault(36, 37)
@pytest.mark.parametrize("name", ["[bold]x.csv", "a\nb.csv", "\x1b[2Jx.csv", "relat\udcf3rio.csv"])
def test_whatever_a_file_is_called_the_whole_flow_takes_it(ticks: Ticks, name: str) -> None:
    """Names that do not print, and names that are markup, as far as the ledger and the terminal."""
    ticks.drop(name, f"{COLUMNS}\n{GOOD}\n")
    (run,) = ticks.run(ticks.tick())
    assert run.success
    ((shown, state),) = ticks.states().items()
    assert state == "merged"
    assert shown.isprintable()


def test_what_is_shown_of_a_file_is_no_markup() -> None:
    """A refusal quotes the file; brackets in it would colour the terminal, or end the command with an error."""
    out = Console(record=True, width=200)
    line = {"kind": "falhas", "name": "[red]x.csv", "state": "refused", "reason": "the column [/bold] is not known"}
    counts = dict.fromkeys(("rows_in", "merged", "duplicate", "superseded", "quarantined"), 0)
    beside = asdict(stray_file("[blue]y.csv", ["falhas"]))
    drawing.draw_process({"uploads": [{**line, **counts}], "not_taken": [beside], "targets": {}}, out)
    said = out.export_text()
    assert "[red]x.csv" in said
    assert "[/bold]" in said
    assert "uploads/[blue]y.csv" in said


@pytest.mark.fault(37)
def test_nobody_quotes_by_hand(tmp_path: Path) -> None:
    """A value written into a query needs quotes round it; only `sql_text`, which doubles them, may write these.

    Times are the exception: what `isoformat` returns holds no quote.
    """
    found = [f"{path.relative_to(PACKAGE)}:{line}" for path in sorted(PACKAGE.rglob("*.py")) for line in by_hand(path)]
    assert found == []
    bad = tmp_path / "bad.py"
    bad.write_text("con.execute(f\"SELECT * FROM t WHERE name = '{name}'\")\nx = f'DROP TABLE \"{table}\"'\n")
    assert sorted(by_hand(bad)) == [1, 2]


def by_hand(path: Path) -> Iterator[int]:
    """Lines where an f-string that reads like SQL has a placeholder straight after a quote."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        texts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        if not SQL.search(" ".join(str(text) for text in texts if text is not None)):
            continue
        for text, part in zip(texts, node.values[1:], strict=False):
            quoted = text is not None and str(text).endswith(("'", '"'))
            if quoted and isinstance(part, ast.FormattedValue) and ".isoformat(" not in ast.unparse(part):
                yield node.lineno
