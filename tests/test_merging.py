"""Merging: each row once, the later one wins, and every row that came in is accounted for."""

import dataclasses
import datetime as dt
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.ledger import UploadFacts
from failure_platform.resources import lake_views
from failure_platform.resources.judged_rows import judge_rows
from failure_platform.resources.lake import Lake
from failure_platform.resources.merging import LedgerError, merge, merge_upload, merge_uploads, refuse
from failure_platform.resources.reading import read_upload

REAL = Path(__file__).parent / "real"
NOON = dt.datetime(2026, 11, 21, 12)
HEADERS = {kind: ",".join(contract.names) for kind, contract in CONTRACTS.items()}


class Plant:
    """A lake in a folder, and a clock that moves on a minute with each upload."""

    def __init__(self, folder):
        self.folder = folder
        self.lake = Lake(folder / "lake.duckdb", wait_seconds=5)
        self.count = 0

    def facts(self, kind="resultados"):
        self.count += 1
        return UploadFacts(
            f"u{self.count:03}", kind, f"{kind}.csv", f"{self.count:064}", 1, NOON + dt.timedelta(minutes=self.count)
        )

    def received(self, content, kind="resultados"):
        path = self.folder / "original"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_upload(path, CONTRACTS[kind], self.folder / "work", person_key=b"key")

    def merge(self, content, kind="resultados", facts=None):
        facts = facts or self.facts(kind)
        return merge_upload(self.lake, CONTRACTS[kind], facts, self.received(content, kind), NOON)

    def see(self, look, *args):
        with self.lake.read() as con:
            return look(con, *args)

    def rows(self, query):
        with self.lake.read() as con:
            return con.execute(query).fetchall()

    def content(self, kind="resultados"):
        return self.see(lake_views.content_hash, CONTRACTS[kind])


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


def measured(value, name="012001", data="2023-05-08 10:00:00", knr="2023-2056234"):
    return f"{knr},{name},1,10,Nm,0,{value},{data}"


def csv(*rows, kind="resultados"):
    return "\n".join([HEADERS[kind], *rows]) + "\n"


def counts(line):
    return (line.rows_in, line.merged, line.duplicate, line.superseded, line.quarantined)


@pytest.mark.parametrize("data_set", ["ai4i", "azure_m01_10", "secom_first70"])
def test_real_data_is_merged_whole(plant, data_set):
    """Not one row of the real sets is set aside, and each is in the lake once."""
    for kind, contract in CONTRACTS.items():
        line = plant.merge((REAL / data_set / f"{kind}.csv.gz").read_bytes(), kind)
        assert line.merged == line.rows_in > 0
        assert plant.see(lake_views.contract_violations, contract, [line.upload]) == 0
        assert plant.see(lake_views.doubled_keys, contract, [line.upload]) == 0
    assert plant.see(lake_views.ledger_disagreements) == []


def test_the_line_says_what_became_of_the_rows(plant):
    """Facts, counts, span of time and what was understood stand in the ledger, as they were returned."""
    facts = plant.facts()
    line = plant.merge(
        csv(measured(1), measured(1), measured(2), measured("x"), measured(3, data="2023-05-09 10:00:00")), facts=facts
    )
    assert counts(line) == (5, 2, 1, 1, 1)
    assert (line.upload, line.name, line.bytes, line.received_at, line.state) == (
        facts.key, facts.name, 1, facts.received_at, "merged",
    )  # fmt: skip
    assert (line.first_data, line.last_data) == (dt.datetime(2023, 5, 8, 10), dt.datetime(2023, 5, 9, 10))
    assert line.understood["separator"] == "comma"
    assert plant.see(lake_views.ledger) == [line]
    assert plant.see(lake_views.ledger_line, facts.key) == line


def test_within_a_file_the_later_line_wins(plant):
    """A redone entry stands below the old one; the old one is kept aside, exact copies are duplicates."""
    line = plant.merge(csv(measured(1), measured(2), measured(3), measured(2), measured(2)))
    assert counts(line) == (5, 1, 2, 2, 0)
    assert plant.rows("SELECT VALUE FROM resultados") == [(2.0,)]
    assert plant.rows("SELECT VALUE, superseded_by FROM superseded_resultados ORDER BY 1") == [
        (1.0, "u001"),
        (3.0, "u001"),
    ]


def test_a_later_upload_wins_and_the_older_line_is_corrected(plant):
    """The older row is kept with who replaced it and when, and `merged` stays the number of rows in the lake."""
    plant.merge(csv(measured(1), measured(1, "012002")))
    second = plant.merge(csv(measured(2), measured(1, "012002"), measured(1, "012003")))
    assert counts(second) == (3, 2, 1, 0, 0)
    first = plant.see(lake_views.ledger_line, "u001")
    assert counts(first) == (2, 1, 0, 1, 0)
    assert plant.rows("SELECT NAME, VALUE, upload FROM resultados ORDER BY 1") == [
        ("012001", 2.0, "u002"), ("012002", 1.0, "u001"), ("012003", 1.0, "u002"),
    ]  # fmt: skip
    assert plant.rows("SELECT VALUE, upload, superseded_by, superseded_at FROM superseded_resultados") == [
        (1.0, "u001", "u002", NOON)
    ]
    assert plant.see(lake_views.ledger_disagreements) == []


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
    assert plant.see(lake_views.ledger_disagreements) == []


