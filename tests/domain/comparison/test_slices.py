"""Promises about slices: every vehicle is in one of each kind, chance is not flagged, and a broken one is."""

from collections import Counter
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from failure_platform.domain.comparison.comparing import compare
from failure_platform.domain.comparison.holdout import ModelScores
from failure_platform.domain.comparison.result import Comparison, SliceKind
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.comparison.slices import MIN_SLICE_FAILURES, slice_members

QUICK = ComparisonSettings(repetitions=400)


def _vehicles(rng: np.random.Generator, failures: int, vehicles: int) -> pd.DataFrame:
    y = rng.permutation(np.arange(vehicles) < failures).astype(np.int8)
    predicted_at = pd.Timestamp("2025-03-20") + pd.to_timedelta(np.sort(rng.random(vehicles)) * 60, unit="D")
    groups = np.where(y == 1, rng.choice(["1", "2", "4", "5"], vehicles), None)
    return pd.DataFrame(
        {
            "KNR": [f"K{i:05d}" for i in range(vehicles)],
            "predicted_at": predicted_at,
            "label": y,
            "MODELO": rng.choice(["A", "B", "C", "D"], vehicles),
            "MOTOR": rng.choice(["1.0", "1.6", None], vehicles),
            "COR": rng.choice(["red", "blue", "white"], vehicles),
            "failure_group": groups,
        }
    )


def _pair(y: np.ndarray, rng: np.random.Generator, strength: float = 1.2) -> tuple[ModelScores, ModelScores]:
    shared = 0.9 * rng.normal(size=len(y))
    old, new = (strength * y + shared + 0.44 * rng.normal(size=len(y)) for _ in range(2))
    return ModelScores(1 / (1 + np.exp(3 - old)), 0.2), ModelScores(1 / (1 + np.exp(3 - new)), 0.2)


def _compare(
    vehicles: pd.DataFrame, old: ModelScores | None, new: ModelScores, settings: ComparisonSettings = QUICK
) -> Comparison:
    return compare(vehicles, new, old, float(vehicles["label"].mean()), 1, settings)


def test_every_vehicle_is_in_one_slice_of_each_kind_and_unknown_is_a_value() -> None:
    """Nobody is left out for a missing engine; a failure group holds failed vehicles only."""
    vehicles = _vehicles(np.random.default_rng(1), 120, 900)
    vehicles.loc[vehicles["label"] == 1, "failure_group"] = vehicles["failure_group"].where(vehicles.index % 5 != 0)
    parts = slice_members(vehicles, judge=True)
    counted = Counter()
    for part in parts:
        counted[part.kind] += len(part.positions)
        column = vehicles["predicted_at"].dt.strftime("%Y-%m") if part.kind == "month" else vehicles[part.kind]
        assert set(column.iloc[part.positions].fillna("unknown")) == {part.value}
        assert part.failures == vehicles["label"].iloc[part.positions].sum()
    assert counted == {"MODELO": 900, "MOTOR": 900, "COR": 900, "month": 900, "failure_group": 120}
    assert {(p.kind, p.value) for p in parts} >= {
        ("MOTOR", "unknown"),
        ("failure_group", "unknown"),
        ("month", "2025-03"),
    }
    assert [kind for kind, _ in Counter(p.kind for p in parts).items()] == list(get_args(SliceKind))


def test_few_failures_are_shown_and_not_judged() -> None:
    """A slice below the minimum has its counts and figures, no interval, and never a flag."""
    rng = np.random.default_rng(2)
    vehicles = _vehicles(rng, 130, 900)
    compared = _compare(vehicles, *_pair(vehicles["label"].to_numpy(), rng))
    few = [one for one in compared.slices if one.failures < MIN_SLICE_FAILURES]
    enough = [one for one in compared.slices if one.failures >= MIN_SLICE_FAILURES]
    assert few
    assert enough
    assert all((one.judged, one.low, one.high, one.worse) == (False, None, None, False) for one in few)
    assert all(one.difference is not None for one in few if one.failures)
    assert all(one.judged and one.low is not None and one.low < one.difference < one.high for one in enough)  # type: ignore[operator]
    assert compared.slices_judged == len(enough)
    assert compared.worst_slice in enough


def test_a_slice_that_the_candidate_breaks_is_flagged_though_all_else_improves() -> None:
    """One model of four is ranked at random by an otherwise better candidate: flagged as the worst slice."""
    rng = np.random.default_rng(3)
    vehicles = _vehicles(rng, 600, 4000)
    y = vehicles["label"].to_numpy()
    old, new = _pair(y, rng)[0], _pair(y, rng, strength=3.0)[1]
    broken = (vehicles["MODELO"] == "C").to_numpy()
    new = ModelScores(np.where(broken, rng.permutation(new.p), new.p), new.threshold)
    compared = _compare(vehicles, old, new)
    assert compared.verdict.outcome == "better"
    worst = compared.worst_slice
    assert worst is not None
    assert (worst.kind, worst.value, worst.worse) == ("MODELO", "C", True)
    assert [(one.kind, one.value) for one in compared.slices if one.worse] == [("MODELO", "C")]


def test_equal_models_have_no_worst_slice_by_chance() -> None:
    """15 equal pairs with some 15 slices each: the lowest point is always below zero, a flag comes in few."""
    rng = np.random.default_rng(4)
    lowest, flagged = [], 0
    for _ in range(15):
        vehicles = _vehicles(rng, 200, 1200)
        compared = _compare(vehicles, *_pair(vehicles["label"].to_numpy(), rng))
        assert compared.worst_slice is not None
        lowest.append(compared.worst_slice.difference)
        flagged += compared.worst_slice.worse
    assert sum(one < 0 for one in lowest if one is not None) >= 14
    assert flagged <= 2


def test_a_failure_group_is_compared_by_the_share_of_it_that_is_inspected() -> None:
    """There is no good vehicle in a failure group to rank; what counts is how many are found in time."""
    rng = np.random.default_rng(5)
    vehicles = _vehicles(rng, 300, 1800)
    y = vehicles["label"].to_numpy()
    old = ModelScores(0.5 * rng.random(len(y)), 0.2)
    found = (vehicles["failure_group"] == "2").to_numpy()
    compared = _compare(
        vehicles,
        old,
        ModelScores(np.where(found, 0.9, old.p), 0.2),
        ComparisonSettings(repetitions=400, inspections_per_day=5),
    )
    group = next(one for one in compared.slices if (one.kind, one.value) == ("failure_group", "2"))
    assert group.vehicles == group.failures == int(found.sum())
    assert (group.metric, group.new) == ("recall_at_capacity", pytest.approx(1.0))
    assert group.old is not None
    assert group.old < 0.5
    assert group.low is not None
    assert group.low > 0


def test_without_production_slices_are_shown_beside_the_base_rate_and_not_judged() -> None:
    """The first model's slices show where it knows more than nothing; there is nothing that it could make worse."""
    rng = np.random.default_rng(6)
    vehicles = _vehicles(rng, 200, 1200)
    compared = _compare(vehicles, None, _pair(vehicles["label"].to_numpy(), rng)[1])
    assert compared.worst_slice is None
    assert compared.slices_judged == 0
    model = next(one for one in compared.slices if one.kind == "MODELO")
    assert model.old == pytest.approx(model.failures / model.vehicles, abs=0.03)
