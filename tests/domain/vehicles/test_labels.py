"""Labels: the prediction time of each vehicle, whether it failed, and when that is unknown."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.targets import ROAD_TEST, Target
from failure_platform.domain.vehicles.coverage import coverage
from failure_platform.domain.vehicles.labels import DEFECT_NOT_PLACED, HORIZON_NOT_OVER, NOT_COVERED, labels
from failure_platform.domain.vehicles.prediction_points import prediction_points, vehicles_without_prediction_point
from support.examples import examples
from support.modelling_lake import DAY, HOUR, T0, SmallLake, covered, defect, event, result

SECOND = timedelta(seconds=1)
MIDNIGHT = datetime(2024, 1, 8)


def test_a_vehicle_is_asked_about_when_it_first_reaches_the_prediction_point(tmp_path: Path) -> None:
    """Rework brings a vehicle past M700 again; what was learnt in between must not count."""
    lake = SmallLake(
        tmp_path / "lake.duckdb",
        status=[event("A", T0 + DAY), event("A", T0), event("A", T0 - DAY, "M620"), event("B", T0, "M620")],
        resultados=[result("C", T0)],
        falhas=[defect("D", T0)],
    )
    points = prediction_points(lake.tables.status, ROAD_TEST).to_pandas()
    assert points.to_dict("records") == [{"KNR": "A", "predicted_at": pd.Timestamp(T0)}]
    without = vehicles_without_prediction_point(lake.tables, ROAD_TEST).to_pandas()
    assert without["vehicles"].tolist() == [3], "B, C and D are counted, not guessed"


@pytest.mark.parametrize(
    ("after", "label"), [(-SECOND, 0), (timedelta(0), 0), (SECOND, 1), (3 * DAY, 1), (3 * DAY + SECOND, 0)]
)
def test_only_a_failure_after_the_prediction_point_and_within_the_horizon_counts(after: timedelta, label: int) -> None:
    """A falha at the very time of the prediction point was known then; the last moment of the horizon still counts."""
    lake = SmallLake(
        status=[event("A", T0)], falhas=[defect("A", T0 + after)], uploads=[covered(T0 - DAY, T0 + 30 * DAY)]
    )
    assert lake.labels().loc["A", "label"] == label


@pytest.mark.parametrize(
    ("point", "label", "reason"),
    [
        (MIDNIGHT, 0, None),
        (MIDNIGHT - SECOND, None, NOT_COVERED),
        (MIDNIGHT + 7 * DAY, 0, None),
        (MIDNIGHT + 7 * DAY + SECOND, None, HORIZON_NOT_OVER),
        (MIDNIGHT + 40 * DAY, None, HORIZON_NOT_OVER),
    ],
)
@pytest.mark.parametrize("failed", [True, False])
def test_a_label_is_known_only_where_the_whole_horizon_is_covered(
    point: datetime, label: int | None, reason: str | None, failed: bool
) -> None:
    """Falhas from 8 to 17 January: complete days, and the same edge for vehicles that failed and that did not."""
    lake = SmallLake(
        status=[event("A", point)],
        falhas=[defect("A", point + HOUR)] if failed else [],
        uploads=[covered(MIDNIGHT + 15 * HOUR, MIDNIGHT + 9 * DAY + HOUR)],
    )
    row = lake.labels().loc["A"]
    expected = None if label is None else int(failed)
    assert (None if pd.isna(row["label"]) else int(row["label"])) == expected
    assert (None if pd.isna(row["label_reason"]) else row["label_reason"]) == reason


def test_a_gap_between_two_falhas_uploads_is_unknown_and_touching_ones_are_one() -> None:
    """A file may begin the day after the previous ended; a day that no file names stays unknown."""
    lake = SmallLake(
        status=[event("touching", MIDNIGHT + 4 * DAY), event("gap", MIDNIGHT + 9 * DAY)],
        uploads=[
            covered(MIDNIGHT + HOUR, MIDNIGHT + 4 * DAY + HOUR),
            covered(MIDNIGHT + 5 * DAY + HOUR, MIDNIGHT + 10 * DAY),
            covered(MIDNIGHT + 12 * DAY, MIDNIGHT + 20 * DAY),
        ],
    )
    found = lake.labels()
    assert found.loc["touching", "label"] == 0
    assert pd.isna(found.loc["gap", "label"])
    assert found.loc["gap", "label_reason"] == NOT_COVERED


def test_only_merged_falhas_uploads_cover() -> None:
    """A refused upload covers nothing, and resultados hold no failures."""
    lake = SmallLake(
        status=[event("A", T0)],
        uploads=[
            covered(T0 - DAY, T0 + 9 * DAY, state="refused"),
            covered(T0 - DAY, T0 + 9 * DAY, kind="resultados"),
            {"kind": "falhas", "state": "merged"},
        ],
    )
    assert lake.labels().loc["A", "label_reason"] == NOT_COVERED


def test_the_target_says_which_falhas_are_failures() -> None:
    """HALLE and failure group are the target's; other defects are no failures."""
    lake = SmallLake(
        status=[event(knr, T0) for knr in "ABC"],
        falhas=[
            defect("A", T0 + HOUR, "ROD", "5"),
            defect("B", T0 + HOUR, "ROD", "4"),
            defect("C", T0 + HOUR, "AGUA", "5"),
        ],
        uploads=[covered(T0, T0 + 9 * DAY)],
    )
    assert lake.labels()["label"].tolist() == [1, 1, 0]
    front = Target("front", failure_groups=("5",))
    assert lake.labels(front)["label"].tolist() == [1, 0, 0]