def test_what_was_received_later_wins_also_when_it_is_merged_first(plant):
    """A retried upload that is merged late does not bring old values back."""
    old, new = plant.facts(), plant.facts()
    plant.merge(csv(measured(2)), facts=new)
    line = plant.merge(csv(measured(1)), facts=old)
    assert counts(line) == (1, 0, 0, 1, 0)
    assert plant.rows("SELECT VALUE FROM resultados") == [(2.0,)]
    assert plant.rows("SELECT VALUE, upload, superseded_by FROM superseded_resultados") == [(1.0, "u001", "u002")]
    assert plant.see(lake_views.ledger_disagreements) == []


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
    assert plant.see(lake_views.ledger) == [line]
    merged = plant.merge(csv(measured(1)), facts=facts)
    assert plant.see(lake_views.ledger) == [merged]
    with plant.lake.write() as con:
        assert refuse(con, facts, "too late", NOON) == merged


def test_bad_rows_are_kept_with_place_reasons_and_content(plant):
    """A person finds the line in the original, and sees every reason; nobody's name is among it."""
    bad = "2023-XX56234,T-CROSS,K2K2,DHS,HCEQS506,FHQWRAP,ROD,noise,5,ontem"
    plant.merge(csv(bad, "2023-2056234,too,few", kind="falhas"), "falhas")
    first, second = plant.rows("SELECT * FROM quarantine ORDER BY line")
    assert first[:6] == (
        "u001", "falhas", None, 2, ["KNR", "DATA"],
        ["KNR: does not match ^[0-9]{4}-[0-9]{7}$: '2023-XX56234'", "DATA: not a date and time: 'ontem'"],
    )  # fmt: skip
    raw = json.loads(first[6])
    assert (raw["KNR"], raw["FALHA"], raw["DATA"]) == ("2023-XX56234", "noise", "ontem")
    assert "FHQWRAP" not in first[6]
    assert second[:6] == ("u001", "falhas", None, 3, [], ["line: fewer cells than the header has columns"])
    assert plant.see(lake_views.quarantine_reasons) == [
        ("DATA: not a date and time", 1),
        ("KNR: does not match ^[0-9]{4}-[0-9]{7}$", 1),
        ("line: fewer cells than the header has columns", 1),
    ]
    assert plant.see(lake_views.quarantine_reasons, "another") == []


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
    assert plant.see(lake_views.ledger_disagreements) == [
        "stray: merged 0 by the ledger, 1 found",
        "u001: quarantined 1 by the ledger, 0 found",
    ]
    assert plant.see(lake_views.doubled_keys, CONTRACTS["resultados"], ["u001"]) == 1
    with plant.lake.write() as con:
        con.execute("UPDATE resultados SET STATUS = 11 WHERE upload = 'u001'")
    assert plant.see(lake_views.contract_violations, CONTRACTS["resultados"], ["u001"]) == 1


def test_counts_that_do_not_add_up_stop_the_merge(plant):
    """Should a row ever get lost on the way, nothing of the upload is merged."""
    facts, received = plant.facts(), plant.received(csv(measured(1)))
    judged = judge_rows(CONTRACTS["resultados"], received, facts.received_at)
    with (
        pytest.raises(LedgerError, match="does not add up and was not merged: 2 rows came in"),
        plant.lake.write() as con,
    ):
        merge(con, CONTRACTS["resultados"], facts, dataclasses.replace(judged, rows_in=2), NOON)
    assert plant.see(lake_views.row_counts)["resultados"] == 0


