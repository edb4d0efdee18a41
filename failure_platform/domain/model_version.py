"""The records of model versions and comparisons that the registry stores, and how their names are derived."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SHORTEST_PREFIX = 6


class VersionNotFoundError(Exception):
    """A version name matches no version or several; the message states what to give instead."""


def resolve(given: str, target: str, versions: Mapping[str, str]) -> str:
    """Return the full name of a version of the target.

    Args:
        given: the version, or its first digits.
        target: the target that the version must belong to.
        versions: every known version and its target.

    Raises:
        VersionNotFoundError: no version matches, several match, or it belongs to another target; the message lists the
            known versions.
    """
    prefix = given.strip().lower()
    of_target = [version for version, its_target in versions.items() if its_target == target]
    if not prefix:
        raise VersionNotFoundError(f"`version` is empty. Name a version. {_known_versions(of_target, target)}")
    matching = [v for v in versions if v == prefix or (len(prefix) >= SHORTEST_PREFIX and v.startswith(prefix))]
    if not matching:
        similar = [v for v in of_target if v.startswith(prefix[: SHORTEST_PREFIX - 2])]
        hint = f"Did you mean {', '.join(similar)}?" if similar else _known_versions(of_target, target)
        raise VersionNotFoundError(
            f"There is no version '{given}'. {hint} Give the whole version or at least its first "
            f"{SHORTEST_PREFIX} digits."
        )
    if len(matching) > 1:
        raise VersionNotFoundError(f"'{given}' fits {', '.join(sorted(matching))}. Give more digits.")
    version = matching[0]
    if versions[version] != target:
        raise VersionNotFoundError(
            f"Version {version} predicts '{versions[version]}', not '{target}'. Decide on it under its own target, "
            f"or name another version. {_known_versions(of_target, target)}"
        )
    return version


def _known_versions(of_target: Sequence[str], target: str) -> str:
    if not of_target:
        return f"'{target}' has no versions yet: materialise candidate_model first."
    return f"The versions of '{target}' are {', '.join(of_target)}."


VERSION_DIGITS = 12


def short_hash(*parts: object) -> str:
    """Return the first VERSION_DIGITS hex digits of the SHA-256 of some JSON values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS]


@dataclass(frozen=True)
class Origin:
    """Everything that determines a trained model; the version's name is a hash of it.

    `recipe` contains JSON types only. `libraries` maps distribution names to their versions.
    """

    target: str
    data_version: str
    recipe: Mapping[str, Any]
    seed: int
    code_version: str
    libraries: Mapping[str, str]

    @property
    def version(self) -> str:
        """The version's name: 12 hex digits of the hash of all fields.

        Raises TypeError or ValueError if the recipe contains a value that JSON cannot represent.
        """
        return short_hash(
            self.target, self.data_version, dict(self.recipe), self.seed, self.code_version, dict(self.libraries)
        )


@dataclass(frozen=True)
class ModelToSave:
    """A trained model to be saved in the registry.

    `pipeline` has predict_proba over the columns `features`. `sample` is a few real rows with exactly those columns,
    all float32 or all float64; the model's probabilities for them are recorded, and verified before it is promoted.
    Training times are in the plant's local time. `metrics` and `facts` contain JSON types; a metric that is not defined
    is None.
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
        """Return the registry's row of this model; `files` maps file names to their sha256."""
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
    """The registry's row of one immutable version: its origin, its properties, and the sha256 of each of its files."""

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
