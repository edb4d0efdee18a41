"""Which features a model leans on: how far its ranking of the compared vehicles falls when one feature is shuffled.

What belongs here: permutation importance of one model, at a bounded cost. What does not: drawing it (figures), and any
claim about causes: features that say the same thing share their importance, and a model may lean on a mere companion of
what makes vehicles fail.

The cost is bounded whatever the number of features: a sample of vehicles, then a search for the features whose
shuffling moves the probabilities most, then the measurement, with other shuffles, of those few.
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

from failure_platform.domain.training.fitting import score

MOST_FEATURES = 10
MOST_VEHICLES = 3000
_REPETITIONS = 4
# The search needs less precision than the measurement.
_VEHICLES_OF_SEARCH = 250
_FIRST_GROUPS = 32

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Columns = NDArray[np.int64]


@dataclass(frozen=True)
class Importance:
    """How much one feature matters to one model.

    Attributes:
        feature: its name.
        drop: mean fall of the average precision when the feature's values are shuffled among the vehicles.
        spread: standard deviation of that fall over the shuffles.
    """

    feature: str
    drop: float
    spread: float


def importance(
    pipeline: Any, features: Sequence[str], vehicles: pd.DataFrame, y: NDArray[np.int8], seed: int
) -> tuple[Importance, ...]:
    """Return the features that matter most to a model, at most MOST_FEATURES, the largest drop first.

    Breiman, Machine Learning 45, 2001, section 10, on vehicles that the model has not seen. Empty where the average
    precision is not defined (no failure) or no shuffle changes any probability.

    Args:
        pipeline: fitted, with predict_proba.
        features: the model's columns.
        vehicles: wide frame; above MOST_VEHICLES a sample with the same failure rate is used.
        y: labels, shape (vehicles,), 1 = failed.
        seed: of sample and shuffles.
    """
    if not y.any():
        return ()
    rows = np.arange(len(y))
    if len(rows) > MOST_VEHICLES:
        rows = np.sort(resample(rows, replace=False, n_samples=MOST_VEHICLES, stratify=y, random_state=seed))
    values = vehicles.iloc[rows].reindex(columns=list(features)).to_numpy(dtype=np.float32)

    def probabilities(matrix: Matrix) -> Floats:
        return score(pipeline, features, pd.DataFrame(matrix, columns=list(features)))

    def ranking(_: Any, changed: Matrix, failed: NDArray[np.int8]) -> float:
        whole = values.copy()
        whole[:, leading] = changed
        return float(average_precision_score(failed, probabilities(whole)))

    # A model of many small parts loses more by waiting for its second thread than it gains.
    with threadpool_limits(1):
        some = values[:: max(1, len(values) // _VEHICLES_OF_SEARCH)]
        leading = _leading(some, probabilities, np.random.default_rng(seed))
        if not leading:
            return ()
        measured = permutation_importance(
            pipeline, values[:, leading], y[rows], scoring=ranking, n_repeats=_REPETITIONS, random_state=seed
        )
    drops = zip(leading, measured.importances_mean, measured.importances_std, strict=True)
    found = (Importance(features[column], float(drop), float(spread)) for column, drop, spread in drops)
    return tuple(sorted(found, key=lambda one: (-one.drop, one.feature)))


def _leading(values: Matrix, probabilities: Callable[[Matrix], Floats], rng: np.random.Generator) -> list[int]:
    """Return the columns whose shuffling moves the probabilities most, at most MOST_FEATURES.

    Groups of columns are shuffled together, the groups that move the probabilities most are halved, and so on until
    each is a single column. A group that moves nothing holds no feature that the model uses, and is left. All groups of
    a round are scored in one call, since a model's cost per call can outweigh that per vehicle.
    """
    untouched = probabilities(values)

    def moved(groups: list[Columns]) -> Floats:
        stacked = np.tile(values, (len(groups), 1, 1))
        for copy, group in zip(stacked, groups, strict=True):
            copy[:, group] = values[:, group][rng.permutation(len(values))]
        found = probabilities(stacked.reshape(-1, values.shape[1])).reshape(len(groups), -1)
        return np.asarray(np.abs(found - untouched).mean(axis=1), dtype=np.float64)

    groups = [group for group in np.array_split(np.arange(values.shape[1]), _FIRST_GROUPS) if len(group)]
    while True:
        movements = moved(groups)
        first = np.argsort(-movements, kind="stable")[:MOST_FEATURES]
        kept = [groups[place] for place in first if movements[place] > 0]
        if all(len(group) == 1 for group in kept):
            return [int(group[0]) for group in kept]
        groups = [half for group in kept for half in np.array_split(group, 2) if len(half)]
