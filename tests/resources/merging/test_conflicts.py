"""Order rules: the lake depends on which uploads are in, never on when they were merged, and any can be taken out."""

import datetime as dt
import itertools

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import views
from failure_platform.resources.merging.withdraw import NotWithdrawableError
from support.examples import examples
from support.merging_plant import Plant, counts, csv, measured, merge_uploads

few = examples(6, suppress_health_check=[HealthCheck.function_scoped_fixture])

# A handful of keys and values, so that uploads repeat and contradict each other often.
one_row = st.builds(
    measured,
    st.sampled_from(["1", "2", "", "2,50", "bad"]),
    st.sampled_from(["012001", "012002"]),
    st.sampled_from(["2023-05-08 10:00:00", "2023-05-08 10:00:01"]),
    st.sampled_from(["2023-2056234", "2023-2056235"]),
).map(lambda line: line.replace("2,50", '"2,50"'))
some_uploads = st.lists(st.lists(one_row, max_size=6), min_size=1, max_size=5)


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


def by_hand(line):
    cells = line.replace('"2,50"', "2.5").split(",")
    return (cells[0], cells[1], cells[7]), cells[6] if cells[6] == "bad" else float(cells[6]) if cells[6] else None


def expected(uploads):
    """The rule in plain Python: (key -> (value, upload)), superseded rows, and counts, of uploads in arrival order."""
    counted = {}
    claims = {}
    superseded = []
    for upload, rows in uploads:
        good = [row for row in rows if row[1] != "bad"]
        last = dict(good)
        counted[upload] = {"merged": 0, "duplicate": len(good) - len(set(good)), "quarantined": len(rows) - len(good)}
        for key, value in sorted(set(good) - set(last.items()), key=str):
            superseded.append((*key, value, upload, upload))
        counted[upload]["superseded"] = len(set(good)) - len(last)
        for key, value in last.items():
            claims.setdefault(key, []).append((value, upload))
    lake = {}
    for key, made in claims.items():
        firsts = [claim for place, claim in enumerate(made) if place == 0 or made[place - 1][0] != claim[0]]
        for value, upload in made:
            fate = (
                "duplicate" if (value, upload) not in firsts else "merged" if upload == firsts[-1][1] else "superseded"
            )
            counted[upload][fate] += 1
        superseded += [(*key, v, u, by) for (v, u), (_, by) in itertools.pairwise(firsts)]
        lake[key] = firsts[-1]
    return lake, superseded, counted


def assert_follows_the_rule(plant, uploads):
    lake, superseded, counted = expected([(key, [by_hand(line) for line in rows]) for key, rows in uploads])
    look = "KNR, NAME, CAST(DATA AS VARCHAR), VALUE, upload"
    assert sorted(plant.rows(f"SELECT {look} FROM resultados"), key=str) == sorted(
        [(*key, *claim) for key, claim in lake.items()], key=str
    )
    assert sorted(plant.rows(f"SELECT {look}, superseded_by FROM superseded_resultados"), key=str) == sorted(
        superseded, key=str
    )
    for line in plant.see(views.ledger):
        if line.state == "merged":
            assert {name: getattr(line, name) for name in counted[line.key]} == counted[line.key]
            assert line.balanced
    assert plant.see(views.ledger_disagreements) == []


@pytest.mark.fault(16)
@few
@given(some_uploads, st.randoms(use_true_random=False), st.integers(1, 3))
def test_the_lake_follows_the_rule_in_any_order_and_grouping_of_merging(tmp_path_factory, uploads, order, together):
    """Merged in another order than received, one by one or together: rows, history and ledger are those of the rule."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    received = [(plant.facts(), rows) for rows in uploads]
    waiting = list(received)
    order.shuffle(waiting)
    while waiting:
        group, waiting = waiting[:together], waiting[together:]
        plant.merge_together([(facts, csv(*rows)) for facts, rows in group])
        done = {facts.key for facts, _ in received} - {facts.key for facts, _ in waiting}
        assert_follows_the_rule(plant, [(f.key, rows) for f, rows in received if f.key in done])


@few
@given(some_uploads, st.data())
def test_withdrawing_leaves_the_lake_as_if_the_upload_had_never_come(tmp_path_factory, uploads, data):
    """What it had superseded is back, what others said too is theirs now; and it can be merged again."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    received = [(plant.facts(), rows) for rows in uploads]
    for facts, rows in received:
        plant.merge(csv(*rows), facts=facts)
    before = plant.state()
    out = data.draw(st.sampled_from(received), label="withdrawn")
    line = plant.withdraw(out[0].key)
    assert (line.state, counts(line), line.first_data) == ("withdrawn", (0, 0, 0, 0, 0), None)
    assert_follows_the_rule(plant, [(f.key, rows) for f, rows in received if f is not out[0]])
    assert plant.withdraw(out[0].key) == line
    plant.merge(csv(*out[1]), facts=out[0])
    assert plant.state() == before


