"""Incremental training: the probability of the production model is one more column for a model of newer vehicles.

This is stacking (Wolpert 1992) with a first level that never saw the vehicles of the second, so its probabilities on
them are out-of-sample. It works for every family that takes columns. scikit-learn's own warm start does not: boosting
bins the new vehicles again and then reads its old trees with the new bins, which is valid on the same vehicles only, as
its documentation states; and a logistic regression run to convergence is independent of where it started.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

PRODUCTION = "production:probability"


@dataclass(frozen=True)
class Start:
    """The production model that incremental training continues.

    Attributes:
        version: its name.
        pipeline: its fitted estimator.
        features: its columns, in order; the new model has the same.
        trained_until: newest prediction time it was trained on.
    """

    version: str
    pipeline: Any
    features: tuple[str, ...]
    trained_until: datetime


def with_production(start: Start, x: pd.DataFrame) -> pd.DataFrame:
    """Return the features with production's probability of each vehicle as the first column, named PRODUCTION.

    Args:
        start: production.
        x: exactly its features, in its order, shape (vehicles, features).
    """
    probability = pd.DataFrame({PRODUCTION: start.pipeline.predict_proba(x)[:, 1]}, index=x.index)
    return pd.concat([probability, x], axis=1)


class OnTop(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Production and a model on top of its probability and features, both fitted; it fits nothing itself.

    Attributes:
        production: fitted classifier over all features.
        top: fitted pipeline over `places`.
        places: positions of the columns that `top` takes: 0 is production's probability, 1 the first feature.
    """

    def __init__(self, production: Any, top: Any, places: list[int]) -> None:
        self.production = production
        self.top = top
        self.places = places

    def fit(self, x: Any, y: Any) -> "OnTop":  # noqa: ARG002 - required by scikit-learn
        """Do nothing: the parts are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[np.int8]:
        """The classes of the model on top."""
        return np.asarray(self.top.classes_)

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        """Return the probabilities of both classes, shape (rows, 2)."""
        probability = self.production.predict_proba(x)[:, 1:]
        return np.asarray(self.top.predict_proba(np.hstack([probability, x])[:, self.places]), dtype=np.float64)


def on_top(start: Start, top: Pipeline, columns: Sequence[str]) -> OnTop:
    """Return one model of production and the pipeline fitted on `columns` of `with_production(start, x)`."""
    places = [0 if name == PRODUCTION else 1 + start.features.index(name) for name in columns]
    production = start.pipeline
    if isinstance(production, FixedThresholdClassifier):
        # Only its probabilities are used; without the wrapper, repeated increments stay small.
        inner = production.estimator
        production = inner.estimator if isinstance(inner, FrozenEstimator) else production.estimator_
    return OnTop(production, top, places)