@pytest.mark.fault(82)
@pytest.mark.parametrize(
    ("falhas", "any_group", "group_5"),
    [
        ([(HOUR, None, "5")], None, None),
        ([(HOUR, None, "4")], None, 0),
        ([(HOUR, "ROD", None)], 1, None),
        ([(HOUR, None, None)], None, None),
        ([(HOUR, "ZP8", None)], 0, 0),
        ([(HOUR, None, "5"), (2 * HOUR, "ROD", "5")], 1, 1),
        ([(HOUR, "ZP8", "5"), (HOUR, None, None)], None, None),
        ([(-HOUR, None, "5"), (4 * DAY, None, "5")], 0, 0),
    ],
)
def test_a_defect_that_does_not_say_where_it_belongs_leaves_the_label_unknown(
    falhas: list[tuple[timedelta, str | None, str | None]], any_group: int | None, group_5: int | None
) -> None:
    """Merged hall cells saved as csv leave HALLE blank below the first row; such a vehicle is not known to be good."""
    lake = SmallLake(
        status=[event("A", T0)],
        falhas=[defect("A", T0 + after, halle, group) for after, halle, group in falhas],
        uploads=[covered(T0 - DAY, T0 + 9 * DAY)],
    )
    for target, expected in ((ROAD_TEST, any_group), (Target("front", failure_groups=("5",)), group_5)):
        row = lake.labels(target).loc["A"]
        assert (None if pd.isna(row["label"]) else int(row["label"])) == expected
        assert (row["label_reason"] == DEFECT_NOT_PLACED) is (expected is None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "a b"}, "target 'a b'"),
        ({"halle": ("rod",)}, "target 'road_test'"),
        ({"horizon_days": 0.0}, r"horizon_days\s+Input should be greater than 0"),
        ({"failure_groups": ()}, "target 'road_test'"),
    ],
)
def test_a_target_that_could_have_no_label_is_refused(wrong: dict[str, object], message: str) -> None:
    """Found when the settings are read, not as an empty table much later."""
    with pytest.raises(ValueError, match=message):
        replace(ROAD_TEST, **wrong)  # type: ignore[arg-type]


def test_an_empty_lake_has_no_labels_and_no_coverage() -> None:
    """The first upload may be of any kind."""
    lake = SmallLake()
    assert lake.labels().empty
    assert coverage(lake.tables, ROAD_TEST).to_pandas().empty


_HOURS = st.integers(0, 24 * 14)


