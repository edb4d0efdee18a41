"""Permutation importance of a model's features on the compared vehicles, at a cost independent of their number.

A sample of vehicles is used to search for the features whose shuffling moves the probabilities most; only these few are
measured, with new shuffles. Importance is no evidence of a cause: correlated features share it, and a feature may only
be correlated with the cause of a failure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance
from sklearn.metrics import average_precision_score
from sklearn.utils import resample
from threadpoolctl import threadpool_limits

from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.training.fitting import score
from failure_platform.domain.training.trainable import model_columns

MAX_FEATURES = 10
MAX_VEHICLES = 3000
_REPETITIONS = 4
# The search needs less precision than the measurement.
_SEARCH_VEHICLES = 250
_INITIAL_GROUPS = 32

Matrix = NDArray[np.float32]
Columns = NDArray[np.int64]


@dataclass(frozen=True)
class Importance:
    """The permutation importance of one feature for one model.

    Attributes:
        feature: its name.
        drop: mean decrease in average precision when the feature's values are shuffled among the vehicles.
        spread: standard deviation of that decrease over the shuffles.
    """

    feature: str
    drop: float
    spread: float


def importance(
    pipeline: Any, features: Sequence[str], vehicles: pd.DataFrame, y: NDArray[np.int8], seed: int
) -> tuple[Importance, ...]:
    """Return the most important features of a model, at most MAX_FEATURES, by descending drop.

    Breiman, Machine Learning 45, 2001, section 10, on vehicles that the model was not trained on. Empty if the average
    precision is not defined (no failure) or if no shuffle changes a probability.

    Args:
        pipeline: fitted, with predict_proba.
        features: the model's columns.
        vehicles: wide frame; if it has more than MAX_VEHICLES rows, a sample with the same failure rate is used.
        y: labels, shape (vehicles,), 1 = failed.
        seed: of the sample and the shuffles.
    """
    if not y.any():
        return ()
    rows = np.arange(len(y))
    if len(rows) > MAX_VEHICLES:
        rows = np.sort(resample(rows, replace=False, n_samples=MAX_VEHICLES, stratify=y, random_state=seed))
    values = model_columns(features, vehicles.iloc[rows]).to_numpy()

    def probabilities(matrix: Matrix) -> Floats:
        return score(pipeline, features, pd.DataFrame(matrix, columns=list(features)))

    def ranking(_: Any, shuffled: Matrix, failed: NDArray[np.int8]) -> float:
        matrix = values.copy()
        matrix[:, leading] = shuffled
        return float(average_precision_score(failed, probabilities(matrix)))

    # Measured: for an ensemble of many small models a second thread costs more in waiting than it gains.
    with threadpool_limits(1):
        sample = values[:: max(1, len(values) // _SEARCH_VEHICLES)]
        leading = _leading(sample, probabilities, np.random.default_rng(seed))
        if not leading:
            return ()
        measured = permutation_importance(
            pipeline, values[:, leading], y[rows], scoring=ranking, n_repeats=_REPETITIONS, random_state=seed
        )
    drops = zip(leading, measured.importances_mean, measured.importances_std, strict=True)
    importances = (Importance(features[column], float(drop), float(spread)) for column, drop, spread in drops)
    return tuple(sorted(importances, key=lambda each: (-each.drop, each.feature)))


def _leading(values: Matrix, probabilities: Callable[[Matrix], Floats], rng: np.random.Generator) -> list[int]:
    """Return the columns whose shuffling moves the probabilities most, at most MAX_FEATURES.

    Groups of columns are shuffled together; the groups that move the probabilities most are halved until each holds a
    single column. A group that moves nothing contains no feature that the model uses and is dropped. All groups of a
    round are scored in one call, because a model's cost per call can exceed its cost per vehicle.
    """
    unshuffled = probabilities(values)

    def mean_movement(groups: list[Columns]) -> Floats:
        stacked = np.tile(values, (len(groups), 1, 1))
        for copy, group in zip(stacked, groups, strict=True):
            copy[:, group] = values[:, group][rng.permutation(len(values))]
        shuffled = probabilities(stacked.reshape(-1, values.shape[1])).reshape(len(groups), -1)
        return np.asarray(np.abs(shuffled - unshuffled).mean(axis=1), dtype=np.float64)

    groups = [group for group in np.array_split(np.arange(values.shape[1]), _INITIAL_GROUPS) if len(group)]
    while True:
        movements = mean_movement(groups)
        largest = np.argsort(-movements, kind="stable")[:MAX_FEATURES]
        kept = [groups[position] for position in largest if movements[position] > 0]
        if all(len(group) == 1 for group in kept):
            return [int(group[0]) for group in kept]
        groups = [half for group in kept for half in np.array_split(group, 2) if len(half)]
