"""From settings and registry to what a training run is told.

What belongs here: the recipe that the settings ask for, and the production model that incremental training starts from.
What does not: what either means (domain.training.recipe, domain.training.incremental).
"""

from datetime import timedelta

from failure_platform.domain.families.available import DEFAULT
from failure_platform.domain.training.incremental import Start
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.thresholds import Aim
from failure_platform.domain.training.trainable import NotTrainableError
from failure_platform.resources.registry.registry import Registry
from failure_platform.settings import Settings


def recipe_of(settings: Settings, start: Start | None) -> Recipe:
    """Return the recipe that these settings ask for."""
    asked = settings.training
    days = asked.recency_half_life_days
    return Recipe(
        families=asked.families or DEFAULT,
        seed=settings.seed,
        min_failures=settings.min_failures_to_train,
        holdout_share=settings.holdout_share,
        search=asked.search,
        search_trials=asked.search_trials,
        search_seconds=asked.search_seconds,
        balance=asked.balance,
        calibration=asked.calibration,
        half_life=None if days is None else timedelta(days=days),
        aim=Aim(**asked.aim.model_dump(), alarms_per_day=settings.inspections_per_day),
        started_from=None if start is None else start.version,
    )


def start_of(settings: Settings, registry: Registry, target: str) -> Start | None:
    """Return the production model to go on from; None when training is full.

    Raises:
        NotTrainableError: training is incremental and nothing is in production.
        ModelRefusedError: the production model cannot be loaded.
    """
    if settings.training.mode == "full":
        return None
    production = registry.current(target)
    if production is None:
        raise NotTrainableError(
            "training.mode is incremental, and nothing is in production to go on from. Set it to full, and promote a "
            "version first."
        )
    loaded = registry.load(production.version)
    return Start(production.version, loaded.pipeline, production.features, production.trained_until)
