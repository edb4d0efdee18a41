"""Simulated comparison vehicles, and models of known quality.

A model's score is normal with standard deviation 1 and `strength` higher for a vehicle that fails, so that its true ROC
AUC is Phi(strength / sqrt 2). Models share part of their noise, as models trained on the same data do.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from failure_platform.domain.comparison.holdout import ModelScores

FAILURE_RATE = 0.1
Floats = NDArray[np.float64]


def vehicles(failures: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return comparison vehicles of two months, a tenth of them failed, independently of their properties."""
    number = round(failures / FAILURE_RATE)
    failed = rng.permutation(number) < failures
    return pd.DataFrame(
        {
            "KNR": [f"K{i:06d}" for i in range(number)],
            "predicted_at": pd.Timestamp("2025-03-01") + pd.to_timedelta(np.sort(rng.random(number)) * 60, unit="D"),
            "label": failed.astype(np.int8),
            "MODELO": rng.choice(["A", "B", "C"], number),
            "MOTOR": rng.choice(["1.0", "1.6", None], number),
            "COR": rng.choice(["red", "blue", "white"], number),
            "failure_group": np.where(failed, rng.choice(["1", "2", "4"], number), None),
        }
    )


def models(
    y: NDArray[np.int8], strengths: Sequence[float], correlation: float, rng: np.random.Generator
) -> list[ModelScores]:
    """Return one calibrated model per strength, with correlated noise, each with its own threshold."""
    shared = rng.normal(size=len(y))
    result = []
    for strength in strengths:
        noise = correlation**0.5 * shared + (1 - correlation) ** 0.5 * rng.normal(size=len(y))
        result.append(ModelScores(_probabilities(strength * y + noise, strength), rng.uniform(0.05, 0.8)))
    return result


def guessing(y: NDArray[np.int8], rng: np.random.Generator) -> ModelScores:
    """Return a model without signal: near the base rate, so that only its ranking shows it."""
    return ModelScores(expit(logit(FAILURE_RATE) + 0.1 * rng.normal(size=len(y))), rng.uniform(0.05, 0.2))


def sharpened(model: ModelScores, by: float) -> ModelScores:
    """Return the model with logits further from that of the base rate: the same ranking, overconfident."""
    middle = logit(FAILURE_RATE)
    return ModelScores(expit(middle + by * (logit(model.p) - middle)), model.threshold)


def stepped(model: ModelScores, strength: float, fitted_on: int, rng: np.random.Generator) -> ModelScores:
    """Return the model after an isotonic calibration fitted on `fitted_on` other vehicles."""
    y = (rng.random(fitted_on) < FAILURE_RATE).astype(np.int8)
    predicted = _probabilities(strength * y + rng.normal(size=fitted_on), strength)
    steps = IsotonicRegression(out_of_bounds="clip").fit(predicted, y)
    return ModelScores(steps.predict(model.p), model.threshold)


def _probabilities(score: Floats, strength: float) -> Floats:
    return np.asarray(expit(logit(FAILURE_RATE) + strength * (score - strength / 2)), dtype=np.float64)
