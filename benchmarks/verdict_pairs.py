"""Simulated comparison vehicles, and models of which is known how good they really are.

What belongs here: the vehicles, the models, and what a calibration does to a model's probabilities. What does not: what
is asked of the verdict (verdict_truths).

A model's score is normal with standard deviation 1 and lies `strength` higher for a vehicle that fails, so that its
true ROC AUC is Phi(strength / sqrt 2). Models share a part of their noise, as models that learn from the same data do.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from failure_platform.domain.comparison.holdout import Scored

FAILURE_RATE = 0.1
Floats = NDArray[np.float64]


def vehicles(failures: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return comparison vehicles of two months, a tenth of them failed; what they are has nothing to do with it."""
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
) -> list[Scored]:
    """Return one calibrated model per strength, their noise correlated, each with a threshold of its own."""
    shared = rng.normal(size=len(y))
    found = []
    for strength in strengths:
        noise = correlation**0.5 * shared + (1 - correlation) ** 0.5 * rng.normal(size=len(y))
        found.append(Scored(_probabilities(strength * y + noise, strength), rng.uniform(0.05, 0.8)))
    return found


def guessing(y: NDArray[np.int8], rng: np.random.Generator) -> Scored:
    """Return a model that knows nothing: near the base rate, so that only its ranking can give it away."""
    return Scored(expit(logit(FAILURE_RATE) + 0.1 * rng.normal(size=len(y))), rng.uniform(0.05, 0.2))


def sharpened(model: Scored, by: float) -> Scored:
    """Return the model with logits further from those of the base rate: the same order, bolder probabilities."""
    middle = logit(FAILURE_RATE)
    return Scored(expit(middle + by * (logit(model.p) - middle)), model.threshold)


def stepped(model: Scored, strength: float, learnt_from: int, rng: np.random.Generator) -> Scored:
    """Return the model with the steps of an isotonic calibration that learnt from so many other vehicles."""
    y = (rng.random(learnt_from) < FAILURE_RATE).astype(np.int8)
    said = _probabilities(strength * y + rng.normal(size=learnt_from), strength)
    steps = IsotonicRegression(out_of_bounds="clip").fit(said, y)
    return Scored(steps.predict(model.p), model.threshold)


def _probabilities(score: Floats, strength: float) -> Floats:
    return np.asarray(expit(logit(FAILURE_RATE) + strength * (score - strength / 2)), dtype=np.float64)
