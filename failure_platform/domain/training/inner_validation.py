"""Time-ordered validation inside the training side: what a setting says of vehicles newer than those it was fitted on.

What belongs here: fitting a setting, on a fold or on everything, and its out-of-fold answers. What does not: which
settings there are (families) and which are tried (search).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from failure_platform.domain.families.family import Family, Setting
from failure_platform.domain.families.preprocessing import Steps, front_steps, screen_steps
from failure_platform.domain.metrics import log_losses
from failure_platform.domain.training.balancing import rebalanced
from failure_platform.domain.training.recipe import Balance
from failure_platform.domain.training.split import Rows

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


def varying(x: pd.DataFrame) -> list[str]:
    """Return the columns that hold at least two different values."""
    values = x.to_numpy()
    if not len(values):
        return []
    differs = np.fmax.reduce(values, axis=0) > np.fmin.reduce(values, axis=0)
    return [str(name) for name in x.columns[differs]]


def base_rate_log_loss(y: Labels, folds: Sequence[tuple[Rows, Rows]]) -> float:
    """Return the log loss of saying, in each fold, the failure rate of its older part."""
    judged = np.concatenate([y[judge] for _, judge in folds])
    rates = np.concatenate([np.full(len(judge), y[fit].mean()) for fit, judge in folds])
    return float(log_losses(judged, rates).mean())


@dataclass(frozen=True)
class Ground:
    """What every setting is fitted and judged on.

    Attributes:
        x: features, shape (vehicles, features).
        y: labels, both classes present in the fit rows of every fold.
        folds: (fit rows, judged rows), at least one, in time order.
        weight: of each vehicle, shape (vehicles,), or None where all weigh the same.
        seed: of everything random.
    """

    x: pd.DataFrame
    y: Labels
    folds: Sequence[tuple[Rows, Rows]]
    weight: Floats | None
    seed: int

    @property
    def judged_rows(self) -> Rows:
        """The out-of-fold vehicles, fold by fold."""
        return np.concatenate([judge for _, judge in self.folds])

    @property
    def judged(self) -> Labels:
        """Labels of the out-of-fold vehicles."""
        return self.y[self.judged_rows]

    @property
    def block(self) -> Rows:
        """Number of the fold that each out-of-fold vehicle is judged in."""
        return np.concatenate([np.full(len(judge), fold) for fold, (_, judge) in enumerate(self.folds)])


class Validation:
    """Out-of-fold answers on one ground; each front is fitted once per fold and kept for the next setting."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._varying = [set(varying(ground.x.iloc[fit])) for fit, _ in ground.folds]
        self._prepared: dict[tuple[int, object, tuple[str, ...]], tuple[Any, Any]] = {}

    def say(self, fold: int, family: Family, setting: Setting, balance: Balance) -> dict[int, Floats]:
        """Fit on the older part of a fold and return what is said of its newer part, by the family's stages."""
        ground = self.ground
        fit, _ = ground.folds[fold]
        old, new = self._prepare(fold, family, setting)
        weight = None if ground.weight is None else ground.weight[fit]
        tail = _fit_tail(family, setting, balance, old, ground.y[fit], weight, ground.seed)
        screened = tail[:-1].transform(new) if len(tail) > 1 else new
        return family.staged(tail[-1], screened)

    def _prepare(self, fold: int, family: Family, setting: Setting) -> tuple[Any, Any]:
        ground, (fit, judge) = self.ground, self.ground.folds[fold]
        taken = family.chosen_columns(setting.values, [str(name) for name in ground.x.columns])
        columns = taken if family.whole else [name for name in taken if name in self._varying[fold]]
        front = setting.values["front"]
        key = (fold, front, tuple(columns))
        if key not in self._prepared:
            prepare = Pipeline(front_steps(front, len(columns), len(fit), ground.seed))
            old = prepare.fit_transform(ground.x[columns].iloc[fit], ground.y[fit])
            self._prepared[key] = (old, prepare.transform(ground.x[columns].iloc[judge]))
        return self._prepared[key]


def fit_whole(x: Any, ground: Ground, family: Family, setting: Setting, balance: Balance) -> Pipeline:
    """Fit a setting on every vehicle of the ground and return the fitted pipeline.

    Args:
        x: the family's columns of the ground, as a frame, or as an array where the model gets one later.
        ground: labels, weights and seed.
        family, setting, balance: what is fitted.
    """
    front: Steps = front_steps(setting.values["front"], x.shape[1], len(x), ground.seed)
    prepared = Pipeline(front).fit_transform(x, ground.y)
    tail = _fit_tail(family, setting, balance, prepared, ground.y, ground.weight, ground.seed)
    return Pipeline([*front, *tail.steps])


def _fit_tail(
    family: Family, setting: Setting, balance: Balance, x: Any, y: Labels, weight: Floats | None, seed: int
) -> Pipeline:
    """Fit what comes behind the front. Resampling happens between screen and classifier and leaves no step."""
    steps = screen_steps(setting.values["keep"])
    if family.scaled:
        steps.append(("scale", StandardScaler()))
    if steps:
        x = Pipeline(steps).fit_transform(x, y)
    x, y, weight = rebalanced(balance, x, y, weight, seed)
    classifier = family.classifier(setting.values, len(y), seed)
    # Families that know no weights may compete as long as nobody asks for weights.
    weighted = {} if weight is None else {"sample_weight": weight}
    return Pipeline([*steps, ("classify", classifier.fit(x, y, **weighted))])
