"""The ledger grows with every upload; what one more upload costs does not: only the lines concerned are read."""

import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import views
from failure_platform.resources.merging.ledger import LedgerError
from failure_platform.resources.merging.merge import merge, validate_uploads
from failure_platform.resources.merging.withdraw import withdraw
from support.merging_plant import NOON, Plant, counts, csv, measured

RESULTADOS = CONTRACTS["resultados"]
MANY = 2_000


class Counted:
    """A connection that remembers the most rows that any statement returned."""

    def __init__(self, con):
        self._con, self.most = con, 0

    def execute(self, *args):
        self._con.execute(*args)
        return self

    def fetchall(self):
        rows = self._con.fetchall()
        self.most = max(self.most, len(rows))
        return rows

    def df(self):
        frame = self._con.df()
        self.most = max(self.most, len(frame))
        return frame


@pytest.fixture
def plant(tmp_path):
    """A lake with two uploads that overlap, and thousands of ledger lines of other uploads."""
    plant = Plant(tmp_path)
    plant.merge(csv(*(measured(n, f"{n:06}") for n in range(5))))
    plant.merge(csv(*(measured(n + 1, f"{n:06}") for n in range(3, 8))))
    with plant.lake.write() as con:
        con.execute(
            "INSERT INTO uploads BY NAME SELECT * EXCLUDE (i) REPLACE ('other-' || i AS upload, rows_in AS duplicate, "
            "0 AS merged, 0 AS superseded) FROM uploads, (SELECT range AS i FROM range(?)) WHERE upload = 'u001'",
            [MANY],
        )
    return plant


def test_merging_and_checking_return_the_lines_concerned_alone(plant):
    upload = plant.facts()
    validated = validate_uploads(
        plant.lake, RESULTADOS, [(upload, plant.received(csv(*(measured(n + 2, f"{n:06}") for n in range(4, 10)))))]
    )
    with plant.lake.write() as con:
        counted = Counted(con)
        (line,) = merge(counted, RESULTADOS, validated, NOON)
    assert counts(line) == (6, 6, 0, 0, 0)
    with plant.lake.read() as con:
        counted_read = Counted(con)
        assert views.ledger_disagreements(counted_read, [line.key]) == []
        assert views.contract_violations(counted_read, RESULTADOS, [line.key]) == 0
        assert views.doubled_keys(counted_read, RESULTADOS, [line.key]) == 0
    assert counted.most < 10
    assert counted_read.most < 10
    assert len(plant.see(views.ledger)) == MANY + 3
    assert plant.see(views.ledger_disagreements) == []


def test_withdrawing_returns_the_lines_concerned_alone(plant):
    with plant.lake.write() as con:
        counted = Counted(con)
        withdraw(counted, RESULTADOS, "u002", "wrong file", NOON)
    assert counted.most < 10
    assert counts(plant.see(views.ledger_line, "u001")) == (5, 5, 0, 0, 0)
    assert plant.see(views.ledger_disagreements) == []


@pytest.mark.parametrize("wrong", ["u001", "u002"])
def test_a_line_whose_rows_moved_must_add_up_whichever_upload_moved_them(plant, wrong):
    """The upload that is merged adds up, and one whose row it replaces does not: nothing is changed."""
    with plant.lake.write() as con:
        con.execute("UPDATE uploads SET rows_in = rows_in + 1 WHERE upload = ?", [wrong])
    before = plant.state()
    row = {"u001": measured(9, "000001"), "u002": measured(9, "000006")}
    with pytest.raises(LedgerError, match=f"Upload {wrong} does not add up"):
        plant.merge(csv(row[wrong]))
    assert plant.state() == before


def test_a_line_to_which_a_withdrawal_gives_rows_back_must_add_up(plant):
    with plant.lake.write() as con:
        con.execute("UPDATE uploads SET rows_in = rows_in + 1 WHERE upload = 'u001'")
    before = plant.state()
    with pytest.raises(LedgerError, match="Upload u001 does not add up"):
        plant.withdraw("u002")
    assert plant.state() == before


def test_lines_are_found_by_key_name_and_hash_and_missing_ones_with_the_rows_that_replaced_theirs(plant):
    """Rows without a line are found with the upload that replaced them."""
    with plant.lake.write() as con:
        con.execute("DELETE FROM uploads WHERE upload = 'u001'")
    assert plant.see(views.ledger_disagreements, ["other-1"]) == []
    assert plant.see(views.ledger_disagreements, ["u002"]) == [
        "u001: merged 0 by the ledger, 3 found",
        "u001: superseded 0 by the ledger, 2 found",
    ]
    assert plant.see(views.ledger_lines_called, "other-7")[0].key == "other-7"
    assert len(plant.see(views.ledger_lines, "resultados", {"u002", "other-3", "nobody"})) == 2
    assert plant.see(views.ledger_lines, "status", {"u002"}) == []
