"""Updating the vehicles table for the vehicles that uploads touch always gives the result of a full rebuild."""

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from failure_platform.domain.features import names as feature_names
from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.vehicles import feature_blocks, feature_sql
from support.examples import examples
from support.vehicle_plant import VEHICLES, VehiclePlant, defect, event, knr, result, upload, usual

GROUP_4 = replace(ROAD_TEST, name="group_4", failure_groups=("4",))


@pytest.fixture(scope="module")
def usual_plant(tmp_path_factory):
    found = VehiclePlant(tmp_path_factory.mktemp("usual"))
    found.take(*usual())
    assert found.update().rebuild_reason == "there was no table yet"
    return found


@pytest.fixture
def plant(usual_plant, tmp_path):
    """The usual uploads, with their table built."""
    return usual_plant.copy(tmp_path / "plant")


def cell(plant, vehicle, feature):
    return plant.table().set_index("KNR").at[knr(vehicle), feature]


def test_only_the_vehicles_of_new_uploads_are_described(plant):
    plant.take(upload("resultados", result(15, -1, value=7)), upload("status", event(4, -5, "M620")))
    done = plant.update()
    assert (done.described, done.uploads, done.rebuild_reason) == (2, 2, None)
    assert cell(plant, 15, "value:2:041001:0") == 7
    assert cell(plant, 4, "stage:M620:M700") == 5
    plant.require_same_as_rebuilt()


def test_nothing_new_describes_nobody_and_writes_nothing(plant):
    commits = plant.rows("SELECT number FROM commits")
    done = plant.update()
    assert (done.described, done.uploads, done.rebuild_reason, len(done.frame)) == (0, 0, None, VEHICLES)
    assert plant.rows("SELECT number FROM commits") == commits


def test_uploads_of_a_kind_that_describes_no_vehicle_change_nothing(plant):
    """Neither new, nor merged again, nor withdrawn."""
    assert "torque" not in READ_KINDS
    for change in (
        "INSERT INTO uploads BY NAME SELECT * REPLACE ('torque' AS kind, 'other' AS upload) FROM uploads LIMIT 1",
        "UPDATE uploads SET merged_at = merged_at + INTERVAL 1 DAY WHERE kind = 'torque'",
        "DELETE FROM uploads WHERE kind = 'torque'",
    ):
        with plant.lake.write() as connection:
            connection.execute(change)
        done = plant.update()
        assert (done.described, done.uploads, done.rebuild_reason) == (0, 0, None)


def test_a_new_feature_is_absent_in_the_others_by_the_rule_of_its_family(plant):
    """A count nobody else has is zero, a value unknown; an earlier defect is zero only where falhas cover it."""
    plant.take(
        upload("resultados", result(3, test="777", value=None, status=13), result(3, test="778")),
        upload("falhas", defect(0, -1, "ZP5", "9")),
    )
    assert plant.update().rebuild_reason is None
    assert (cell(plant, 3, "nok:2:777"), cell(plant, 9, "nok:2:777")) == (1, 0)
    assert (cell(plant, 3, "value:2:778:0"), math.isnan(cell(plant, 9, "value:2:778:0"))) == (1, True)
    assert (cell(plant, 0, "defects:HALLE:ZP5"), cell(plant, 1, "defects:HALLE:ZP5")) == (1, 0)
    assert math.isnan(cell(plant, 15, "defects:HALLE:ZP5")), "no falhas upload covers its prediction point"
    plant.require_same_as_rebuilt()


def test_a_feature_that_no_vehicle_has_any_more_disappears(plant):
    plant.take(upload("resultados", result(3, test="777")))
    plant.update()
    assert "value:2:777:0" in plant.table().columns
    plant.take(upload("resultados", result(3, test="777", value=None)))
    assert plant.update().rebuild_reason is None
    assert "value:2:777:0" not in plant.table().columns
    plant.require_same_as_rebuilt()


def test_a_late_correction_reaches_whoever_is_measured_against_it(plant):
    """The running median of the days after moves; vehicles of other days stay as they are."""
    distance = "distance:2:041001:0"
    before = plant.table().set_index("KNR")[distance]
    assert before.notna().sum() >= 4, "else the test shows nothing"
    plant.take(upload("resultados", *(result(i, value=90) for i in range(6))))
    done = plant.update()
    assert done.rebuild_reason is None
    assert not plant.table().set_index("KNR")[distance].equals(before)
    plant.require_same_as_rebuilt()


