"""Features: computed only from rows before the prediction point, and independent of the order of rows."""

import math
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from failure_platform.domain.features.names import absent_value, explain
from failure_platform.domain.features.wide import feature_columns
from support.examples import examples
from support.modelling_lake import DAY, HOUR, T0, SmallLake, covered, defect, event, result

COVERED = [covered(T0 - 30 * DAY, T0 + 30 * DAY)]
MINUTE = timedelta(minutes=1)


def _plant() -> dict[str, list[dict[str, Any]]]:
    """Three vehicles with a little of everything before their prediction points."""
    return {
        "status": [
            event("A", T0), event("A", T0 - 5 * HOUR, "M620"), event("A", T0 - 9 * HOUR, "M600"),
            event("B", T0 + HOUR), event("B", T0 - 2 * HOUR, "L540"), event("C", T0 + HOUR),
        ],
        "resultados": [
            result("A", T0 - 3 * HOUR, 1.5), result("A", T0 - 2 * HOUR, 2.5), result("A", T0 - HOUR, None),
            result("A", T0 - 2 * HOUR, 9.0, VALUE_ID=1, STATUS=13), result("A", T0 - HOUR, 8.0, VALUE_ID=1),
            result("B", T0 - HOUR, None, "580301", ID=718, STATUS=13),
        ],
        "falhas": [defect("A", T0 - 4 * HOUR, "ZP7", "5"), defect("A", T0 - 3 * HOUR, "ZP7", None)],
        "uploads": COVERED,
    }  # fmt: skip


def _cell(lake: SmallLake, knr: str, feature: str) -> float:
    return float(lake.vehicles().set_index("KNR").loc[knr, feature])


def _known(vehicles: pd.DataFrame, knr: str) -> dict[str, float]:
    return {str(name): value for name, value in vehicles.loc[knr, feature_columns(vehicles)].items() if value == value}


def test_the_newest_value_before_the_prediction_point_is_the_feature(tmp_path: Path) -> None:
    """A test repeated is known by its last value; a row without a number changes no value and is counted as a row."""
    lake = SmallLake(tmp_path / "lake.duckdb", **_plant())
    assert _cell(lake, "A", "value:2:041001:0") == 2.5
    assert _cell(lake, "A", "value:2:041001:1") == 8.0
    assert _cell(lake, "A", "rows:2") == 5
    assert math.isnan(_cell(lake, "B", "value:2:041001:0"))
    assert "value:718:580301:0" not in lake.vehicles().columns


def test_one_verdict_is_counted_once_however_many_values_it_has() -> None:
    """One tightening writes torque and angle; it was NOK once. NOK and OK later is a retest."""
    rows = [
        result("A", T0 - 4 * HOUR, 1.0, STATUS=13),
        result("A", T0 - 4 * HOUR, 2.0, STATUS=13, VALUE_ID=1),
        result("A", T0 - 3 * HOUR, 1.0, STATUS=13),
        result("A", T0 - 2 * HOUR, 1.0, STATUS=10),
        result("A", T0 - 4 * HOUR, None, "580301", ID=718, STATUS=13),
        result("A", T0 - 5 * HOUR, None, "580301", ID=718, STATUS=10),
    ]
    lake = SmallLake(status=[event("A", T0), event("B", T0)], resultados=rows)
    counts = {
        "nok:2:041001": 2, "nok:718:580301": 1, "nok:2:all": 2, "nok:718:all": 1, "nok:all:all": 3, "retested:2": 1,
    }  # fmt: skip
    assert {name: _cell(lake, "A", name) for name in counts} == counts
    assert {name: _cell(lake, "B", name) for name in counts} == dict.fromkeys(counts, 0.0)
    assert "retested:718" not in lake.vehicles().columns, "OK before NOK is no retest"


