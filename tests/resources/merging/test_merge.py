"""Merging: each row once, the later one wins, and every row that came in is accounted for."""

import dataclasses
import datetime as dt
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import views
from failure_platform.resources.merging.ledger import LedgerError, refuse
from failure_platform.resources.merging.merge import merge
from failure_platform.resources.merging.validated_rows import validate_rows
from support.merging_plant import NOON, Plant, counts, csv, measured, merge_uploads

REAL = Path(__file__).parents[2] / "real"


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


@pytest.mark.parametrize("data_set", ["ai4i", "azure_m01_10", "secom_first70"])
def test_real_data_is_merged_whole(plant, data_set):
    """Not one row of the real sets is set aside, and each is in the lake once."""
    for kind, contract in CONTRACTS.items():
        line = plant.merge((REAL / data_set / f"{kind}.csv.gz").read_bytes(), kind)
        assert line.merged == line.rows_in > 0
        assert plant.see(views.contract_violations, contract, [line.key]) == 0
        assert plant.see(views.doubled_keys, contract, [line.key]) == 0
    assert plant.see(views.ledger_disagreements) == []


def test_the_line_says_what_became_of_the_rows(plant):
    """Facts, counts, span of time and what was understood stand in the ledger, as they were returned."""
    facts = plant.facts()
    line = plant.merge(
        csv(measured(1), measured(1), measured(2), measured("x"), measured(3, data="2023-05-09 10:00:00")), facts=facts
    )
    assert counts(line) == (5, 2, 1, 1, 1)
    assert (line.key, line.name, line.size, line.received_at, line.state) == (
        facts.key, facts.name, 1, facts.received_at, "merged",
    )  # fmt: skip
    assert (line.first_data, line.last_data) == (dt.datetime(2023, 5, 8, 10), dt.datetime(2023, 5, 9, 10))
    assert line.understood["separator"] == "comma"
    assert plant.see(views.ledger) == [line]
    assert plant.see(views.ledger_line, facts.key) == line


@pytest.mark.fault(16)
def test_within_a_file_the_later_line_wins(plant):
    """A redone entry stands below the old one; the old one is kept aside, exact copies are duplicates."""
    line = plant.merge(csv(measured(1), measured(2), measured(3), measured(2), measured(2)))
    assert counts(line) == (5, 1, 2, 2, 0)
    assert plant.rows("SELECT VALUE FROM resultados") == [(2.0,)]
    assert plant.rows("SELECT VALUE, superseded_by FROM superseded_resultados ORDER BY 1") == [
        (1.0, "u001"),
        (3.0, "u001"),
    ]


@pytest.mark.fault(16)
def test_a_later_upload_wins_and_the_older_line_is_corrected(plant):
    """The older row is kept with who replaced it and when, and `merged` stays the number of rows in the lake."""
    plant.merge(csv(measured(1), measured(1, "012002")))
    second = plant.merge(csv(measured(2), measured(1, "012002"), measured(1, "012003")))
    assert counts(second) == (3, 2, 1, 0, 0)
    first = plant.see(views.ledger_line, "u001")
    assert counts(first) == (2, 1, 0, 1, 0)
    assert plant.rows("SELECT NAME, VALUE, upload FROM resultados ORDER BY 1") == [
        ("012001", 2.0, "u002"), ("012002", 1.0, "u001"), ("012003", 1.0, "u002"),
    ]  # fmt: skip
    assert plant.rows("SELECT VALUE, upload, superseded_by, superseded_at FROM superseded_resultados") == [
        (1.0, "u001", "u002", NOON)
    ]
    assert plant.see(views.ledger_disagreements) == []


def test_uploads_merged_together_end_as_when_merged_one_by_one(plant):
    """One transaction for several uploads changes nothing: the later one wins and the older line is corrected."""
    uploads = []
    for content in (csv(measured(1), measured(1, "012002")), csv(measured(2), measured(1, "012003"))):
        plant.folder = plant.folder / "next"
        plant.folder.mkdir()
        uploads.append((plant.facts(), plant.received(content)))
    first, second = merge_uploads(plant.lake, CONTRACTS["resultados"], uploads, NOON)
    assert counts(first) == (2, 1, 0, 1, 0)
    assert counts(second) == (2, 2, 0, 0, 0)
    assert plant.rows("SELECT NAME, VALUE, upload FROM resultados ORDER BY 1") == [
        ("012001", 2.0, "u002"), ("012002", 1.0, "u001"), ("012003", 1.0, "u002"),
    ]  # fmt: skip
    assert plant.see(views.ledger_disagreements) == []