def test_views_of_a_table(plant):
    """Previews show the contract's columns only; counts and types are those of the table."""
    plant.merge(csv(measured(1)))
    plant.merge(csv(measured(2, "012002")))
    assert plant.see(lake_views.preview, "resultados", 10, "u002").to_dict("records")[0]["NAME"] == "012002"
    assert list(plant.see(lake_views.preview, "resultados", 1)) == list(CONTRACTS["resultados"].names)
    assert plant.see(lake_views.row_counts)["resultados"] == 2
    assert plant.see(lake_views.column_types, "status")["DATA"] == "TIMESTAMP"


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.ledger import UploadFacts
from failure_platform.resources.judged_rows import judge_rows
from failure_platform.resources.lake import Lake
from failure_platform.resources.merging import merge
from failure_platform.resources.reading import Received
folder, contract = Path(sys.argv[1]), CONTRACTS["resultados"]
received = Received.load(folder / "work")
facts = UploadFacts("u002", "resultados", "resultados.csv", f"{2:064}", 1, datetime(2026, 11, 21, 12, 2))
with Lake(folder / "lake.duckdb").write() as con:
    merge(con, contract, facts, judge_rows(contract, received, facts.received_at), datetime(2026, 11, 21, 12))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_merge_killed_before_its_commit_did_not_happen_and_can_be_repeated(plant):
    """kill -9 with everything written and nothing committed: the lake is as before, the repetition completes."""
    plant.merge(csv(measured(1)))
    before = plant.content(), plant.see(lake_views.ledger)
    second = csv(measured(2), measured(1, "012002"), measured("x"))
    plant.received(second)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(plant.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (plant.content(), plant.see(lake_views.ledger)) == before
    assert counts(plant.merge(second)) == (3, 2, 0, 0, 1)
    assert plant.see(lake_views.ledger_disagreements) == []


# A handful of keys and values, so that uploads repeat and contradict each other often.
one_row = st.builds(
    measured,
    st.sampled_from(["1", "2", "", "2,50", "bad"]),
    st.sampled_from(["012001", "012002"]),
    st.sampled_from(["2023-05-08 10:00:00", "2023-05-08 10:00:01", "8/5/2023 10:00:02"]),
    st.sampled_from(["2023-2056234", "2023-2056235"]),
).map(lambda line: line.replace("2,50", '"2,50"'))
slow_but_few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expected_lake(uploads):
    """The rules in plain Python: uploads in the order in which they were received, lists of (key, value or None)."""
    lake, lines = {}, []
    for number, rows in enumerate(uploads):
        good = [row for row in rows if row[1] != "bad"]
        last = dict(good)
        line = {"duplicate": len(good) - len(set(good)), "quarantined": len(rows) - len(good), "merged": 0,
                "superseded": len(set(good)) - len(last)}  # fmt: skip
        lines.append(line)
        for key, value in last.items():
            if key in lake and lake[key][0] == value:
                line["duplicate"] += 1
                continue
            if key in lake:
                lines[lake[key][1]]["merged"] -= 1
                lines[lake[key][1]]["superseded"] += 1
            lake[key] = (value, number)
            line["merged"] += 1
    return {key: value for key, (value, _) in lake.items()}, lines


@slow_but_few
@given(st.lists(st.lists(one_row, max_size=8), min_size=1, max_size=4))
def test_the_lake_is_what_the_rules_say(tmp_path_factory, uploads):
    """Rows and ledger lines of any uploads that repeat and contradict each other are those of the rules by hand."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    for rows in uploads:
        plant.merge(csv(*rows))

    def by_hand(line):
        cells = line.replace('"2,50"', "2.5").split(",")
        moment = cells[7].replace("8/5/2023", "2023-05-08")
        value = cells[6] if cells[6] == "bad" else float(cells[6]) if cells[6] else None
        return (cells[0], cells[1], moment), value

    lake, lines = expected_lake([[by_hand(line) for line in rows] for rows in uploads])
    found = plant.rows("SELECT KNR, NAME, CAST(DATA AS VARCHAR), VALUE FROM resultados")
    assert sorted(found, key=str) == sorted([(*key, value) for key, value in lake.items()], key=str)
    for line, expected in zip(plant.see(lake_views.ledger), lines, strict=True):
        assert {name: getattr(line, name) for name in expected} == expected
        assert line.balanced
    assert plant.see(lake_views.ledger_disagreements) == []


@slow_but_few
@given(st.lists(st.lists(one_row, max_size=6), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_ledger_agrees_in_any_order_of_merging(tmp_path_factory, uploads, order):
    """Uploads that are merged in another order than they were received in are accounted for all the same."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    waiting = [(plant.facts(), rows) for rows in uploads]
    order.shuffle(waiting)
    for facts, rows in waiting:
        plant.merge(csv(*rows), facts=facts)
        assert plant.see(lake_views.ledger_disagreements) == []
    assert plant.rows("SELECT count(*) - count(DISTINCT (KNR, NAME, ID, VALUE_ID, DATA)) FROM resultados") == [(0,)]


DIALECTS = [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), ("|", "cp1252")]


@slow_but_few
@given(
    st.integers(0, 40),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from(DIALECTS), min_size=4, max_size=4),
)
def test_shuffled_split_repeated_and_rewritten_rows_make_the_same_lake(
    tmp_path_factory, size, parts, shuffle, dialects
):
    """Where no rows contradict each other, neither the order of rows, columns and files nor their writing matters."""
    rows = [measured(number, f"{number:06}", f"2023-05-{number % 28 + 1:02} 10:00:00") for number in range(size)]
    whole = Plant(tmp_path_factory.mktemp("whole"))
    whole.merge(csv(*rows))
    table = [line.split(",") for line in [HEADERS["resultados"], *rows]]
    pieces = Plant(tmp_path_factory.mktemp("pieces"))
    for part, (separator, encoding) in zip(range(parts), dialects, strict=False):
        columns = random.Random(part).sample(range(8), 8)
        body = [row for number, row in enumerate(table[1:]) if number % parts == part or shuffle.random() < 0.3]
        shuffle.shuffle(body)
        text = "\r\n".join(separator.join(row[column] for column in columns) for row in [table[0], *body])
        pieces.merge(text.encode(encoding))
    assert pieces.content() == whole.content()
    assert sum(line.merged for line in pieces.see(lake_views.ledger)) == size