def test_stage_times_are_hours_between_neighbouring_checkpoints() -> None:
    """A missing checkpoint leaves its two stages empty; one stamped too early gives a negative time, as written."""
    lake = SmallLake(
        status=[
            event("A", T0), event("A", T0 - 2 * HOUR, "M620"), event("A", T0 - 8 * HOUR, "M600"),
            event("A", T0 - HOUR, "M620"), event("A", T0 - 7 * HOUR, "G700"), event("A", T0 - 20 * HOUR, "R750"),
            event("A", T0 + HOUR, "M710"),
        ]
    )  # fmt: skip
    assert _cell(lake, "A", "stage:M620:M700") == 2
    assert _cell(lake, "A", "stage:M600:M620") == 6
    assert _cell(lake, "A", "stage:G700:M600") == -1
    assert _cell(lake, "A", "stage:first:M700") == 20
    stages = {name for name in feature_columns(lake.vehicles()) if name.startswith("stage:")}
    assert stages == {"stage:M620:M700", "stage:M600:M620", "stage:G700:M600", "stage:first:M700"}


def test_no_defect_is_zero_only_where_a_falhas_upload_covers_the_prediction_point() -> None:
    """Without coverage the number is unknown; zero would mean that the vehicle was good."""
    rows = _plant()
    rows["status"].append(event("late", T0 + 60 * DAY))
    lake = SmallLake(**rows)
    assert _cell(lake, "A", "defects:all:all") == 2
    assert _cell(lake, "A", "defects:HALLE:ZP7") == 2
    assert _cell(lake, "A", "defects:S_GROUP_ID:5") == 1
    assert _cell(lake, "B", "defects:all:all") == 0
    assert math.isnan(_cell(lake, "late", "defects:all:all"))


_ROWS_AFTER = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 10**6), st.integers(0, 5), st.floats(-1e6, 1e6)), max_size=6
)


@pytest.mark.fault(38)
@examples(5)
@given(late=_ROWS_AFTER)
def test_a_row_at_or_after_the_prediction_point_never_changes_a_feature(
    late: list[tuple[str, int, int, float]],
) -> None:
    """Whatever rows are added later, of any kind, the features stay the same to the last bit."""
    rows = _plant()
    before = SmallLake(**rows).vehicles()
    predicted_at = {"A": T0, "B": T0 + HOUR, "C": T0 + HOUR}
    for knr, seconds, kind, value in late:
        at = predicted_at[knr] + timedelta(seconds=seconds)
        new: dict[int, tuple[str, dict[str, Any]]] = {
            0: ("resultados", result(knr, at, value)),
            1: ("resultados", result(knr, at, value, "SECTION_ZP8_00000001", STATUS=13)),
            2: ("resultados", result(knr, at, None, ID=718)),
            3: ("status", event(knr, at, "M600")),
            4: ("status", event(knr, at, "M700")),
            5: ("falhas", defect(knr, at, "ZP7", "4")),
        }
        table, row = new[kind]
        rows[table].append(row)
    assert_frame_equal(SmallLake(**rows).vehicles(), before, check_exact=True)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("resultados", result("A", T0 - MINUTE, 7.0)),
        ("status", event("A", T0 - MINUTE, "G700")),
        ("falhas", defect("A", T0 - MINUTE, "ZP7", "4")),
    ],
)
def test_a_row_just_before_the_prediction_point_does_count(table: str, row: dict[str, Any]) -> None:
    """The converse of the time rule: no known row is dropped, and last_row_at shows it."""
    rows = _plant()
    before = SmallLake(**rows).vehicles().set_index("KNR")
    rows[table].append(row)
    after = SmallLake(**rows).vehicles().set_index("KNR")
    assert after.loc["A", "last_row_at"] == pd.Timestamp(T0 - MINUTE)
    assert _known(after, "A") != _known(before, "A")
    assert_frame_equal(after.loc[["B", "C"], before.columns], before.loc[["B", "C"]])


