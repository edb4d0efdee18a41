"""Promises about calibration: fitted on out-of-fold answers, chosen by its honest price, never turning the order."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from failure_platform.domain.families.family import RecipeRefusedError
from failure_platform.domain.metrics import log_losses
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.calibration import calibrate, held_out_log_losses
from failure_platform.domain.training.fitting import Recipe, score, train
from failure_platform.domain.training.split import time_split
from support.training_plant import plant

BLOCK = np.arange(6000) % 3


def _vehicles(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Honest probabilities around 0.1, and what happened."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.0, 9.0, len(BLOCK))
    return p, (rng.random(len(p)) < p).astype(np.int8)


def test_honest_probabilities_are_left_alone() -> None:
    """A correction costs parameters; without a gain it is not taken."""
    p, y = _vehicles()
    chosen = calibrate("auto", p, y, BLOCK)
    assert set(chosen.log_losses) == {"none", "sigmoid", "isotonic"}
    assert chosen.method == min(chosen.log_losses, key=chosen.log_losses.__getitem__)
    assert chosen.apply(p).mean() == pytest.approx(y.mean(), abs=0.01)
    assert log_losses(y, chosen.apply(p)).mean() <= log_losses(y, p).mean() + 1e-3


@pytest.mark.parametrize("method", ["auto", "sigmoid", "isotonic"])
def test_probabilities_that_are_too_high_are_brought_back(method: str) -> None:
    """Odds ten times too high, as class weights make them, end near the truth for other vehicles too."""
    (p, y), (other, truth) = _vehicles(), _vehicles(1)
    high, other_high = (10 * one / (1 - one + 10 * one) for one in (p, other))
    chosen = calibrate(method, high, y, BLOCK)  # type: ignore[arg-type]
    assert chosen.method != "none"
    assert np.abs(chosen.apply(other_high) - other).mean() < 0.02
    assert log_losses(truth, chosen.apply(other_high)).mean() < log_losses(truth, other_high).mean() - 0.1


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_correction_never_reverses_the_order_of_vehicles(method: str) -> None:
    """Answers that stand on their head by chance are flattened, not turned round into a signal."""
    p, y = _vehicles()
    chosen = calibrate(method, 1 - p, y, BLOCK)  # type: ignore[arg-type]
    assert np.ptp(chosen.apply(1 - p)) < 1e-9
    order = np.argsort(p)
    assert (np.diff(calibrate(method, p, y, BLOCK).apply(p)[order]) >= 0).all()  # type: ignore[arg-type]


def test_the_price_of_a_correction_is_paid_by_vehicles_it_was_not_fitted_on() -> None:
    """Steps fitted on pure noise look good on their own vehicles and bad on others."""
    rng = np.random.default_rng(3)
    p, y = rng.random(300), (rng.random(300) < 0.3).astype(np.int8)
    own = log_losses(y, calibrate("isotonic", p, y, BLOCK[:300]).apply(p)).mean()
    assert held_out_log_losses("isotonic", p, y, BLOCK[:300]).mean() > own + 0.01


def test_few_failures_teach_no_correction() -> None:
    """Auto leaves such probabilities as they are; asking for one that cannot be fitted is refused."""
    p, y = _vehicles()
    few = np.flatnonzero(y == 1)[12:]
    kept = np.setdiff1d(np.arange(len(y)), few)
    assert set(calibrate("auto", p[kept], y[kept], BLOCK[kept]).log_losses) == {"none"}
    with pytest.raises(RecipeRefusedError, match="Choose auto"):
        calibrate("sigmoid", p[kept], 0 * y[kept], BLOCK[kept])


def test_the_correction_is_inside_the_model_and_the_threshold_behind_it() -> None:
    """What is saved says corrected probabilities, in the same order, and alarms by the corrected threshold."""
    split = time_split(plant(1500, noise=3)[0], ROAD_TEST.horizon)
    plain, corrected = (
        train(split.training, ROAD_TEST.horizon, Recipe(families=("decision_tree",), calibration=method))  # type: ignore[arg-type]
        for method in ("none", "sigmoid")
    )
    raw, calibrated = (score(one.pipeline, one.features, split.comparison) for one in (plain, corrected))
    y = split.comparison["label"].to_numpy(dtype=np.int8)
    assert not np.allclose(raw, calibrated)
    assert roc_auc_score(y, raw) == roc_auc_score(y, calibrated)
    assert corrected.facts.calibration["method"] == "sigmoid"
    alarms = corrected.pipeline.predict(split.comparison[list(corrected.features)])
    assert np.array_equal(alarms == 1, calibrated >= corrected.threshold)
    assert (alarms == 1).any()