def test_an_earlier_prediction_point_and_one_that_was_lacking(plant):
    plant.take(upload("status", event(3, -4), event(VEHICLES)), upload("resultados", result(VEHICLES)))
    done = plant.update()
    assert (done.rebuild_reason, len(plant.table())) == (None, VEHICLES + 1)
    assert math.isnan(cell(plant, 3, "distance:2:041001:0"))
    plant.require_same_as_rebuilt()


def test_labels_of_vehicles_that_no_upload_names_follow_the_coverage(plant):
    before = plant.table().set_index("KNR")["label"]
    plant.take(upload("falhas", defect(2, -90), defect(2, 130)))
    assert plant.update().rebuild_reason is None
    now = plant.table().set_index("KNR")["label"]
    assert before.notna().sum() == 0 < now.notna().sum() < VEHICLES
    assert now[knr(5)] == 1, "its failure was in the lake, and was not covered yet"
    plant.require_same_as_rebuilt()


def test_what_an_export_covers_stays_when_a_later_one_replaces_its_rows(plant):
    """Its only row with a failure group is corrected by a file of a single day; it had groups all the same."""
    plant.take(upload("falhas", defect(0, -90, group="4"), defect(9, 140)))
    before = plant.update(GROUP_4).frame["label"]
    assert before.notna().sum() == VEHICLES - 1, "of vehicle 1, a defect in ROD has no group"
    plant.take(upload("falhas", defect(0, -90, group="5")))
    done = plant.update(GROUP_4)
    assert (done.rebuild_reason, done.frame["label"].equals(before)) == (None, True)
    kept = plant.table(GROUP_4)
    assert kept.equals(plant.update(GROUP_4, rebuild_reason="it is compared").frame)


def test_labels_follow_a_coverage_that_shrinks_far_from_the_upload_that_does_it(plant):
    """A file shows how many defects a day has; the short list that covered a week before does not any more."""
    plant.take(upload("falhas", *(defect(0, hours, "ZP7") for hours in range(-2, 130, 24))))
    assert plant.update().frame["label"].notna().any()
    everyone = (defect(100 + number, day * 24, "ROD") for number in range(60) for day in range(30, 34))
    plant.take(upload("falhas", *everyone), upload("status", *(event(60, 24 * day) for day in (12, 13, 14))))
    done = plant.update()
    assert done.rebuild_reason is None
    plant.require_same_as_rebuilt()


def test_each_target_has_its_own_table_and_its_own_basis(plant):
    assert plant.update(GROUP_4).rebuild_reason == "there was no table yet"
    plant.take(upload("falhas", defect(2, 110, group="4")))
    assert plant.update().rebuild_reason is None
    assert plant.update().uploads == 0
    assert plant.update(GROUP_4).uploads == 1
    kept = plant.table(GROUP_4)
    assert kept.equals(plant.update(GROUP_4, rebuild_reason="it is compared").frame)


def test_a_row_that_gave_way_at_once_can_still_touch_its_vehicle(plant):
    """It separates two uploads with the same row: the later one now holds the row."""
    plant.take(upload("status", event(VEHICLES)))
    first, between, last = (plant.facts() for _ in range(3))
    _, same = upload("resultados", result(VEHICLES, value=1))
    _, other = upload("resultados", result(VEHICLES, value=2))
    plant.merge(same, facts=first)
    plant.merge(same, facts=last)
    plant.update()
    assert cell(plant, VEHICLES, "upload") == first.key
    plant.merge(other, facts=between)
    assert plant.update().rebuild_reason is None
    assert cell(plant, VEHICLES, "upload") == last.key
    plant.require_same_as_rebuilt()


def test_a_withdrawn_upload_has_all_vehicles_described(plant):
    (wrong,) = plant.take(upload("resultados", result(3, -1, value=7)))
    plant.update()
    plant.withdraw(wrong)
    assert plant.update().rebuild_reason == f"these uploads were withdrawn: {wrong}"
    assert cell(plant, 3, "value:2:041001:0") == 0
    plant.require_same_as_rebuilt()


def test_one_that_came_and_went_between_two_builds_changes_nothing(plant):
    (wrong,) = plant.take(upload("resultados", result(3, -1, value=7)))
    plant.withdraw(wrong)
    assert plant.update().rebuild_reason is None
    plant.require_same_as_rebuilt()


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"target": replace(ROAD_TEST, horizon_days=1)}, "target"),
        ({"declared": {"falhas.csv": (1, 30)}}, "declared periods"),
        ({"sequence_length": 3}, "sequence length"),
        ({"code": "2"}, "rules"),
    ],
)
def test_other_rules_have_all_vehicles_described(plant, other, names):
    done = plant.update(**other)
    assert names in str(done.rebuild_reason)
    assert done.described == VEHICLES
    plant.require_same_as_rebuilt(**other)


