"""Training: one family and one setting are chosen on the training side, fitted on all of it, and described.

What belongs here: the order of the steps, the finished model, and scoring. What does not: the steps themselves: what
is refused (trainable), which settings compete (search), calibration, thresholds, and the split from the comparison
vehicles.
"""

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

from failure_platform.domain.families.preprocessing import places_used
from failure_platform.domain.training.balancing import recency_weights
from failure_platform.domain.training.calibration import Calibration, Corrected, calibrate
from failure_platform.domain.training.facts import TrainingFacts, facts_of
from failure_platform.domain.training.incremental import Start, on_top, with_production
from failure_platform.domain.training.inner_validation import Ground, Validation, fit_whole, varying
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.search import Budget, Found, Progress, search
from failure_platform.domain.training.thresholds import NO_ALARM, threshold_for
from failure_platform.domain.training.trainable import NotTrainableError, Side, model_columns, trainable

Floats = NDArray[np.float64]
# Boosting opens thousands of short parallel sections. Measured beside other busy processes on two cores: two threads
# take between 0.6 and 8 times as long as one, since each section waits for the slower thread.
_THREADS = 1

__all__ = ["NotTrainableError", "Recipe", "TrainedModel", "TrainingFacts", "score", "train"]


@dataclass(frozen=True)
class TrainedModel:
    """A fitted model and what is needed to use and to judge it.

    Attributes:
        pipeline: fitted scikit-learn estimator; predict_proba takes a frame with the columns `features`, predict
            applies the threshold. Preparation, screening, calibration and threshold are all inside.
        family: family of the chosen setting.
        setting: the chosen setting, as JSON types, flat.
        features: columns, in order.
        threshold: probability from which a vehicle is alarmed.
        base_rate: share of failures on the training side.
        recipe: what gives this model again, on any machine.
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
    say: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainedModel:
    """Train on the training side of a split.

    Args:
        training: wide frame, labels known, ordered by KNR.
        horizon: the target's; the gap between the folds of the inner validation.
        recipe: see Recipe.
        start: production, for incremental training: `training` then holds newer vehicles only.
        say: told after every setting that was tried.
        clock: seconds, rising.

    Raises:
        NotTrainableError: nothing can be learnt from these vehicles.
        RecipeRefusedError: the recipe names what is unknown, not installed, or excludes one another.
    """
    started = clock()
    side = trainable(training, horizon, recipe, start)
    x = side.x if start is None else with_production(start, side.x)
    weight = None if recipe.half_life is None else recency_weights(side.asked, recipe.half_life)
    ground = Ground(x, side.y, side.folds, weight, recipe.seed)
    with threadpool_limits(_THREADS):
        found = search(Validation(ground), side.families, recipe.balance, Budget.of(recipe), say, clock)
        calibration, threshold = _decide(found, ground, side, recipe)
        fitting = clock()
        features, model = _fit(found, calibration, ground, start)
    pipeline = FixedThresholdClassifier(FrozenEstimator(model), threshold=threshold, response_method="predict_proba")
    pipeline.fit(side.x[features], side.y)
    ended = clock()
    durations = {"search": found.seconds, "fit": ended - fitting, "all": ended - started}
    if found.ended == "time":
        recipe = replace(recipe, trials_done=found.trials)
    return TrainedModel(
        pipeline=pipeline,
        family=found.best.family.name,
        setting=found.best.tried.setting,
        features=tuple(features),
        threshold=threshold,
        base_rate=float(side.y.mean()),
        recipe=recipe,
        facts=facts_of(side, ground, found, calibration, recipe, durations),
    )


def score(pipeline: Any, features: Sequence[str], frame: pd.DataFrame) -> Floats:
    """Return the probability of failure of each row, shape (rows,).

    Features the frame lacks hold their family's absent value; columns the model does not know are ignored.
    """
    if frame.empty:
        return np.empty(0)
    return np.asarray(pipeline.predict_proba(model_columns(features, frame))[:, 1], dtype=np.float64)


def _decide(found: Found, ground: Ground, side: Side, recipe: Recipe) -> tuple[Calibration, float]:
    """Choose correction and threshold by what the best setting says of the out-of-fold vehicles."""
    best = found.best
    if not best.family.tells_apart:
        return calibrate("none", best.p, ground.judged, ground.block), NO_ALARM
    calibration = calibrate(recipe.calibration, best.p, ground.judged, ground.block)
    said = calibration.apply(best.p)
    return calibration, threshold_for(
        recipe.aim, recipe.inspections_per_day, ground.judged, said, side.asked[ground.judged_rows]
    )


def _fit(found: Found, calibration: Calibration, ground: Ground, start: Start | None) -> tuple[list[str], Any]:
    """Fit the best setting on all vehicles and put it together with production and with the correction."""
    best = found.best
    columns = best.family.chosen_columns(best.setting.values, [str(name) for name in ground.x.columns])
    if start is None:
        model: Any = fit_whole(ground.x[columns], ground, best.family, best.setting, best.balance)
        # A model asks for what it uses alone: preparing a thousand columns that its screen drops would be nearly all
        # of the cost of every prediction.
        features = [columns[place] for place in places_used(model, len(columns))]
        if len(features) < len(columns):
            model = fit_whole(ground.x[features], ground, best.family, best.setting, best.balance)
    else:
        features = list(start.features)
        columns = [name for name in columns if name in set(varying(ground.x))]
        # Inside the stack, columns have places and no names.
        top = fit_whole(ground.x[columns].to_numpy(), ground, best.family, best.setting, best.balance)
        model = on_top(start, top, columns)
    return features, model if calibration.corrector is None else Corrected(model, calibration.corrector)