def test_what_was_received_later_wins_also_when_it_is_merged_first(plant):
    """A retried upload that is merged late does not bring old values back."""
    old, new = plant.facts(), plant.facts()
    plant.merge(csv(measured(2)), facts=new)
    line = plant.merge(csv(measured(1)), facts=old)
    assert counts(line) == (1, 0, 0, 1, 0)
    assert plant.rows("SELECT VALUE FROM resultados") == [(2.0,)]
    assert plant.rows("SELECT VALUE, upload, superseded_by FROM superseded_resultados") == [(1.0, "u001", "u002")]
    assert plant.see(views.ledger_disagreements) == []


@pytest.mark.fault(16)
def test_the_same_row_in_other_padding_and_blanks_is_a_duplicate(plant):
    """A later export writes the same rows otherwise; they are the same rows."""
    plant.merge(csv("2023-2056234,012001,1,10,Nm        ,0,  2.5,2023-05-08 10:00:00.000", measured("", "012002")))
    line = plant.merge(csv('2023-2056234, 012001,1,10.0,Nm,,"2,50",2023-05-08 10:00:00', measured("NaN", "012002")))
    assert counts(line) == (2, 0, 2, 0, 0)


def test_a_missing_part_of_a_key_equals_a_missing_part(plant):
    """HALLE is missing in real rows; such a defect is still one defect."""
    defect = "2023-2056234,T-CROSS,K2K2,DHS,,FHQWRAP,{},{},5,2023-05-08 10:00:00"
    plant.merge(csv(defect.format("", "noise"), defect.format("ROD", "noise"), kind="falhas"), "falhas")
    line = plant.merge(csv(defect.format("   ", "NOISE  "), defect.format("ZP8", "noise"), kind="falhas"), "falhas")
    assert counts(line) == (2, 1, 1, 0, 0)


@pytest.mark.fault(1)
def test_merging_the_same_upload_again_changes_nothing(plant):
    """A run that was killed after its commit may be repeated."""
    facts = plant.facts()
    line = plant.merge(csv(measured(1), measured("x")), facts=facts)
    content = plant.content()
    assert plant.merge(csv(measured(1), measured("x")), facts=facts) == line
    assert (plant.content(), plant.rows("SELECT count(*) FROM quarantine")) == (content, [(1,)])


def test_a_refused_upload_has_a_line_until_it_is_merged(plant):
    """The refusal stands in the ledger with its reason and no rows; a retry that succeeds replaces it."""
    facts = plant.facts()
    with plant.lake.write() as con:
        line = refuse(con, facts, "The file is empty", NOON)
    assert (line.state, line.reason, counts(line)) == ("refused", "The file is empty", (0, 0, 0, 0, 0))
    assert plant.see(views.ledger) == [line]
    merged = plant.merge(csv(measured(1)), facts=facts)
    assert plant.see(views.ledger) == [merged]
    with plant.lake.write() as con:
        assert refuse(con, facts, "too late", NOON) == merged


def test_bad_rows_are_kept_with_place_reasons_and_content(plant):
    """A person finds the line in the original, and sees every reason; nobody's name is among it."""
    bad = "2023-XX56234,T-CROSS,K2K2,DHS,HCEQS506,FHQWRAP,ROD,noise,5,ontem"
    plant.merge(csv(bad, "2023-2056234,too,few", kind="falhas"), "falhas")
    first, second = plant.rows("SELECT * FROM quarantine ORDER BY line")
    assert first[:7] == (
        "u001-2", "u001", "falhas", None, 2, ["KNR", "DATA"],
        ["KNR: does not match ^[0-9]{4}-[0-9]{7}$: '2023-XX56234'", "DATA: not a date and time: 'ontem'"],
    )  # fmt: skip
    raw = json.loads(first[7])
    assert (raw["KNR"], raw["FALHA"], raw["DATA"]) == ("2023-XX56234", "noise", "ontem")
    assert "FHQWRAP" not in first[7]
    assert second[:7] == ("u001-3", "u001", "falhas", None, 3, [], ["line: fewer cells than the header has columns"])
    assert plant.see(views.quarantine_reasons) == [
        ("DATA: not a date and time", 1),
        ("KNR: does not match ^[0-9]{4}-[0-9]{7}$", 1),
        ("line: fewer cells than the header has columns", 1),
    ]
    assert plant.see(views.quarantine_reasons, ["another"]) == []