@pytest.fixture
def three_values(monkeypatch):
    """Room for the values of three series only."""
    few = replace(feature_names.FAMILIES["value"], max_columns=3)
    monkeypatch.setitem(feature_names.FAMILIES, "value", few)
    feature_sql.compile_sql.cache_clear()
    yield
    feature_sql.compile_sql.cache_clear()


def test_where_not_every_series_has_a_column_all_vehicles_are_described(plant, three_values):
    """Which ones have depends on all vehicles then."""
    assert "rules" in str(plant.update().rebuild_reason)
    for test, vehicles in (("777", 9), ("778", 12)):
        plant.take(upload("resultados", *(result(i, test=test, value=i) for i in range(vehicles))))
        assert "more features than columns for: value" in str(plant.update().rebuild_reason)
        plant.require_same_as_rebuilt()
    assert "value:2:778:0" in plant.table().columns, "measured at more vehicles than 777, it takes its place"
    assert "value:2:777:0" not in plant.table().columns


def test_a_lake_that_changed_without_an_upload_is_noticed(plant):
    """A manual change by SQL: no upload shows it, but the prediction points do."""
    with plant.lake.write() as connection:
        connection.execute("DELETE FROM status WHERE KNR = ?", [knr(3)])
    plant.take(upload("resultados", result(4, -1)))
    assert "disagree about 1 vehicles" in str(plant.update().rebuild_reason)
    assert knr(3) not in set(plant.table()["KNR"])


def test_vehicles_are_the_same_in_blocks_of_any_size(plant, monkeypatch):
    whole = plant.table()
    monkeypatch.setattr(feature_blocks, "_VEHICLES_AT_ONCE", 3)
    assert whole.equals(plant.update(rebuild_reason="it is compared").frame)


def test_names_that_differ_only_in_case_are_columns_of_their_own(plant):
    """DuckDB takes `abc` and `ABC` for one column."""
    plant.take(upload("resultados", result(3, test="abc", value=1), result(3, test="ABC", value=2)))
    plant.update()
    found = plant.table()
    names = [name for name in feature_columns(found) if name.upper().startswith("VALUE:2:ABC")]
    assert len(names) == len({name.upper() for name in names}) == 2
    assert sorted(found.set_index("KNR").loc[knr(3), names]) == [1, 2]


_VEHICLE = st.integers(0, VEHICLES + 1)
_RESULT = st.builds(
    result,
    _VEHICLE,
    st.sampled_from([-40, -5, -3, -1, 2]),
    st.sampled_from(["041001", "041002", "777"]),
    st.sampled_from([None, 0.0, 1.0, 90.0]),
    st.sampled_from([10, 13]),
    st.sampled_from([0, 1]),
)
_EVENT = st.builds(event, _VEHICLE, st.sampled_from([-20, -4, 0, 30]), st.sampled_from(["M600", "M700", "M710"]))
_DEFECT = st.builds(
    defect,
    _VEHICLE,
    st.sampled_from([-30, -2, 5, 60, 150]),
    st.sampled_from(["ROD", "ZP7"]),
    st.sampled_from(["", "4", "5"]),
    st.sampled_from(["", "T-CROSS", "nivus"]),
)
_UPLOAD = st.one_of(
    *(
        st.lists(row, min_size=1, max_size=5, unique=True).map(lambda rows, kind=kind: upload(kind, *rows))
        for kind, row in (("resultados", _RESULT), ("status", _EVENT), ("falhas", _DEFECT))
    )
)


@examples(6, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_of_uploads_gives_the_same_table(tmp_path_factory, data):
    """Late ones, corrections, withdrawals, vehicles and features that come and go, coverage that grows."""
    plant = VehiclePlant(tmp_path_factory.mktemp("any"))
    uploads = usual() + data.draw(st.lists(_UPLOAD, min_size=1, max_size=6), label="uploads")
    received = [(plant.facts(kind), kind, content) for kind, content in uploads]
    is_in = []
    for facts, kind, content in data.draw(st.permutations(received), label="order"):
        is_in.append(plant.merge(content, kind, facts).key)
        if data.draw(st.integers(0, 9)) == 0:
            gone = data.draw(st.sampled_from(is_in))
            line = plant.rows(f"SELECT kind FROM uploads WHERE upload = '{gone}'")
            plant.withdraw(gone, line[0][0])
            is_in.remove(gone)
        if data.draw(st.booleans()):
            plant.update()
    plant.update()
    plant.require_same_as_rebuilt()
