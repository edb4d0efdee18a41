"""Promises about McNemar's test: the failed vehicles only, at an equal alarm budget, exact."""

import numpy as np
import pandas as pd
import pytest

from failure_platform.domain.comparison.alarms import MAX_LISTED, confusion, flips, mcnemar
from failure_platform.domain.comparison.holdout import Holdout, ModelScores
from failure_platform.domain.comparison.result import Confusion, McNemar


def _holdout(y: np.ndarray, inspections_per_day: int) -> Holdout:
    predicted_at = pd.Timestamp("2025-03-01") + pd.to_timedelta(np.arange(len(y)) // 10, unit="D")
    return Holdout.of(
        pd.DataFrame({"KNR": [f"K{i:04d}" for i in range(len(y))], "predicted_at": predicted_at, "label": y}),
        inspections_per_day,
    )


def test_both_models_get_the_same_number_of_alarms_whatever_their_thresholds() -> None:
    """Ten days of ten vehicles, the first of each fails; old always finds it, new in seven days only."""
    y = (np.arange(100) % 10 == 0).astype(np.int8)
    old = ModelScores(np.where(y == 1, 0.9, 0.1), threshold=0.99)
    new = ModelScores(np.where((y == 1) & (np.arange(100) < 70), 0.02, 0.01) - 0.01 * (y & (np.arange(100) >= 70)), 0.0)
    found = mcnemar(_holdout(y, 1), old, new)
    assert found == McNemar(only_old=3, only_new=0, both=7, neither=0, p=pytest.approx(0.25))
    turned = mcnemar(_holdout(y, 1), new, old)
    assert (turned.only_old, turned.only_new, turned.p) == (0, 3, pytest.approx(0.25))
    # With room for every vehicle no failure is found by one alone.
    assert mcnemar(_holdout(y, 10), old, new) == McNemar(0, 0, 10, 0, 1.0)


def test_good_vehicles_do_not_count() -> None:
    """Alarms moved among good vehicles only say nothing about which failures are found."""
    y = (np.arange(100) % 10 == 0).astype(np.int8)
    old = ModelScores(np.where(y == 1, 0.9, (np.arange(100) % 10) / 100), 0.5)
    new = ModelScores(np.where(y == 1, 0.9, 0.2 - (np.arange(100) % 10) / 100), 0.5)
    assert mcnemar(_holdout(y, 3), old, new) == McNemar(0, 0, 10, 0, 1.0)


def test_equal_models_are_rarely_told_apart_and_a_better_one_is() -> None:
    """300 equal pairs with 60 failures: p below 0.05 in at most 5 %. A clearly better model: in most."""
    rng = np.random.default_rng(1)

    def share(gain: float) -> float:
        small = 0
        for _ in range(300):
            y = (rng.random(600) < 0.1).astype(np.int8)
            shared = rng.normal(size=600)
            old, new = (ModelScores(d * y + shared + 0.5 * rng.normal(size=600), 0.5) for d in (1.0, 1.0 + gain))
            small += mcnemar(_holdout(y, 1), old, new).p < 0.05
        return small / 300

    assert share(0) <= 0.05
    assert share(2) > 0.5


def test_confusions_count_every_vehicle_once_at_the_models_own_threshold() -> None:
    """A probability equal to the threshold is an alarm, as everywhere else."""
    y = np.array([1, 1, 0, 0, 0], np.int8)
    p = np.array([0.5, 0.4, 0.6, 0.1, 0.2])
    assert confusion(y, ModelScores(p, 0.5)) == Confusion(tp=1, fp=1, tn=2, fn=1)
    assert confusion(y, ModelScores(p, np.inf)) == Confusion(tp=0, fp=0, tn=3, fn=2)


def test_flips_name_the_vehicles_that_move_most_and_count_all() -> None:
    """A list that a person can look up, and counts of what it leaves out."""
    y = (np.arange(60) % 3 == 0).astype(np.int8)
    old = ModelScores(np.full(60, 0.4), 0.5)
    new = ModelScores(np.where(np.arange(60) < 50, 0.5 + np.arange(60) / 1000, 0.3), 0.5)
    flipped = flips([f"K{i:02d}" for i in range(60)], y, old, new)
    assert (flipped.newly_alarmed, flipped.newly_alarmed_failed) == (50, int(y[:50].sum()))
    assert [one.KNR for one in flipped.newly_alarmed_listed] == [f"K{i:02d}" for i in range(49, 29, -1)]
    assert len(flipped.newly_alarmed_listed) == MAX_LISTED
    first = flipped.newly_alarmed_listed[0]
    assert (first.old, first.new, first.failed) == (0.4, pytest.approx(0.549), False)
    assert (flipped.no_longer_alarmed, flipped.no_longer_alarmed_listed) == (0, ())
    back = flips([f"K{i:02d}" for i in range(60)], y, new, old)
    assert (back.newly_alarmed, back.no_longer_alarmed) == (0, 50)
    assert back.no_longer_alarmed_failed == int(y[:50].sum())
