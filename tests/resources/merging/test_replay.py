"""Replay: the archive alone gives the whole lake again; withdrawing: one upload goes, and stays gone."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from failure_platform.cli.app import app
from failure_platform.cli.flow import run_flow
from failure_platform.cli.lake_commands import replay_lake
from failure_platform.cli.upload_commands import list_uploads, withdraw_upload
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import views
from failure_platform.resources.merging.withdraw import NotWithdrawableError
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from support.merging_plant import csv, measured

STATUS = "KNR,STATUS,DATA\n2023-2056234,M700,2023-05-08 11:00:00\n"


def quiet(_line):
    """No progress is wanted here."""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home with overlapping, contradicting, bad and refused uploads, and a quarantined row that was corrected."""
    settings = Settings(home=tmp_path_factory.mktemp("template") / "home", settle_seconds=0, port=0)
    drop(settings, "resultados/a.csv", csv(measured(1), measured(5, "012002"), measured("x", "012003")))
    drop(settings, "status/s.csv", STATUS)
    drop(settings, "status/refused.csv", "nothing,of,use\n1,2,3\n")
    run_flow(settings, quiet)
    with Platform(settings).lake.read() as connection:
        [(identity,)] = connection.execute("SELECT id FROM quarantine").fetchall()
    header, row = csv(measured(7, "012003")).splitlines()
    drop(settings, "resultados/b.csv", csv(measured(2), measured(5, "012002")))
    drop(settings, "resultados/corrected.csv", f"{header},QUARANTINE_ID\n{row},{identity}\n")
    run_flow(settings, quiet)
    return settings


@pytest.fixture
def filled(template, settings):
    """A copy of that home: of the same files at the same times, so that nothing looks new."""
    shutil.copytree(template.root, settings.root)
    return settings


def drop(settings, name, text):
    path = settings.uploads_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def state(settings):
    with Platform(settings).lake.read() as connection:
        states = {kind: views.state_hash(connection, contract) for kind, contract in CONTRACTS.items()}
        lines = {line.key: (line.state, line.merged, line.rows_in) for line in views.ledger(connection)}
        rows = connection.execute("SELECT id, corrected_by FROM quarantine ORDER BY 1").fetchall()
    return states, lines, rows


def test_the_archive_gives_the_identical_lake(filled):
    """Rows, history and ledger are the same, so nothing is replaced; a difference would be told by --check."""
    before = state(filled)
    assert replay_lake(filled, check=True, say=quiet)["identical"]
    with Platform(filled).lake.write() as connection:
        connection.execute("UPDATE resultados SET VALUE = VALUE + 1, row_hash = row_hash + 1 WHERE NAME = '012001'")
    result = replay_lake(filled, check=True, say=quiet)
    assert not result["identical"]
    assert not result["replaced"]
    assert [kind["kind"] for kind in result["kinds"] if not kind["identical"]] == ["resultados"]
    assert replay_lake(filled, check=False, say=quiet)["replaced"]
    assert state(filled) == before


@pytest.mark.fault(5, 6)
@pytest.mark.parametrize("damage", ["lost", "garbage"])
def test_a_lost_or_damaged_lake_is_rebuilt_with_the_models_tables(filled, damage):
    """The disaster: the lake's file is gone or garbage. Uploads come from the archive, versions from the snapshot."""
    before = state(filled)
    versions = Platform(filled).registry.versions("road_test")
    if damage == "lost":
        filled.lake_file.unlink()
    else:
        filled.lake_file.write_bytes(b"garbage" * 1000)
    result = replay_lake(filled, check=False, say=quiet)
    assert result["replaced"]
    assert state(filled) == before
    assert Platform(filled).registry.versions("road_test") == versions
    run_flow(filled, quiet)
    assert state(filled) == before


def test_a_withdrawn_upload_stays_out(filled):
    """What it had replaced is back, and neither another look at the folder nor a replay brings it back."""
    line = withdraw_upload(filled, "b.csv", who="Ana", why="wrong station")
    assert (line["state"], line["reason"]) == ("withdrawn", "withdrawn by Ana: wrong station")
    with Platform(filled).lake.read() as connection:
        assert connection.execute("SELECT VALUE FROM resultados WHERE NAME = '012001'").fetchall() == [(1.0,)]
    after = state(filled)
    run_flow(filled, quiet)
    assert state(filled) == after
    assert replay_lake(filled, check=True, say=quiet)["identical"]
    assert {u["name"]: u["state"] for u in list_uploads(filled, "resultados")["uploads"]} == {
        "a.csv": "merged", "b.csv": "withdrawn", "corrected.csv": "merged",
    }  # fmt: skip


def test_an_unknown_or_refused_upload_is_not_withdrawn(filled):
    """A slip of the hand changes nothing and is told what to type."""
    before = state(filled)
    with pytest.raises(NotWithdrawableError, match="no upload of this lake"):
        withdraw_upload(filled, "c.csv", who="Ana", why="-")
    with pytest.raises(NotWithdrawableError, match="was refused"):
        withdraw_upload(filled, "refused.csv", who="Ana", why="-")
    assert state(filled) == before


def test_the_commands_speak(filled):
    """Typed at a terminal: the ledger as JSON, a wrong name ends with code 2, a check of an identical lake with 0."""
    run = CliRunner().invoke(app, ["uploads", "--json"])
    assert {u["state"] for u in json.loads(run.stdout)["uploads"]} == {"merged", "refused"}
    assert CliRunner().invoke(app, ["replay", "--check"]).exit_code == 0