def test_nothing_used_is_as_new_as_the_prediction_point() -> None:
    """The column that the asset check reads is right; a vehicle without known rows has no value."""
    frame = SmallLake(**_plant()).vehicles().set_index("KNR")
    assert frame["last_row_at"].to_dict() == {
        "A": pd.Timestamp(T0 - HOUR), "B": pd.Timestamp(T0 - HOUR), "C": pd.NaT
    }  # fmt: skip


def test_the_order_of_rows_changes_nothing() -> None:
    """Uploads arrive in any order; vehicles are ordered by prediction point and KNR."""
    rows = _plant()
    straight = SmallLake(**rows).vehicles()
    shuffler = random.Random(1)
    for _ in range(5):
        mixed = {table: shuffler.sample(listed, len(listed)) for table, listed in rows.items()}
        assert_frame_equal(SmallLake(**mixed).vehicles(), straight, check_exact=True)
    assert straight["KNR"].tolist() == ["A", "B", "C"]


@pytest.mark.parametrize("missing", ["resultados", "falhas", "uploads", "status"])
def test_an_empty_table_costs_its_features_only(missing: str) -> None:
    """There may be no upload yet of one or two of the kinds."""
    frame = SmallLake(**{**_plant(), missing: []}).vehicles()
    assert len(frame) == (0 if missing == "status" else 3)
    prefixes = {name.split(":")[0] for name in feature_columns(frame)}
    gone = {
        "resultados": {"value", "spread", "again", "nok", "retested", "rows"},
        "falhas": {"about"},
        "uploads": {"defects"},
        "status": prefixes,
    }
    assert not prefixes & gone[missing]
    if missing == "falhas":
        assert frame["defects:all:all"].eq(0).all(), "the ledger says that nothing was recorded"


@pytest.mark.fault(38)
def test_every_feature_is_explained_and_none_identifies() -> None:
    """The dictionary has a sentence, source and time rule for each; dates, people and uploads are no features."""
    frame = SmallLake(**_plant()).vehicles()
    meanings = [explain(name) for name in feature_columns(frame)]
    assert len(meanings) > 10
    assert {meaning.source for meaning in meanings} == {"resultados", "falhas", "status"}
    assert all(meaning.description.endswith(".") and "{" not in meaning.description for meaning in meanings)
    assert all(kind == np.float32 for kind in frame[feature_columns(frame)].dtypes)
    with pytest.raises(ValueError, match="no feature name"):
        explain("USUARIO")
    assert absent_value("nok:all:all") == 0
    assert math.isnan(absent_value("value:2:041001:0"))


def test_a_number_too_large_for_a_column_stays_a_number() -> None:
    """A typing error of 1e300 must not become an infinity that no model takes."""
    lake = SmallLake(
        status=[event("A", T0), event("B", T0)],
        resultados=[result("A", T0 - HOUR, 1e300), result("B", T0 - HOUR, math.inf)],
    )
    assert math.isfinite(_cell(lake, "A", "value:2:041001:0"))
    assert math.isnan(_cell(lake, "B", "value:2:041001:0"))


@pytest.mark.parametrize(
    ("name", "vehicles", "series", "known"), [("ai4i", 10_000, 6, 327), ("azure_m01_10", 890, 96, 14)]
)
def test_real_sets_are_described_value_by_value(
    real_data: Callable[[str], Path], name: str, vehicles: int, series: int, known: int
) -> None:
    """Each vehicle and each series of the source is there, with the source's own numbers."""
    lake = SmallLake.of_real_set(real_data(name))
    frame = lake.vehicles()
    values = [column for column in feature_columns(frame) if column.startswith("value:")]
    assert (len(frame), len(values), int(frame["label"].sum())) == (vehicles, series, known)
    assert (frame["last_row_at"] < frame["predicted_at"]).all()
    given = lake.connection.execute("SELECT sum(VALUE), count(VALUE) FROM resultados").fetchone()
    assert given is not None
    cells = frame[values].to_numpy(dtype=np.float64)
    assert np.isfinite(cells).sum() == given[1]
    assert np.nansum(cells) == pytest.approx(given[0], rel=1e-6)
