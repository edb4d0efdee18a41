"""Features of measured values, missing stamps and known facts, beyond the newest values."""

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from failure_platform.domain.features.names import FAMILIES, absent_value, explain, full_families, known_by
from failure_platform.domain.features.values import MEDIAN_DAYS, MIN_ROWS
from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.targets import Target
from support.modelling_lake import DAY, HOUR, T0, SmallLake, covered, defect, event, from_upload, result

SERIES = "2:041001:0"


def _usual(days_before: int, value: float, rows: int = MIN_ROWS) -> Iterator[dict[str, object]]:
    """What other vehicles measured on a day before T0's."""
    return (result(f"Z{number}", T0 - days_before * DAY + number * HOUR / 4, value + number - rows // 2)
            for number in range(rows + 1))  # fmt: skip


def test_a_distance_is_from_the_median_of_the_days_before_and_follows_a_drift() -> None:
    """Two vehicles as far above what was usual in their weeks have one distance, however the test drifted between."""
    rows = [
        *_usual(3, 10.0), *_usual(2, 12.0), *_usual(1, 900.0), result("A", T0 - HOUR, 15.0),
        *_usual(100, 50.0), result("B", T0 - 99 * DAY, 53.0),
    ]  # fmt: skip
    lake = SmallLake(status=[event("A", T0), event("B", T0 - 98 * DAY)], resultados=rows)
    distance = lake.vehicles().set_index("KNR")[f"distance:{SERIES}"]
    assert distance["A"] == 15 - 12, "one odd day among three does not move the median"
    assert distance["B"] == 3


@pytest.mark.parametrize(
    ("days_before", "rows", "known"),
    [(0, 30, False), (1, 30, True), (MEDIAN_DAYS, 30, True), (MEDIAN_DAYS + 1, 30, False), (1, MIN_ROWS - 2, False)],
)
def test_a_distance_needs_enough_rows_on_whole_days_just_before(days_before: int, rows: int, known: bool) -> None:
    """The same day does not count, since a part of it is later; nor do days long ago, or a handful of rows."""
    usual = [result(f"Z{number}", T0.replace(hour=0) - days_before * DAY, 1.0) for number in range(rows)]
    lake = SmallLake(status=[event("A", T0)], resultados=[*usual, result("A", T0 - HOUR, 2.0)])
    assert (f"distance:{SERIES}" in lake.vehicles().columns) == known


def test_what_was_measured_again_has_a_spread_and_is_counted() -> None:
    """Whatever the verdict; of a test with several sub-values, by its first one."""
    rows = [
        result("A", T0 - 3 * HOUR, 4.0), result("A", T0 - 2 * HOUR, 1.0), result("A", T0 - HOUR, 2.0),
        result("A", T0 - 2 * HOUR, 1.0, VALUE_ID=1), result("A", T0 - HOUR, 9.0, VALUE_ID=1),
        result("B", T0 - HOUR, 4.0), result("B", T0 - HOUR, 7.0, "041002"), result("B", T0 - 2 * HOUR, 7.0, "041002"),
    ]  # fmt: skip
    frame = SmallLake(status=[event("A", T0), event("B", T0)], resultados=rows).vehicles().set_index("KNR")
    assert frame[f"spread:{SERIES}"].to_dict() == {"A": 3, "B": 0}
    assert frame["again:2"].to_dict() == {"A": 2, "B": 1}
    assert "spread:2:041001:1" not in frame and "spread:2:041002:0" not in frame


def test_a_checkpoint_without_a_stamp_is_told() -> None:
    """Only checkpoints before the prediction point: later ones are the future."""
    events = [event("A", T0), event("A", T0 - HOUR, "M620"), event("A", T0 + HOUR, "M710"), event("B", T0)]
    frame = SmallLake(status=events).vehicles().set_index("KNR")
    assert frame["missing:M620"].to_dict() == {"A": 0, "B": 1}
    assert frame["missing:M600"].to_dict() == {"A": 1, "B": 1}
    assert "missing:M710" not in frame


def test_model_colour_and_engine_are_as_known_before_the_prediction_point() -> None:
    """The newest row that is not blank counts; rows after the prediction point do not."""
    falhas = [
        {**defect("A", T0 - 3 * HOUR, "ZP7"), "MODELO": "T-CROSS", "COR": "A1A1", "MOTOR": "   "},
        {**defect("A", T0 - 2 * HOUR, "ZP7"), "MODELO": "AUDI Q3", "COR": "   "},
        {**defect("A", T0, "ROD"), "MODELO": "T-CROSS PA", "MOTOR": "DHS"},
        {**defect("B", T0 - HOUR, "ZP7"), "MODELO": "T-CROSS"},
    ]
    frame = SmallLake(status=[event(knr, T0) for knr in "ABC"], falhas=falhas).vehicles().set_index("KNR")
    assert frame.loc["A", ["MODELO", "COR"]].tolist() == ["AUDI Q3", "A1A1"]
    assert frame["MOTOR"].isna().all()
    assert frame.loc[["A", "B"], "about:MODELO:AUDI Q3"].tolist() == [1, 0]
    assert math.isnan(frame.loc["C", "about:MODELO:AUDI Q3"])
    assert {name for name in frame if name.startswith("about:")} == {
        "about:MODELO:AUDI Q3", "about:MODELO:T-CROSS", "about:COR:A1A1"
    }  # fmt: skip


def test_the_upload_is_the_one_that_most_of_the_known_rows_came_from() -> None:
    """Of two with as many rows, the first by name; rows after the prediction point do not count."""
    rows = [
        *(from_upload(result("A", T0 - hours * HOUR), upload) for hours, upload in ((1, "b"), (2, "b"), (3, "a"))),
        *(from_upload(result("A", T0 + hours * HOUR), "a") for hours in range(5)),
        from_upload(result("B", T0 - HOUR), "b"), from_upload(result("B", T0 - 2 * HOUR), "a"),
    ]  # fmt: skip
    frame = SmallLake(status=[event(knr, T0) for knr in "ABC"], resultados=rows).vehicles().set_index("KNR")
    assert frame["upload"].fillna("").to_dict() == {"A": "b", "B": "a", "C": ""}


def test_tests_whose_names_differ_only_in_case_stay_two_features() -> None:
    """DuckDB takes such columns for one, a colon parts names, and `all` is a total: no upload may stop the build."""
    tests = ("ab", "AB", "Ab", "a:b", "all", "ALL")
    rows = [result("A", T0 - HOUR, float(place), name, STATUS=13) for place, name in enumerate(tests)]
    frame = SmallLake(status=[event("A", T0)], resultados=rows).vehicles()
    names = feature_columns(frame)
    assert len({name.lower() for name in names}) == len(names)
    values = [name for name in names if name.startswith("value:")]
    assert sorted(frame.loc[0, values]) == [0, 1, 2, 3, 4, 5]
    assert frame.loc[0, "nok:2:all"] == 6
    assert "value:2:AB:0" in names, "names as the plant writes them stay as they are"
    assert all(explain(name).description for name in names)


def test_invented_test_names_cannot_widen_the_frame_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most frequent names stay, and the family counts as full: the choice then depends on all vehicles."""
    rows = [result(knr, T0 - HOUR, 1.0, name, STATUS=13) for knr, name in (("A", "X1"), ("A", "X2"), ("B", "X2"))]
    monkeypatch.setitem(FAMILIES, "value", replace(FAMILIES["value"], max_columns=1))
    monkeypatch.setitem(FAMILIES, "nok", replace(FAMILIES["nok"], max_columns=3))
    # A target of its own: the SQL of others is remembered with the usual limits.
    frame = SmallLake(status=[event("A", T0), event("B", T0)], resultados=rows).vehicles(Target("limited"))
    names = [name for name in feature_columns(frame) if name.startswith(("value:", "nok:"))]
    assert names == ["nok:2:X2", "nok:2:all", "nok:all:all", "value:2:X2:0"]
    assert full_families(names) == ("value", "nok")


def test_a_zero_and_an_unknown_are_told_apart_by_the_column_that_knows() -> None:
    """For callers that add a column to rows described earlier."""
    assert known_by("defects:HALLE:ZP7") == "defects:all:all"
    assert known_by("about:COR:K2K2") == "COR"
    assert known_by("defects:all:all") is None and known_by("value:2:041001:0") is None
    assert all(absent_value(name) == 0 for name in ("missing:M600", "again:2", "spread:2:041001:0"))
    assert all(math.isnan(absent_value(name)) for name in ("about:COR:K2K2", "distance:2:041001:0", "sequence:0:test"))
    assert full_families(["value:2:041001:0", "about:COR:K2K2"]) == ()


def test_the_dictionary_tells_the_time_rule_of_distances() -> None:
    """It uses rows of other vehicles, which the page must specify."""
    meaning = explain("distance:2:041001:0")
    assert "whole days before" in meaning.time_rule
    assert str(MEDIAN_DAYS) in meaning.description


def test_an_upload_of_falhas_that_names_nobody_still_says_zero() -> None:
    """A covered vehicle without defects has zeros, in the total too."""
    lake = SmallLake(status=[event("A", T0)], falhas=[defect("Z", T0, "ZP7")], uploads=[covered(T0 - DAY, T0 + DAY)])
    assert lake.vehicles().loc[0, "defects:all:all"] == 0
