"""Promises about the decision threshold: each aim gets what a search over every threshold would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from failure_platform.domain.metrics import measure
from failure_platform.domain.training.recipe import Aim, required_precision
from failure_platform.domain.training.thresholds import NO_ALARM, threshold_for
from support.examples import examples

DAY0 = np.datetime64("2024-03-01T06:00", "us")
vehicles = st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 5)), min_size=3, max_size=60)


def _arrays(rows: list[tuple[int, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p, y, day = (np.array(column) for column in zip(*rows, strict=True))
    return y.astype(np.int8), p / 10, DAY0 + day * np.timedelta64(1, "D")


@examples(150)
@given(vehicles)
def test_f1_is_the_best_that_any_threshold_worth_following_reaches(rows: list[tuple[int, bool, int]]) -> None:
    """Its alarms are right more often than chance, and by the stated lift; where none are, nothing is alarmed."""
    y, p, asked = _arrays(rows)
    chosen = threshold_for(Aim(), 20, y, p, asked)
    rate = float(y.mean())

    def worth_following(threshold: float) -> bool:
        alarms, hits = int((p >= threshold).sum()), int(y[p >= threshold].sum())
        beyond_chance = binomtest(hits, alarms, rate, alternative="greater").pvalue < 0.05 if 0 < rate < 1 else False
        return beyond_chance and hits / alarms >= required_precision(rate, 1.5)

    worth = [one for one in np.unique(p) if worth_following(one)]
    if not worth:
        assert chosen == NO_ALARM
    else:
        assert measure(y, p, chosen)["f1"] == max(measure(y, p, one)["f1"] for one in worth)


@pytest.mark.fault(70)
@pytest.mark.parametrize("rate", [0.06, 0.473, 0.8])
def test_a_model_that_knows_little_does_not_alarm_nearly_every_vehicle(rate: float) -> None:
    """The best F1 of a weak model is that of alarming everything: its precision is the failure rate."""
    rng = np.random.default_rng(1)
    y = (rng.random(4000) < rate).astype(np.int8)
    asked = DAY0 + np.arange(4000) * np.timedelta64(1, "h")
    weak = 1 / (1 + np.exp(-(0.05 * y + rng.normal(size=4000))))
    assert measure(y, weak, 0.0)["f1"] > 1.9 * rate / (1 + rate)  # type: ignore[operator]
    for p in (weak, rng.random(4000)):
        chosen = threshold_for(Aim(), 20, y, p, asked)
        assert (p >= chosen).mean() < 0.05
    strong = 1 / (1 + np.exp(-(4.0 * y + rng.normal(size=4000) - 2)))
    found = measure(y, strong, threshold_for(Aim(), 20, y, strong, asked))
    assert found["precision"] >= required_precision(rate, 1.5)  # type: ignore[operator]
    assert found["recall"] > 0.5  # type: ignore[operator]


@examples(150)
@given(vehicles, st.floats(0.05, 1.0))
def test_recall_finds_the_share_with_the_fewest_alarms(rows: list[tuple[int, bool, int]], share: float) -> None:
    """One step higher would find too few."""
    y, p, asked = _arrays(rows)
    chosen = threshold_for(Aim("recall", recall=share), 20, y, p, asked)
    if not y.any():
        assert chosen == NO_ALARM
        return
    assert measure(y, p, chosen)["recall"] >= share - 1e-9
    higher = p[p > chosen]
    assert not len(higher) or measure(y, p, higher.min())["recall"] < share


@examples(150)
@given(vehicles, st.floats(0.5, 50))
def test_cost_is_the_least_of_all_thresholds_and_of_never_alarming(
    rows: list[tuple[int, bool, int]], missed: float
) -> None:
    """A missed failure against a false alarm, summed over the vehicles."""
    y, p, asked = _arrays(rows)

    def cost(threshold: float) -> float:
        alarmed = p >= threshold
        return missed * float((y[~alarmed] == 1).sum()) + 2.0 * float((y[alarmed] == 0).sum())

    chosen = threshold_for(Aim("cost", missed_failure_cost=missed, false_alarm_cost=2.0), 20, y, p, asked)
    assert cost(chosen) == pytest.approx(min(cost(one) for one in (*np.unique(p), NO_ALARM)))


@examples(150)
@given(vehicles, st.integers(1, 12))
def test_capacity_is_never_exceeded_on_average_and_used_as_far_as_ties_allow(
    rows: list[tuple[int, bool, int]], per_day: int
) -> None:
    """Vehicles of one probability are alarmed together, so a tie at the edge leaves a place empty."""
    y, p, asked = _arrays(rows)
    room = per_day * len(set(asked.astype("datetime64[D]")))
    alarmed = p >= threshold_for(Aim("capacity"), per_day, y, p, asked)
    assert alarmed.sum() <= room
    left = p[~alarmed]
    assert not len(left) or alarmed.sum() + (left == left.max()).sum() > room


def test_an_aim_is_recorded_with_the_numbers_it_uses_and_no_others() -> None:
    """A changed cost must not rename versions whose threshold was chosen by F1."""
    assert Aim().as_dict(7) == {"kind": "f1", "min_lift": 1.5}
    assert Aim("capacity").as_dict(7) == {"kind": "capacity", "alarms_per_day": 7}
