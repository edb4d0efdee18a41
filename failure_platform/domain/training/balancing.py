"""Sample weights and resampling of the rows that a classifier is fitted on; validation rows are never changed.

Every option against class imbalance makes failures look more frequent than they are, so probabilities are too high;
only calibration on unchanged vehicles corrects them (measured: without it, the Brier score is 6 to 15 times worse).
"""

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from failure_platform.domain.families.family import FamilyUnavailableError, RecipeRefusedError
from failure_platform.domain.training.recipe import Balance

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
# The default k_neighbors of imbalanced-learn's SMOTE.
_NEIGHBOURS = 5


def recency_weights(predicted_at: NDArray[np.datetime64], half_life: timedelta) -> Floats:
    """Return weights that halve with each half life before the newest vehicle; their mean is 1.

    Args:
        predicted_at: prediction time of each vehicle, shape (vehicles,).
        half_life: age at which the weight of a vehicle is half that of the newest.
    """
    age = (predicted_at.max() - predicted_at) / np.timedelta64(half_life)
    weight = np.asarray(0.5**age, dtype=np.float64)
    return np.asarray(weight / weight.mean(), dtype=np.float64)


def rebalanced(
    balance: Balance, x: Any, y: Labels, weight: Floats | None, seed: int
) -> tuple[Any, Labels, Floats | None]:
    """Return the rows to fit on, their labels and their sample weights.

    class_weight: both classes have the same total weight. oversample: failures are repeated at random until both
    classes have the same size. smote: synthetic failures are interpolated between neighbouring failures (Chawla et al.
    2002, by imbalanced-learn).

    Args:
        balance: the option; none returns the arguments unchanged.
        x: preprocessed features without missing values, shape (rows, columns).
        y: labels, both classes present.
        weight: sample weights, shape (rows,), or None.
        seed: of oversample and smote.

    Raises:
        FamilyUnavailableError: smote without imbalanced-learn.
        RecipeRefusedError: smote together with sample weights, which synthetic vehicles cannot have.
    """
    if balance == "class_weight":
        balanced = compute_sample_weight("balanced", y)
        return x, y, balanced if weight is None else balanced * weight
    if balance == "oversample":
        failures = np.flatnonzero(y == 1)
        repeated = np.random.default_rng(seed).choice(failures, max(0, len(y) - 2 * len(failures)))
        rows = np.concatenate([np.arange(len(y)), repeated])
        # A data frame selects rows by position only through iloc.
        return (
            x.iloc[rows] if hasattr(x, "iloc") else x[rows],
            y[rows],
            None if weight is None else weight[rows],
        )
    if balance == "smote":
        if weight is not None:
            raise RecipeRefusedError(
                "training.balance smote makes up vehicles, which have no age to weigh them by. Leave "
                "training.recency_half_life_days empty, or choose none, class_weight or oversample."
            )
        return (*_smote(x, y, seed), None)
    return x, y, weight


def _smote(x: Any, y: Labels, seed: int) -> tuple[Any, Labels]:
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError as error:
        raise FamilyUnavailableError(
            "training.balance is smote, which needs imbalanced-learn. Install failure-platform[smote], or choose "
            "none, class_weight or oversample."
        ) from error
    failures = int(y.sum())
    if failures < 2 or 2 * failures >= len(y):
        return x, y
    resampled = SMOTE(k_neighbors=min(_NEIGHBOURS, failures - 1), random_state=seed).fit_resample(x, y)
    return resampled[0], resampled[1]
