"""Training: choose a family and a setting by time-ordered validation, and fit them on all of the training data."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from threadpoolctl import threadpool_limits

from failure_platform.domain.families.preprocessing import used_columns
from failure_platform.domain.training.balancing import recency_weights
from failure_platform.domain.training.calibration import Calibration, Corrected, calibrate
from failure_platform.domain.training.facts import TrainingFacts, facts_of
from failure_platform.domain.training.incremental import Start, on_top, with_production
from failure_platform.domain.training.inner_validation import Validation, ValidationData, fit_setting, varying_columns
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.search import Budget, Progress, SearchResult, search
from failure_platform.domain.training.thresholds import NO_ALARM, threshold_for
from failure_platform.domain.training.trainable import (
    NotTrainableError,
    TrainingData,
    model_columns,
    prepare_training_data,
)

Floats = NDArray[np.float64]
# Boosting opens thousands of short parallel sections. Measured together with other busy processes on two cores: two
# threads take between 0.6 and 8 times as long as one, since each section waits for the slower thread.
_THREADS = 1

__all__ = ["NotTrainableError", "Recipe", "TrainedModel", "TrainingFacts", "score", "train"]


@dataclass(frozen=True)
class TrainedModel:
    """A fitted model and what is needed to use and to validate it.

    Attributes:
        pipeline: fitted scikit-learn estimator; predict_proba takes a frame with the columns `features`, predict
            applies the threshold. Preprocessing, feature selection, calibration and threshold are all inside.
        family: family of the chosen setting.
        setting: the chosen setting, as JSON types, flat.
        features: columns, in order.
        threshold: probability from which a vehicle is alarmed.
        base_rate: share of failures in the training data.
        recipe: reproduces this model on any machine.
        facts: see TrainingFacts.
    """

    pipeline: Any
    family: str
    setting: dict[str, Any]
    features: tuple[str, ...]
    threshold: float
    base_rate: float
    recipe: Recipe
    facts: TrainingFacts


def train(
    training: pd.DataFrame,
    horizon: timedelta,
    recipe: Recipe,
    start: Start | None = None,
    on_trial: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainedModel:
    """Train on the training side of a split.

    Args:
        training: wide frame, labels known, ordered by KNR.
        horizon: of the target; the gap between the folds of the inner validation.
        recipe: see Recipe.
        start: production, for incremental training: `training` then contains newer vehicles only.
        on_trial: called after every trial of the search.
        clock: monotonic, in seconds.

    Raises:
        NotTrainableError: no model can be trained on these vehicles.
        RecipeRefusedError: an option of the recipe is unknown, not installed, or excluded by another.
    """
    started = clock()
    data = prepare_training_data(training, horizon, recipe, start)
    x = data.x if start is None else with_production(start, data.x)
    weight = None if recipe.half_life is None else recency_weights(data.predicted_at, recipe.half_life)
    validation = ValidationData(x, data.y, data.folds, weight, recipe.seed)
    with threadpool_limits(_THREADS):
        result = search(Validation(validation), data.families, recipe.balance, Budget.of(recipe), on_trial, clock)
        calibration, threshold = _calibration_and_threshold(result, validation, data, recipe)
        fit_started = clock()
        features, model = _fit_chosen(result, calibration, validation, start)
    pipeline = FixedThresholdClassifier(FrozenEstimator(model), threshold=threshold, response_method="predict_proba")
    pipeline.fit(data.x[features], data.y)
    ended = clock()
    durations = {"search": result.seconds, "fit": ended - fit_started, "all": ended - started}
    if result.ended == "time":
        recipe = replace(recipe, trials_done=result.n_trials)
    return TrainedModel(
        pipeline=pipeline,
        family=result.best.family.name,
        setting=result.best.record.setting,
        features=tuple(features),
        threshold=threshold,
        base_rate=float(data.y.mean()),
        recipe=recipe,
        facts=facts_of(data, validation, result, calibration, threshold, recipe, durations),
    )


def score(pipeline: Any, features: Sequence[str], frame: pd.DataFrame) -> Floats:
    """Return the probability of failure of each row, shape (rows,).

    Features missing from the frame get their family's absent value; columns the model does not know are ignored.
    """
    if frame.empty:
        return np.empty(0)
    return np.asarray(pipeline.predict_proba(model_columns(features, frame))[:, 1], dtype=np.float64)


def _calibration_and_threshold(
    result: SearchResult, validation: ValidationData, data: TrainingData, recipe: Recipe
) -> tuple[Calibration, float]:
    """Choose calibration and threshold by the out-of-fold probabilities of the best setting."""
    best, y = result.best, validation.y_out_of_fold
    if not best.family.discriminates:
        return calibrate("none", best.p, y, validation.fold_numbers), NO_ALARM
    calibration = calibrate(recipe.calibration, best.p, y, validation.fold_numbers)
    predicted_at = data.predicted_at[validation.out_of_fold_rows]
    return calibration, threshold_for(
        recipe.aim, recipe.inspections_per_day, y, calibration.apply(best.p), predicted_at
    )


def _fit_chosen(
    result: SearchResult, calibration: Calibration, validation: ValidationData, start: Start | None
) -> tuple[list[str], Any]:
    """Fit the best setting on all vehicles and combine it with production and with the calibration."""
    best = result.best
    columns = best.family.chosen_columns(best.setting.values, [str(name) for name in validation.x.columns])
    if start is None:
        model: Any = fit_setting(validation.x[columns], validation, best.family, best.setting, best.balance)
        # A model takes only the columns it uses: preprocessing a thousand columns that its feature selection drops
        # would be nearly all of the cost of every prediction.
        features = [columns[position] for position in used_columns(model, len(columns))]
        if len(features) < len(columns):
            model = fit_setting(validation.x[features], validation, best.family, best.setting, best.balance)
    else:
        features = list(start.features)
        columns = [name for name in columns if name in set(varying_columns(validation.x))]
        # Inside the stacked model, columns have positions and no names.
        top = fit_setting(validation.x[columns].to_numpy(), validation, best.family, best.setting, best.balance)
        model = on_top(start, top, columns)
    return features, model if calibration.corrector is None else Corrected(model, calibration.corrector)