def test_a_row_newer_than_its_upload_is_set_aside(plant):
    """A wrong year would stretch the time that an upload covers."""
    line = plant.merge(csv(measured(1), measured(1, data="2032-05-08 10:00:00")))
    assert counts(line) == (2, 1, 0, 0, 1)
    assert line.last_data == dt.datetime(2023, 5, 8, 10)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [((), (0, 0, 0, 0, 0)), ((measured("x"), measured("y")), (2, 0, 0, 0, 2))],
    ids=["none", "bad ones"],
)
def test_an_upload_without_good_rows_is_merged_with_none(plant, rows, expected):
    """It covers no time, so it says nothing about any vehicle."""
    line = plant.merge(csv(*rows))
    assert (counts(line), line.first_data, line.last_data) == (expected, None, None)


def test_rows_outside_the_lake_of_their_upload_are_told(plant):
    """Whatever makes tables and ledger disagree is found: the check that all other tests rely on can fail."""
    plant.merge(csv(measured(1), measured("x")))
    with plant.lake.write() as con:
        con.execute("INSERT INTO resultados SELECT * REPLACE ('stray' AS upload) FROM resultados")
        con.execute("DELETE FROM quarantine")
    assert plant.see(views.ledger_disagreements) == [
        "stray: merged 0 by the ledger, 1 found",
        "u001: quarantined 1 by the ledger, 0 found",
    ]
    assert plant.see(views.doubled_keys, CONTRACTS["resultados"], ["u001"]) == 1
    with plant.lake.write() as con:
        con.execute("UPDATE resultados SET STATUS = 11 WHERE upload = 'u001'")
    assert plant.see(views.contract_violations, CONTRACTS["resultados"], ["u001"]) == 1


def test_counts_that_do_not_add_up_stop_the_merge(plant):
    """Should a row ever get lost on the way, nothing of the upload is merged."""
    facts, received = plant.facts(), plant.received(csv(measured(1)))
    validated = validate_rows(CONTRACTS["resultados"], received, facts.received_at)
    lost = dataclasses.replace(validated, received=dataclasses.replace(received, rows_in=2))
    with (
        pytest.raises(LedgerError, match="does not add up and nothing was changed: 2 rows came in"),
        plant.lake.write() as con,
    ):
        merge(con, CONTRACTS["resultados"], [(facts, lost)], NOON)
    assert plant.see(views.row_counts)["resultados"] == 0


def test_views_of_a_table(plant):
    """Previews show the contract's columns only; counts and types are those of the table."""
    plant.merge(csv(measured(1)))
    plant.merge(csv(measured(2, "012002")))
    assert plant.see(views.preview, "resultados", 10, "u002").to_dict("records")[0]["NAME"] == "012002"
    assert list(plant.see(views.preview, "resultados", 1)) == list(CONTRACTS["resultados"].names)
    assert plant.see(views.row_counts)["resultados"] == 2
    assert plant.see(views.column_types, "status")["DATA"] == "TIMESTAMP"


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.arrivals import Upload
from failure_platform.resources.merging.validated_rows import validate_rows
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.merging.merge import merge
from failure_platform.resources.reading.upload import ParsedUpload
folder, contract = Path(sys.argv[1]), CONTRACTS["resultados"]
received = ParsedUpload.load(folder / "work")
facts = Upload("u002", "resultados", "resultados.csv", f"{2:064}", 1, datetime(2026, 11, 21, 12, 2))
with Lake(folder / "lake.duckdb").write() as con:
    merge(con, contract, [(facts, validate_rows(contract, received, facts.received_at))], datetime(2026, 11, 21, 12))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_merge_killed_before_its_commit_did_not_happen_and_can_be_repeated(plant):
    """kill -9 with everything written and nothing committed: the lake is as before, the repetition completes."""
    plant.merge(csv(measured(1)))
    before = plant.content(), plant.see(views.ledger)
    second = csv(measured(2), measured(1, "012002"), measured("x"))
    plant.received(second)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(plant.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (plant.content(), plant.see(views.ledger)) == before
    assert counts(plant.merge(second)) == (3, 2, 0, 0, 1)
    assert plant.see(views.ledger_disagreements) == []
