"""What is recorded of a model version and of its comparisons, and what makes two versions the same one.

What belongs here: the values that the registry keeps. What does not: who may become production (domain.deciding),
files and tables (resources.registry).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from failure_platform.domain.comparison.values import Comparison

if TYPE_CHECKING:
    import pandas as pd

SHORTEST_PREFIX = 6


class VersionNotFoundError(Exception):
    """No version, or more than one, is called that; the message says what to give instead."""


def resolve(asked: str, target: str, versions: Mapping[str, str]) -> str:
    """Return the whole name of a version of the target.

    Args:
        asked: the version, or its first digits.
        target: which it must be of.
        versions: every known version and the target it is of.

    Raises:
        VersionNotFoundError: there is none, several fit, or it is of another target; says which there are.
    """
    given = asked.strip().lower()
    here = [version for version, of in versions.items() if of == target]
    if not given:
        raise VersionNotFoundError(f"`version` is empty. Name a version. {_there_are(here, target)}")
    found = [v for v in versions if v == given or (len(given) >= SHORTEST_PREFIX and v.startswith(given))]
    if not found:
        near = [v for v in here if v.startswith(given[: SHORTEST_PREFIX - 2])]
        guess = f"Did you mean {', '.join(near)}?" if near else _there_are(here, target)
        raise VersionNotFoundError(
            f"There is no version '{asked}'. {guess} Give the whole version or at least its first "
            f"{SHORTEST_PREFIX} digits."
        )
    if len(found) > 1:
        raise VersionNotFoundError(f"'{asked}' fits {', '.join(sorted(found))}. Give more digits.")
    if versions[found[0]] != target:
        raise VersionNotFoundError(
            f"Version {found[0]} predicts '{versions[found[0]]}', not '{target}'. Decide on it under its own target, "
            f"or name another version. {_there_are(here, target)}"
        )
    return found[0]


def _there_are(here: Sequence[str], target: str) -> str:
    if not here:
        return f"'{target}' has no versions yet: materialise candidate_model first."
    return f"The versions of '{target}' are {', '.join(here)}."


VERSION_DIGITS = 12


def _digits(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS]


@dataclass(frozen=True)
class Origin:
    """What a model is made of; the same origin gives the same model, so it also gives the version its name.

    `recipe` holds JSON types only. `libraries` maps distribution names to their versions.
    """

    target: str
    data_version: str
    recipe: Mapping[str, Any]
    seed: int
    code_version: str
    libraries: Mapping[str, str]

    @property
    def version(self) -> str:
        """12 hex digits that change when anything that makes the model changes.

        Raises TypeError or ValueError when the recipe holds something that JSON cannot.
        """
        return _digits(
            self.target, self.data_version, dict(self.recipe), self.seed, self.code_version, dict(self.libraries)
        )


@dataclass(frozen=True)
class ModelToSave:
    """A trained model on its way into the registry.

    `pipeline` has predict_proba over the columns `features`. `sample` is a few real rows with exactly those columns,
    all float32 or all float64; what the model says of them is recorded and asked again before it becomes production.
    Training times are the plant's own. `metrics` and `facts` hold JSON types; a metric that is not defined is None.
    """

    origin: Origin
    pipeline: Any
    family: str
    features: tuple[str, ...]
    threshold: float
    base_rate: float
    trained_from: datetime
    trained_until: datetime
    vehicles: int
    failures: int
    metrics: Mapping[str, float | None]
    facts: Mapping[str, Any]
    sample: "pd.DataFrame"
    model_card: str

    def row(self, created_at: datetime, files: Mapping[str, str]) -> "ModelVersion":
        """Return the row of the version that this model becomes; `files` are the sha256 by name."""
        origin = self.origin
        return ModelVersion(
            version=origin.version,
            target=origin.target,
            family=self.family,
            created_at=created_at,
            data_version=origin.data_version,
            trained_from=self.trained_from,
            trained_until=self.trained_until,
            vehicles=self.vehicles,
            failures=self.failures,
            threshold=self.threshold,
            base_rate=self.base_rate,
            code_version=origin.code_version,
            seed=origin.seed,
            features=tuple(self.features),
            recipe=origin.recipe,
            metrics=self.metrics,
            facts=self.facts,
            libraries=origin.libraries,
            files=files,
        )


@dataclass(frozen=True)
class ModelVersion:
    """The row of one immutable version: what made it, what it is, and the sha256 of each of its files."""

    version: str
    target: str
    family: str
    created_at: datetime
    data_version: str
    trained_from: datetime
    trained_until: datetime
    vehicles: int
    failures: int
    threshold: float
    base_rate: float
    code_version: str
    seed: int
    features: tuple[str, ...]
    recipe: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    facts: Mapping[str, Any]
    libraries: Mapping[str, str]
    files: Mapping[str, str]


@dataclass(frozen=True)
class ComparisonRecord:
    """One comparison of a candidate with what was in production (None: nothing), as the registry keeps it."""

    target: str
    candidate: str
    production: str | None
    compared_at: datetime
    comparison: Comparison

    @property
    def id(self) -> str:
        """12 hex digits; the same pair on the same holdout is the same comparison, whenever it is made."""
        return _digits(self.target, self.candidate, self.production, self.comparison.holdout_id)
