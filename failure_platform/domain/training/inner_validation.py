"""Time-ordered cross-validation inside the training data: each fold is fitted on older vehicles than it predicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from failure_platform.domain.families.family import Family, Setting
from failure_platform.domain.families.preprocessing import preprocessing_steps, selection_steps
from failure_platform.domain.metrics import log_losses
from failure_platform.domain.training.balancing import rebalanced
from failure_platform.domain.training.recipe import Balance
from failure_platform.domain.training.split import Rows

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


def varying_columns(x: pd.DataFrame) -> list[str]:
    """Return the columns that contain at least two different values."""
    values = x.to_numpy()
    if not len(values):
        return []
    differs = np.fmax.reduce(values, axis=0) > np.fmin.reduce(values, axis=0)
    return [str(name) for name in x.columns[differs]]


def base_rate_log_loss(y: Labels, folds: Sequence[tuple[Rows, Rows]]) -> float:
    """Return the log loss of predicting, in each fold, the failure rate of its train rows."""
    labels = np.concatenate([y[validation] for _, validation in folds])
    rates = np.concatenate([np.full(len(validation), y[train].mean()) for train, validation in folds])
    return float(log_losses(labels, rates).mean())


@dataclass(frozen=True)
class ValidationData:
    """The data that every setting is fitted and validated on.

    Attributes:
        x: features, shape (vehicles, features).
        y: labels, both classes present in the train rows of every fold.
        folds: (train rows, validation rows), at least one, in time order.
        weight: sample weights, shape (vehicles,), or None for equal weights.
        seed: of everything random.
    """

    x: pd.DataFrame
    y: Labels
    folds: Sequence[tuple[Rows, Rows]]
    weight: Floats | None
    seed: int

    @property
    def out_of_fold_rows(self) -> Rows:
        """The validation rows of all folds, fold by fold."""
        return np.concatenate([validation for _, validation in self.folds])

    @property
    def y_out_of_fold(self) -> Labels:
        """Labels of the out-of-fold rows."""
        return self.y[self.out_of_fold_rows]

    @property
    def fold_numbers(self) -> Rows:
        """Number of the fold that each out-of-fold row is validated in."""
        return np.concatenate([np.full(len(validation), fold) for fold, (_, validation) in enumerate(self.folds)])


class Validation:
    """Out-of-fold predictions; each preprocessing is fitted once per fold and cached for the following settings."""

    def __init__(self, data: ValidationData) -> None:
        self.data = data
        self._varying = [set(varying_columns(data.x.iloc[train])) for train, _ in data.folds]
        self._preprocessed: dict[tuple[int, object, tuple[str, ...]], tuple[Any, Any]] = {}

    def predict_fold(self, fold: int, family: Family, setting: Setting, balance: Balance) -> dict[int, Floats]:
        """Fit on the train rows of a fold and return the probabilities of its validation rows, by stage."""
        data = self.data
        train, _ = data.folds[fold]
        x_train, x_validation = self._preprocess(fold, family, setting)
        weight = None if data.weight is None else data.weight[train]
        fitted = _fit_preprocessed(family, setting, balance, x_train, data.y[train], weight, data.seed)
        transformed = fitted[:-1].transform(x_validation) if len(fitted) > 1 else x_validation
        return family.staged_probabilities(fitted[-1], transformed)

    def _preprocess(self, fold: int, family: Family, setting: Setting) -> tuple[Any, Any]:
        data, (train, validation) = self.data, self.data.folds[fold]
        chosen = family.chosen_columns(setting.values, [str(name) for name in data.x.columns])
        columns = chosen if family.needs_all_columns else [name for name in chosen if name in self._varying[fold]]
        preprocessing = setting.values["feature_preprocessing"]
        key = (fold, preprocessing, tuple(columns))
        if key not in self._preprocessed:
            pipeline = Pipeline(preprocessing_steps(preprocessing, len(columns), len(train), data.seed))
            x_train = pipeline.fit_transform(data.x[columns].iloc[train], data.y[train])
            self._preprocessed[key] = (x_train, pipeline.transform(data.x[columns].iloc[validation]))
        return self._preprocessed[key]


def fit_setting(x: Any, data: ValidationData, family: Family, setting: Setting, balance: Balance) -> Pipeline:
    """Fit a setting on all vehicles and return the fitted pipeline.

    Args:
        x: the family's columns of the data, as a frame, or as an array where the model later predicts on arrays.
        data: labels, weights and seed.
        family, setting, balance: what is fitted.
    """
    preprocessing = preprocessing_steps(setting.values["feature_preprocessing"], x.shape[1], len(x), data.seed)
    preprocessed = Pipeline(preprocessing).fit_transform(x, data.y)
    fitted = _fit_preprocessed(family, setting, balance, preprocessed, data.y, data.weight, data.seed)
    return Pipeline([*preprocessing, *fitted.steps])


def _fit_preprocessed(
    family: Family, setting: Setting, balance: Balance, x: Any, y: Labels, weight: Floats | None, seed: int
) -> Pipeline:
    """Fit feature selection, scaling and classifier on preprocessed features.

    Resampling happens just before the classifier and adds no step to the pipeline.
    """
    steps = selection_steps(setting.values["keep"])
    if family.needs_scaling:
        steps.append(("scale", StandardScaler()))
    if steps:
        x = Pipeline(steps).fit_transform(x, y)
    x, y, weight = rebalanced(balance, x, y, weight, seed)
    classifier = family.classifier(setting.values, len(y), seed)
    # Families without support for sample weights may compete as long as there are none.
    weighted = {} if weight is None else {"sample_weight": weight}
    return Pipeline([*steps, ("classify", classifier.fit(x, y, **weighted))])
