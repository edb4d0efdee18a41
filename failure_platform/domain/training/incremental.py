"""Incremental training: what the production model says becomes one more column for a model of the newer vehicles.

What belongs here: that column, and the model that carries production inside it. What does not: which vehicles are newer
(split) and how the model on top is chosen (training).

This is stacking (Wolpert 1992) with a first level that never saw the vehicles of the second, so its answers on them are
honest. It works for every family that takes columns. scikit-learn's own warm start does not: boosting bins the new
vehicles anew and then reads its old trees with the new bins, which is valid on the same vehicles only, as its
documentation says; and a logistic regression run to its end forgets where it started.
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
    """The production model that training goes on from.

    Attributes:
        version: its name.
        pipeline: its fitted estimator.
        features: its columns, in order; the new model has the same.
        trained_until: newest prediction point it was trained on.
    """

    version: str
    pipeline: Any
    features: tuple[str, ...]
    trained_until: datetime


def with_production(start: Start, x: pd.DataFrame) -> pd.DataFrame:
    """Return the features with what production says of each vehicle as the first column, named PRODUCTION.

    Args:
        start: production.
        x: exactly its features, in its order, shape (vehicles, features).
    """
    said = pd.DataFrame({PRODUCTION: start.pipeline.predict_proba(x)[:, 1]}, index=x.index)
    return pd.concat([said, x], axis=1)


class OnTop(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A fitted model that takes production's answer and features. It is made of fitted parts and fits nothing itself.

    Attributes:
        production: fitted classifier over all features.
        top: fitted pipeline over `places`.
        places: columns that `top` takes: 0 is production's answer, 1 the first feature.
    """

    def __init__(self, production: Any, top: Any, places: list[int]) -> None:
        self.production = production
        self.top = top
        self.places = places

    def fit(self, x: Any, y: Any) -> "OnTop":  # noqa: ARG002 - scikit-learn asks for it
        """Fit nothing: the parts are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[np.int8]:
        """The classes of the model on top."""
        return np.asarray(self.top.classes_)

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        """Return the probabilities of both classes, shape (rows, 2)."""
        said = self.production.predict_proba(x)[:, 1:]
        return np.asarray(self.top.predict_proba(np.hstack([said, x])[:, self.places]), dtype=np.float64)


def on_top(start: Start, top: Pipeline, columns: Sequence[str]) -> OnTop:
    """Return one model of production and the pipeline fitted on `columns` of `with_production(start, x)`."""
    places = [0 if name == PRODUCTION else 1 + start.features.index(name) for name in columns]
    bare = start.pipeline
    if isinstance(bare, FixedThresholdClassifier):
        # Only its probabilities matter here; without the wrapper a model in a model in a model stays small.
        bare = bare.estimator.estimator if isinstance(bare.estimator, FrozenEstimator) else bare.estimator_
    return OnTop(bare, top, places)
