"""Trains a candidate as the settings of a home request, and saves it as a version."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from failure_platform.domain.families.family import RecipeRefusedError
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.report.model_card import model_card
from failure_platform.domain.targets import Target
from failure_platform.domain.training.candidate import Candidate, NoCandidate, make_candidate
from failure_platform.domain.training.search import Progress
from failure_platform.domain.training.trainable import NotTrainableError
from failure_platform.resources.registry.model_files import ModelRefusedError, installed_libraries
from failure_platform.resources.registry.registry import Registry
from failure_platform.resources.registry.training_start import start_of
from failure_platform.settings import Settings

__all__ = ["REFUSED", "Candidate", "NoCandidate", "record_block", "save_candidate", "train_candidate"]

REFUSED = (RecipeRefusedError, ModelRefusedError)
"""Errors of `train_candidate`: the settings cannot be followed, or the production model cannot be loaded."""

_SECONDS_BETWEEN_LINES = 2.0


def train_candidate(
    settings: Settings, registry: Registry, target: Target, vehicles: pd.DataFrame, log: Callable[[str], None]
) -> Candidate | NoCandidate:
    """Train on the described vehicles of a target, from nothing or on top of production.

    Raises:
        RecipeRefusedError: the settings name a recipe that cannot be followed.
        ModelRefusedError: training is incremental and the production model cannot be loaded.
    """
    try:
        start = start_of(settings, registry, target.name)
    except NotTrainableError as refusal:
        return NoCandidate(str(refusal))
    recipe = settings.recipe(None if start is None else start.version)
    return make_candidate(vehicles, target, recipe, start, settings.accepted_features, _every_few_seconds(log))


def record_block(registry: Registry, target: Target, made: NoCandidate) -> None:
    """Keep why no version was made, for everybody who asks for the model."""
    registry.record_block(target.name, made.blocked, datetime.now(UTC))


def save_candidate(registry: Registry, target: Target, candidate: Candidate, code_version: str) -> ModelVersion:
    """Save a candidate with its model card and return the version that it became."""
    model = candidate.to_save(target.name, code_version, installed_libraries(candidate.model.family))
    now = datetime.now(UTC)
    return registry.save(replace(model, model_card=model_card(model.row(now, {}), target)), now)


def _every_few_seconds(log: Callable[[str], None]) -> Callable[[Progress], None]:
    """Return a listener that logs a line every few seconds: each line is a row in Dagster's database."""
    last = -_SECONDS_BETWEEN_LINES

    def report(progress: Progress) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _SECONDS_BETWEEN_LINES:
            log(str(progress))
            last = now

    return report