def test_values_x_y_x_merged_out_of_order_end_with_the_last_received(plant):
    """A duplicate is remembered: when the value between comes late, the last word still is the last word."""
    first, second, third = plant.facts(), plant.facts(), plant.facts()
    plant.merge(csv(measured(1)), facts=first)
    assert counts(plant.merge(csv(measured(1)), facts=third)) == (1, 0, 1, 0, 0)
    plant.merge(csv(measured(2)), facts=second)
    assert plant.rows("SELECT VALUE, upload FROM resultados") == [(1.0, "u003")]
    assert plant.rows("SELECT VALUE, upload, superseded_by FROM superseded_resultados ORDER BY upload") == [
        (1.0, "u001", "u002"),
        (2.0, "u002", "u003"),
    ]


def test_withdrawing_a_correction_opens_its_quarantined_rows_again(plant):
    """A wrong correction is taken back, and the row waits for a right one."""
    plant.merge(csv(measured("x")))
    [(identity,)] = plant.rows("SELECT id FROM quarantine")
    header, row = csv(measured(5)).splitlines()
    line = plant.merge(f"{header},QUARANTINE_ID\n{row},{identity}\n")
    assert counts(line) == (1, 1, 0, 0, 0)
    assert plant.rows("SELECT corrected_by FROM quarantine") == [(line.key,)]
    plant.withdraw(line.key)
    assert plant.rows("SELECT corrected_by, corrected_at FROM quarantine") == [(None, None)]


def test_what_is_not_in_the_lake_cannot_be_withdrawn(plant):
    """A wrong key is told, with where to find the right one."""
    with pytest.raises(NotWithdrawableError, match="is not in the ledger"):
        plant.withdraw("u999")


def test_a_defect_without_a_hall_is_settled_like_any_other(plant):
    """A missing part of the key equals a missing part, also where the rule of claims decides."""
    defect = "2023-2056234,T-CROSS,{},DHS,HCEQS506,FHQWRAP,,NOISE,5,2023-05-08 10:00:00"
    old, new = plant.facts("falhas"), plant.facts("falhas")
    plant.merge(csv(defect.format("K2K2"), kind="falhas"), "falhas", new)
    plant.merge(csv(defect.format("A1A1"), kind="falhas"), "falhas", old)
    assert plant.rows("SELECT COR FROM falhas") == [("K2K2",)]
    plant.withdraw(new.key, "falhas")
    assert plant.rows("SELECT COR, HALLE FROM falhas") == [("A1A1", None)]
    assert plant.see(views.ledger_disagreements) == []


def test_the_span_of_a_withdrawn_upload_is_no_longer_covered(plant):
    """Coverage decides who counts as not failed: an upload that is out covers nothing."""
    line = plant.merge(csv(measured(1), measured(1, data="2023-06-08 10:00:00")))
    assert line.last_data == dt.datetime(2023, 6, 8, 10)
    assert plant.withdraw(line.key).last_data is None


def test_uploads_of_another_kind_are_left_alone(plant):
    """Withdrawing needs the upload's own kind, so that a slip of the hand takes nothing else out."""
    line = plant.merge(csv(measured(1)))
    with pytest.raises(NotWithdrawableError):
        plant.withdraw(line.key, "status")
    assert merge_uploads(plant.lake, CONTRACTS["resultados"], [], line.merged_at) == []
