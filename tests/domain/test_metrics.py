"""Promises about the figures: they are scikit-learn's where it has them, and the fast ones equal the plain ones."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from failure_platform.domain.comparison.holdout import Holdout, ModelScores
from failure_platform.domain.comparison.resampling import resample
from failure_platform.domain.comparison.weighted import average_precisions, weighted_metrics
from failure_platform.domain.metrics import (
    CALIBRATION_BINS,
    METRICS,
    average_precision,
    calibration_bins,
    calibration_error,
    measure,
)
from support.examples import examples

VEHICLES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=24
)


@examples(40)
@given(vehicles=VEHICLES, threshold=st.integers(0, 10), capacity=st.integers(1, 4))
def test_the_fast_figures_of_a_resample_are_the_plain_ones_of_the_vehicles_drawn(
    vehicles: list[tuple[bool, int, int, int]], threshold: int, capacity: int
) -> None:
    """Each vehicle repeated as often as its weight says gives the same ten figures, ties and days included."""
    y, p, day, copies = (np.array(column) for column in zip(*vehicles, strict=True))
    holdout, model = _holdout(y, day, capacity), ModelScores(p / 10, threshold / 10)
    (fast,) = weighted_metrics(holdout, model)(copies[:, None].astype(float))
    if not copies.any():
        return
    drawn = np.repeat(np.arange(len(y)), copies)
    again = _holdout(y[drawn], day[drawn], capacity, names=drawn)
    inspected = again.inspected(p[drawn] / 10)
    plain = measure(again.y, p[drawn] / 10, model.threshold, inspected)
    assert fast == pytest.approx([np.nan if value is None else value for value in plain.values()], nan_ok=True)


@examples(25)
@given(
    pairs=st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=2, max_size=30).filter(
        lambda pairs: len({failed for failed, _ in pairs}) == 2
    ),
    threshold=st.integers(0, 10),
)
def test_figures_are_those_of_scikit_learn(pairs: list[tuple[bool, int]], threshold: int) -> None:
    """Where scikit-learn has the figure, ours is equal; average precision as long as no tie parts the two."""
    y = np.array([failed for failed, _ in pairs], dtype=np.int8)
    p = np.array([tenth / 10 for _, tenth in pairs])
    figures, alarmed = measure(y, p, threshold / 10), p >= threshold / 10
    assert figures["roc_auc"] == pytest.approx(sk.roc_auc_score(y, p))
    assert figures["log_loss"] == pytest.approx(sk.log_loss(y, p))
    assert figures["brier"] == pytest.approx(sk.brier_score_loss(y, p))
    assert figures["f1"] == pytest.approx(sk.f1_score(y, alarmed, zero_division=0))
    assert figures["precision"] == pytest.approx(sk.precision_score(y, alarmed, zero_division=0))
    assert figures["recall"] == pytest.approx(sk.recall_score(y, alarmed))
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(y, alarmed))
    untied = p + np.arange(len(y)) / 1000
    assert average_precision(y, untied) == pytest.approx(sk.average_precision_score(y, untied))


@pytest.mark.parametrize("y", [[1, 0], [1, 1, 0], [1, 0, 1, 0, 0], [0, 0, 0, 1]])
def test_average_precision_of_ties_is_the_mean_over_all_their_orders(y: list[int]) -> None:
    """A model of few distinct probabilities loses nothing for its ties alone: else they decide between equal models."""
    orders = [sk.average_precision_score(np.array(order), -np.arange(len(y))) for order in itertools.permutations(y)]
    assert average_precision(np.array(y, np.int8), np.full(len(y), 0.3)) == pytest.approx(np.mean(orders))


def test_calibration_error_is_the_mean_gap_of_tenths_and_ties_are_not_parted() -> None:
    """Said 0.2 and 0.6, happened 0.1 and 0.9: gaps of 0.1 and 0.3, each for half of the vehicles."""
    p = np.repeat([0.2, 0.6], 50)
    y = np.concatenate([np.arange(50) < 5, np.arange(50) < 45]).astype(np.int8)
    assert calibration_error(y, p) == pytest.approx(0.2)
    shuffled = np.random.default_rng(0).permutation(100)
    assert calibration_error(y[shuffled], p[shuffled]) == pytest.approx(0.2)
    assert np.bincount(calibration_bins(np.linspace(0, 1, 95))).tolist() in ([9, 10] * 5, [10, 9] * 5)
    assert len(np.unique(calibration_bins(np.linspace(0, 1, 1000)))) == CALIBRATION_BINS
    assert len(np.unique(calibration_bins(np.full(1000, 0.3)))) == 1


def test_the_capacity_is_spent_day_by_day_and_knr_decides_between_equals() -> None:
    """Two inspections a day: a risky vehicle does not get the place of another day, and the choice repeats."""
    y, day = np.array([1, 1, 1, 0, 1]), np.array([0, 0, 0, 1, 1])
    p = np.array([0.9, 0.5, 0.5, 0.1, 0.05])
    holdout = _holdout(y, day, 2, names=np.array([4, 3, 2, 1, 0]))
    assert holdout.inspected(p).tolist() == [True, False, True, True, True]
    assert measure(holdout.y, p, 0.5, holdout.inspected(p))["recall_at_capacity"] == 3 / 4
    assert measure(holdout.y, p, 0.5)["recall_at_capacity"] is None


def test_a_figure_that_is_not_defined_is_none_and_not_zero() -> None:
    """Without a failure there is nothing to find; without an alarm nothing was found; without vehicles nothing."""
    none = measure(np.zeros(5, np.int8), np.full(5, 0.1), 0.5, np.ones(5, bool))
    of_failures = ("roc_auc", "average_precision", "recall_at_capacity", "f1", "precision", "recall")
    assert {none[name] for name in of_failures} == {None}
    assert None not in {none[name] for name in ("log_loss", "brier", "calibration_error", "accuracy")}
    assert none["accuracy"] == 1
    silent = measure(np.array([0, 1], np.int8), np.full(2, 0.1), 0.5)
    assert (silent["precision"], silent["recall"], silent["f1"]) == (0, 0, 0)
    assert measure(np.ones(3, np.int8), np.full(3, 0.9), 0.5)["roc_auc"] is None
    assert set(measure(np.empty(0, np.int8), np.empty(0), 0.5).values()) == {None}
    assert np.isfinite(measure(np.array([0, 1], np.int8), np.array([1.0, 0.0]), 0.5)["log_loss"])  # type: ignore[arg-type]


def test_models_are_resampled_together_and_alike_for_a_seed() -> None:
    """Paired: the same model twice never differs. A slice of all vehicles resamples as the whole does."""
    rng = np.random.default_rng(1)
    y, model = (rng.random(200) < 0.2).astype(np.int8), ModelScores(rng.random(200), 0.5)
    holdout = _holdout(y, np.zeros(200, int), 5)
    figures = [
        weighted_metrics(holdout, model),
        weighted_metrics(holdout, model),
        average_precisions(holdout, model, [np.arange(200)]),
    ]
    one, other, sliced = resample(figures, 200, 30, seed=3)
    assert (one == other).all()
    assert sliced[:, 0] == pytest.approx(one[:, METRICS.index("average_precision")])
    assert one.std(axis=0).min() > 0
    assert (resample(figures[:1], 200, 30, seed=3)[0] == one).all()
    assert (resample(figures[:1], 200, 30, seed=4)[0] != one).any()


def _holdout(y: np.ndarray, day: np.ndarray, capacity: int, names: np.ndarray | None = None) -> Holdout:
    names = np.arange(len(y)) if names is None else names
    return Holdout.of(
        pd.DataFrame(
            {
                "KNR": [f"K{name:04d}" for name in names],
                "predicted_at": pd.Timestamp("2025-03-01") + pd.to_timedelta(day * 24 + 5, unit="h"),
                "label": np.asarray(y, dtype=np.int8),
            }
        ),
        capacity,
    )
