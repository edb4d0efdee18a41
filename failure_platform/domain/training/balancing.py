"""How much each vehicle counts while a classifier is fitted: recency weights, and options against rare failures.

What belongs here: weights and resampling of rows that are fitted on. What does not: rows that are judged; they are
never weighted, resampled or made up.

Every option against rare failures makes them look more frequent than they are, so probabilities come out too high;
only calibration on untouched vehicles brings them back (measured: without, the Brier score is 6 to 15 times worse).
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
# SMOTE's own default of neighbours between which failures are made up.
_NEIGHBOURS = 5


def recency_weights(asked: NDArray[np.datetime64], half_life: timedelta) -> Floats:
    """Return weights that halve with each half life before the newest vehicle; their mean is 1.

    Args:
        asked: predicted_at of each vehicle, shape (vehicles,).
        half_life: age at which a vehicle weighs half.
    """
    age = (asked.max() - asked) / np.timedelta64(half_life)
    weight = np.asarray(0.5**age, dtype=np.float64)
    return np.asarray(weight / weight.mean(), dtype=np.float64)


def rebalanced(
    balance: Balance, x: Any, y: Labels, weight: Floats | None, seed: int
) -> tuple[Any, Labels, Floats | None]:
    """Return the rows to fit on and their weights.

    class_weight: both classes weigh the same. oversample: failures are repeated at random until there are as many as
    others. smote: failures are made up between neighbouring failures (Chawla et al. 2002, by imbalanced-learn).

    Args:
        balance: the option; none returns what was given.
        x: prepared features without gaps, shape (rows, columns).
        y: labels, both classes present.
        weight: of each row, or None.
        seed: of drawing and making up.

    Raises:
        FamilyUnavailableError: smote without imbalanced-learn.
        RecipeRefusedError: smote together with weights, which made-up vehicles cannot have.
    """
    if balance == "class_weight":
        even = compute_sample_weight("balanced", y)
        return x, y, even if weight is None else even * weight
    if balance == "oversample":
        failures = np.flatnonzero(y == 1)
        more = np.random.default_rng(seed).choice(failures, max(0, len(y) - 2 * len(failures)))
        rows = np.concatenate([np.arange(len(y)), more])
        # A frame takes rows by position only through iloc.
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
    made = SMOTE(k_neighbors=min(_NEIGHBOURS, failures - 1), random_state=seed).fit_resample(x, y)
    return made[0], made[1]
