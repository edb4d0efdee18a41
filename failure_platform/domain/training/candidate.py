"""A candidate: split, leak audit and training of the described vehicles, with what its page shows."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from failure_platform.domain.features.presence import with_presence
from failure_platform.domain.features.wide import data_version, feature_columns
from failure_platform.domain.leaks.audit import audit
from failure_platform.domain.leaks.findings import Acceptance, Audit
from failure_platform.domain.model_version import ModelToSave, Origin
from failure_platform.domain.targets import Target
from failure_platform.domain.training.blocked import Blocked
from failure_platform.domain.training.fitting import TrainedModel, train
from failure_platform.domain.training.incremental import Start
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.search import Progress
from failure_platform.domain.training.search_page import search_png, search_table
from failure_platform.domain.training.split import Split, time_split
from failure_platform.domain.training.trainable import NotTrainableError, keep_features, model_columns

_SAMPLE_ROWS = 10
_LEAK = "The leak audit found something; see its check."


@dataclass(frozen=True)
class NoCandidate:
    """Why no model was trained.

    Attributes:
        reason: sentence for a person, with what to do.
        audit: the leak audit whose blocking findings are the reason; None for every other reason.
    """

    reason: str
    audit: Audit | None = None

    @property
    def blocked(self) -> Blocked:
        """What is stored and shown of it."""
        if self.audit is None:
            return Blocked("trainable", self.reason, (), "Do that, and run failure-platform process again.")
        findings = self.audit.blocking
        features = tuple(dict.fromkeys(one.feature for one in findings if one.feature is not None))
        accepted = {feature: {"who": "your name", "why": "the reason"} for feature in features}
        accept = (
            " If a person has examined them and they are honest, accept them: "
            f"FAILURE_PLATFORM_ACCEPTED_FEATURES='{json.dumps(accepted)}'."
        )
        return Blocked(
            "leak_audit",
            " ".join(one.sentence for one in findings),
            features,
            "No version was saved and what is in production stays. Correct the uploads (failure-platform withdraw "
            f"takes one out again) and run failure-platform process again.{accept if features else ''}",
        )


@dataclass(frozen=True)
class Candidate:
    """A trained model and what it was made from.

    Attributes:
        split: training and comparison side.
        audit: the leak audit, without blocking findings.
        model: the trained model.
        search_table: a row per setting that was tried, best first.
        search_png: the log loss of each, as a PNG image.
        data_version: hash of the vehicles that were split.
    """

    split: Split
    audit: Audit
    model: TrainedModel
    search_table: pd.DataFrame
    search_png: bytes
    data_version: str

    def to_save(self, target: str, code_version: str, libraries: Mapping[str, str]) -> ModelToSave:
        """Return the model as the registry saves it, with a sample of training rows and without a model card."""
        model, facts = self.model, self.model.facts
        origin = Origin(
            target=target,
            data_version=self.data_version,
            recipe={**model.recipe.as_dict(), **self.audit.as_recipe()},
            seed=model.recipe.seed,
            code_version=code_version,
            libraries=libraries,
        )
        return ModelToSave(
            origin=origin,
            pipeline=model.pipeline,
            family=model.family,
            features=model.features,
            threshold=model.threshold,
            base_rate=model.base_rate,
            trained_from=facts.trained_from,
            trained_until=facts.trained_until,
            vehicles=facts.vehicles,
            failures=facts.failures,
            metrics={},
            facts={**facts.as_dict(), "leak_audit": self.audit.as_dict()},
            sample=model_columns(model.features, self.split.training.tail(_SAMPLE_ROWS)),
            model_card="",
        )


def make_candidate(
    frame: pd.DataFrame,
    target: Target,
    recipe: Recipe,
    start: Start | None,
    accepted_features: Mapping[str, Acceptance],
    report_progress: Callable[[Progress], None] | None = None,
) -> Candidate | NoCandidate:
    """Split the vehicles by time, audit the training side for leaks, and train on it unless a finding blocks.

    Args:
        frame: wide frame of all vehicles.
        target: what is predicted.
        recipe: see Recipe.
        start: production, for incremental training.
        accepted_features: by feature, who accepts its relation to the label, and why.
        report_progress: called after every setting that was tried.

    Raises:
        RecipeRefusedError: the recipe names what is unknown, not installed, or excludes one another.
    """
    since = None if start is None else start.trained_until
    split = time_split(frame, target.horizon, recipe.holdout_share, since=since)
    features = [name for name in feature_columns(frame) if not name.startswith("sequence:")]
    used = keep_features(split.training[features]).names if start is None else start.features
    # What is made only for the training is audited too: a code that only failed vehicles have is a leak.
    audited = audit(frame, with_presence(split.training, used), split.comparison, used, accepted_features)
    if audited.blocking:
        return NoCandidate(_LEAK, audited)
    try:
        model = train(split.training, target.horizon, recipe, start, report_progress)
    except NotTrainableError as refusal:
        return NoCandidate(str(refusal))
    return Candidate(split, audited, model, search_table(model.facts), search_png(model.facts), data_version(frame))