@examples(12)
@given(
    points=st.lists(_HOURS, min_size=1, max_size=6),
    falhas=st.lists(st.tuples(st.integers(0, 5), _HOURS), max_size=8),
    uploads=st.lists(st.tuples(_HOURS, _HOURS), max_size=5),
)
def test_labels_follow_the_rule_for_any_points_failures_and_uploads(
    points: list[int], falhas: list[tuple[int, int]], uploads: list[tuple[int, int]]
) -> None:
    """The expressions agree with the rule written out hour by hour in plain Python."""
    lake = SmallLake(
        status=[event(f"K{i}", MIDNIGHT + hour * HOUR) for i, hour in enumerate(points)],
        falhas=[defect(f"K{i}", MIDNIGHT + hour * HOUR) for i, hour in falhas],
        uploads=[covered(MIDNIGHT + min(pair) * HOUR, MIDNIGHT + max(pair) * HOUR) for pair in uploads],
    )
    known_hours = {hour for pair in uploads for hour in range(min(pair) // 24 * 24, (max(pair) // 24 + 1) * 24)}
    found = lake.labels()
    for i, hour in enumerate(points):
        horizon = range(hour, hour + 72)
        known = all(step in known_hours for step in horizon)
        failed = any(j == i and hour < at <= hour + 72 for j, at in falhas)
        label = found.loc[f"K{i}", "label"]
        assert (None if pd.isna(label) else int(label)) == (int(failed) if known else None)
        assert pd.isna(found.loc[f"K{i}", "label_reason"]) == known


def test_any_halle_counts_where_the_target_names_none() -> None:
    """Any defect after the prediction point, also one without a HALLE."""
    lake = SmallLake(
        status=[event(knr, T0) for knr in "ABC"],
        falhas=[defect("A", T0 + HOUR, "AGUA"), defect("B", T0 + HOUR, None), defect("C", T0 - HOUR, "ZP7")],
        uploads=[covered(T0 - DAY, T0 + 9 * DAY)],
    )
    assert lake.labels(Target("any_defect", halle=()))["label"].tolist() == [1, 1, 0]


def test_the_failure_group_is_that_of_the_first_failure() -> None:
    """Of failures only: a part of the outcome, for reports; an unknown outcome has none."""
    falhas = [
        defect("A", T0 + 2 * HOUR, "ROD", "5"), defect("A", T0 + HOUR, "ROD", "4"), defect("A", T0 - HOUR, "ROD", "1"),
        defect("B", T0 + HOUR, "ZP8", "5"), defect("late", T0 + 20 * DAY + HOUR, "ROD", "5"),
    ]  # fmt: skip
    lake = SmallLake(
        status=[event("A", T0), event("B", T0), event("late", T0 + 20 * DAY)],
        falhas=falhas,
        uploads=[covered(T0 - DAY, T0 + 9 * DAY)],
    )
    assert lake.labels()["failure_group"].fillna("").to_dict() == {"A": "4", "B": "", "late": ""}


def test_an_export_without_failure_groups_says_nothing_of_a_target_that_asks_for_one() -> None:
    """Older exports lack S_GROUP_ID; that none of their defects is of the group would be made up."""
    lake = SmallLake(
        status=[event("old", T0), event("new", T0 + 20 * DAY)],
        falhas=[
            {**defect("old", T0 + HOUR), "upload": "old"},
            {**defect("Z", T0 + 20 * DAY, group="4"), "upload": "new"},
        ],
        uploads=[
            {**covered(T0 - DAY, T0 + 9 * DAY), "upload": "old"},
            {**covered(T0 + 19 * DAY, T0 + 29 * DAY), "upload": "new"},
        ],
    )
    front = lake.labels(Target("front", failure_groups=("5",)))
    assert pd.isna(front.loc["old", "label"]) and front.loc["old", "label_reason"] == NOT_COVERED
    assert front.loc["new", "label"] == 0
    assert lake.labels().loc["old", "label"] == 1, "a target without groups knows it"


@pytest.mark.parametrize(
    ("rows", "declared", "label"),
    [
        (covered(MIDNIGHT + 5 * DAY, MIDNIGHT + 6 * DAY), (MIDNIGHT, MIDNIGHT + 9 * DAY), 0),
        (covered(MIDNIGHT, MIDNIGHT + 9 * DAY), (MIDNIGHT + 2 * DAY, MIDNIGHT + 9 * DAY), None),
        ({"kind": "falhas", "state": "merged"}, (MIDNIGHT, MIDNIGHT + 9 * DAY), 0),
        ({"kind": "falhas", "state": "refused"}, (MIDNIGHT, MIDNIGHT + 9 * DAY), None),
    ],
)
def test_a_declared_period_counts_instead_of_the_files_own_days(
    rows: dict[str, object], declared: tuple[datetime, datetime], label: int | None
) -> None:
    """A file whose quiet days have no rows, one with a stray early row, one without any row: the declaration counts."""
    lake = SmallLake(
        status=[event("A", MIDNIGHT + DAY)], uploads=[{**rows, "name": "may.csv"}, {**covered(T0, T0), "name": "o.csv"}]
    )
    periods = {"may.csv": (declared[0].date(), declared[1].date())}
    found = labels(replace(lake.tables, declared_periods=periods), ROAD_TEST).to_pandas()["label"]
    assert found.isna().all() if label is None else found.tolist() == [label]


def test_a_vehicle_without_its_stamp_that_went_on_is_told_from_an_unfinished_one() -> None:
    """No prediction point is guessed; the number of those that only lack the stamp shows how good the stamps are."""
    lake = SmallLake(
        status=[
            event("A", T0), event("A", T0 + DAY, "M710"), event("B", T0 + DAY, "M800"), event("B", T0, "M710"),
            event("C", T0, "M620"), event("D", T0, "L66A"),
        ],
    )  # fmt: skip
    without = vehicles_without_prediction_point(lake.tables, ROAD_TEST).to_pandas()
    assert without.to_dict("records") == [{"vehicles": 3, "reached_later": 1}]
