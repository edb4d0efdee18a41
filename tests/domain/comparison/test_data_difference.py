"""Promises about the training data's difference: what was added is counted, and a moved feature is found among many."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from failure_platform.domain.comparison.data_difference import DataDifference, data_difference, trained_on

FEATURES = [f"value:2:{i:06d}:0" for i in range(200)]


def _vehicles(first: int, last: int, seed: int = 0) -> pd.DataFrame:
    """Vehicles by number, one an hour, one in twenty failed; the same number is the same vehicle."""
    numbers = np.arange(first, last)
    rng = np.random.default_rng([seed, first])
    facts = pd.DataFrame(
        {
            "KNR": [f"K{number:05d}" for number in numbers],
            "predicted_at": pd.Timestamp(2025, 1, 1) + pd.to_timedelta(numbers, unit="h"),
            "label": pd.array((numbers % 20 == 0).astype(int), dtype="Int8"),
        }
    )
    return pd.concat([facts, pd.DataFrame(rng.normal(size=(len(numbers), 200)), columns=FEATURES)], axis=1)


def _difference(
    old: pd.DataFrame, new: pd.DataFrame, old_features: list[str] = FEATURES, new_features: list[str] = FEATURES
) -> DataDifference:
    found = data_difference(old, new, old_features, new_features)
    assert found is not None
    return found


def test_both_sides_are_counted() -> None:
    """Vehicles, failures, periods, and which vehicles and features only one model had."""
    old, new = _vehicles(0, 400), _vehicles(100, 700)
    found = _difference(old, new, FEATURES[:5], FEATURES[1:6])
    assert (found.old.vehicles, found.old.failures, found.new.vehicles) == (400, 20, 600)
    assert found.old.failure_rate == pytest.approx(0.05)
    assert (found.old.first, found.new.last) == (datetime(2025, 1, 1), datetime(2025, 1, 30, 3))
    assert (found.added, found.left_out) == (300, 100)
    assert (found.new_features, found.vanished_features) == ((FEATURES[5],), (FEATURES[0],))
    assert found.compared_features == 4


def test_a_moved_feature_is_found_and_the_199_others_are_not() -> None:
    """Uncorrected, ten of two hundred equal features would be called moved."""
    old, new = _vehicles(0, 600), _vehicles(0, 1200)
    new.loc[600:, FEATURES[7]] += 1.0
    found = _difference(old, new)
    (moved,) = found.shifts
    assert (moved.feature, found.shifted, found.compared_features) == (FEATURES[7], 1, 200)
    # Half of a normal distribution lies between two that stand one standard deviation apart: 2 Phi(1/2) - 1.
    assert moved.distance == pytest.approx(0.383, abs=0.07)
    assert moved.median_before == pytest.approx(0, abs=0.15)
    assert moved.median_after == pytest.approx(1, abs=0.15)


def test_shared_vehicles_do_not_hide_what_the_added_ones_are() -> None:
    """A candidate trained on all of history shares nearly all of its vehicles; the distance is that of the new ones."""
    old, new = _vehicles(0, 2000), _vehicles(0, 2100)
    new.loc[2000:, FEATURES[0]] += 10.0
    (moved,) = _difference(old, new).shifts
    assert moved.distance == pytest.approx(1.0, abs=0.01)


def test_a_test_that_is_no_longer_made_is_a_shift() -> None:
    """Its known values look as before; that they are missing is the difference."""
    old, new = _vehicles(0, 600), _vehicles(600, 1200)
    new.loc[np.arange(600) % 2 == 0, FEATURES[3]] = np.nan
    new[FEATURES[4]] = np.nan
    shifts = {one.feature: one for one in _difference(old, new).shifts}
    assert shifts[FEATURES[3]].distance == pytest.approx(0.5, abs=0.05)
    assert (shifts[FEATURES[3]].known_before, shifts[FEATURES[3]].known_after) == (1.0, 0.5)
    assert shifts[FEATURES[4]].distance == 1.0
    assert shifts[FEATURES[4]].median_after is None


def test_a_side_that_is_gone_and_a_side_that_did_not_change_are_told_apart() -> None:
    """Nothing can be said of vehicles that are no longer there; of equal vehicles it is said that none was added."""
    frame = _vehicles(0, 50)
    assert data_difference(frame.iloc[:0], frame, FEATURES, FEATURES) is None
    assert data_difference(frame, frame.iloc[:0], FEATURES, FEATURES) is None
    same = _difference(frame, frame)
    assert (same.added, same.left_out, same.compared_features, same.shifts) == (0, 0, 0, ())


def test_a_training_side_is_found_again_by_its_period() -> None:
    """First and last prediction point belong to it; vehicles without a known outcome do not."""
    frame = _vehicles(0, 50)
    frame.loc[12, "label"] = pd.NA
    found = trained_on(frame, datetime(2025, 1, 1, 10), datetime(2025, 1, 1, 20))
    assert list(found["KNR"]) == [f"K{number:05d}" for number in range(10, 21) if number != 12]
