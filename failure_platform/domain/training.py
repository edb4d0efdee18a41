"""Training: one family and one setting are chosen on the training side, fitted on all of it, and described.

What belongs here: the recipe, what refuses a training side, the finished model and its facts, and scoring.
What does not: the steps of a family (families), the choice among settings (inner_validation), the split from the
comparison vehicles (split), files (registry).
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from failure_platform.domain.families import FAMILIES, front_steps, settings, tail_steps
from failure_platform.domain.feature_names import absent_value
from failure_platform.domain.inner_validation import Tried, best_f1_threshold, validate, varying
from failure_platform.domain.split import time_folds
from failure_platform.domain.wide import feature_columns

Floats = NDArray[np.float64]
# Boosting opens thousands of short parallel sections. Measured beside other busy processes on two cores: two threads
# take between 0.6 and 8 times as long as one, since each section waits for the slower thread.
_THREADS = 1


class NotTrainableError(Exception):
    """No model can be trained on these vehicles; the message says why and what to do."""


@dataclass(frozen=True)
class Recipe:
    """What a training run is told. The same recipe on the same frame gives the same model.

    Attributes:
        families: families that compete.
        seed: of everything random.
        min_failures: fewer failures on the training side: no training.
        folds: blocks of the inner validation.
        holdout_share: share of labelled vehicles kept for the comparison (used by the split, recorded here).
    """

    families: tuple[str, ...] = FAMILIES
    seed: int = 0
    min_failures: int = 10
    folds: int = 3
    holdout_share: float = 0.25

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON types."""
        return {**asdict(self), "families": list(self.families)}


@dataclass(frozen=True)
class TrainingFacts:
    """What is worth knowing about a training run; the times are the plant's own (naive)."""

    vehicles: int
    failures: int
    trained_from: datetime
    trained_until: datetime
    out_of_fold_vehicles: int
    base_rate_log_loss: float
    tried: tuple[Tried, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON types."""
        facts = asdict(self)
        facts |= {key: facts[key].isoformat() for key in ("trained_from", "trained_until")}
        return {**facts, "tried": [asdict(one) for one in self.tried]}


@dataclass(frozen=True)
class TrainedModel:
    """A fitted model and what is needed to use and to judge it.

    Attributes:
        pipeline: fitted scikit-learn estimator; predict_proba takes a frame with the columns `features`, predict
            applies the threshold. Preparation, screening and threshold are all inside.
        family: family of the chosen setting.
        setting: the chosen setting, as JSON types.
        features: columns, in order.
        threshold: probability from which a vehicle is alarmed.
        base_rate: share of failures on the training side.
        facts: see TrainingFacts.
    """

    pipeline: Any
    family: str
    setting: dict[str, Any]
    features: tuple[str, ...]
    threshold: float
    base_rate: float
    facts: TrainingFacts


def train(training: pd.DataFrame, horizon: timedelta, recipe: Recipe) -> TrainedModel:
    """Train on the training side of a split.

    Args:
        training: wide frame, labels known, ordered by KNR.
        horizon: the target's; the gap between the folds of the inner validation.
        recipe: see Recipe.

    Raises:
        NotTrainableError: too few failures, one class only, or nothing to learn from.
    """
    started = time.perf_counter()
    features, y = _trainable(training, recipe)
    x = training[features]
    asked = training["predicted_at"].to_numpy()
    folds = [fold for fold in time_folds(asked, y == 1, horizon, recipe.folds) if varying(x.iloc[fold[0]])]
    if not folds:
        raise NotTrainableError(
            f"the {int(y.sum())} failures on the training side lie within one horizon ({horizon}) of each other, so no "
            "older part can be fitted and judged on a newer one. Wait for falhas uploads of a longer period."
        )
    with threadpool_limits(_THREADS):
        outcome = validate(x, y, folds, settings(recipe.families, len(features)), recipe.seed)
        chosen = outcome.chosen
        pipeline = Pipeline([*front_steps(chosen.front, len(y), recipe.seed), *tail_steps(chosen, recipe.seed)]).fit(
            x, y
        )
    threshold = best_f1_threshold(outcome.y, outcome.p)
    model = FixedThresholdClassifier(FrozenEstimator(pipeline), threshold=threshold, response_method="predict_proba")
    facts = TrainingFacts(
        vehicles=len(y),
        failures=int(y.sum()),
        trained_from=pd.Timestamp(asked.min()).to_pydatetime(),
        trained_until=pd.Timestamp(asked.max()).to_pydatetime(),
        out_of_fold_vehicles=len(outcome.y),
        base_rate_log_loss=outcome.base_rate_log_loss,
        tried=outcome.tried,
        seconds=time.perf_counter() - started,
    )
    return TrainedModel(
        pipeline=model.fit(x, y),
        family=chosen.family,
        setting=asdict(chosen),
        features=tuple(features),
        threshold=threshold,
        base_rate=float(y.mean()),
        facts=facts,
    )


def score(pipeline: Any, features: Sequence[str], frame: pd.DataFrame) -> Floats:
    """Return the probability of failure of each row, shape (rows,).

    Features the frame lacks hold their family's absent value; columns the model does not know are ignored.
    """
    if frame.empty:
        return np.empty(0)
    x = frame.reindex(columns=list(features)).astype(np.float32)
    lacking = [name for name in features if name not in frame.columns]
    x[lacking] = np.array([absent_value(name) for name in lacking], dtype=np.float32)
    return np.asarray(pipeline.predict_proba(x)[:, 1], dtype=np.float64)


def _trainable(training: pd.DataFrame, recipe: Recipe) -> tuple[list[str], NDArray[np.int8]]:
    """Return the features that vary and the labels, or say why there is nothing to train on."""
    y = training["label"].to_numpy(dtype=np.int8)
    failures = int(y.sum())
    if failures < recipe.min_failures:
        raise NotTrainableError(
            f"{failures} failures among {len(y)} labelled vehicles on the training side; at least "
            f"{recipe.min_failures} are needed. Upload falhas and status files of a longer period, or lower "
            "min_failures_to_train."
        )
    if failures == len(y):
        raise NotTrainableError(
            f"all {len(y)} labelled vehicles on the training side failed, so there is nothing to tell them from. "
            "Upload the status and resultados files of the vehicles that did not fail."
        )
    features = varying(training[feature_columns(training)])
    if not features:
        raise NotTrainableError(
            "no feature differs between the vehicles of the training side. "
            "Upload resultados files whose rows lie before the prediction points."
        )
    return features, y
