"""The interface of a model family, and the value of one setting.

Only scikit-learn's own classes, numpy functions and the few classes on the allow-list of
`resources.registry.model_files` may be part of a saved pipeline.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

Floats = NDArray[np.float64]
Value = str | int | float | bool | None
Values = Mapping[str, Value]
SEQUENCE_PREFIX = "sequence:"


class RecipeRefusedError(ValueError):
    """The recipe requests something impossible; the message states the reason and what to do."""


class FamilyUnavailableError(RecipeRefusedError):
    """A family or an option needs a library that is not installed; the message names it and how to install it."""


@dataclass(frozen=True)
class Setting:
    """The hyperparameters of one fit: the family's name and the values, as sorted (name, value) pairs."""

    family: str
    pairs: tuple[tuple[str, Value], ...]

    @classmethod
    def of(cls, family: str, values: Values) -> "Setting":
        """Return the setting with these values."""
        # Feature selection by F score is not defined on missing values, and as_measured leaves them missing.
        valid = {**values, "keep": None} if values["feature_preprocessing"] == "as_measured" else dict(values)
        return cls(family, tuple(sorted(valid.items())))

    @property
    def values(self) -> dict[str, Value]:
        """The values by name."""
        return dict(self.pairs)

    def as_dict(self) -> dict[str, Value]:
        """Return the setting as JSON types."""
        return {"family": self.family, **self.values}


class Family(ABC):
    """One model family.

    The values of every setting contain `feature_preprocessing` and `keep` (see `domain.families.preprocessing`) and the
    hyperparameters of the family. They may contain `without`, a feature family that the setting excludes: a measurement
    is available both as a value and as its distance from the running median, and where nothing drifts the distance is
    noise.

    Attributes:
        name: as in the settings file.
        supports_incremental: whether incremental mode can use it: production's probability is then one more column.
        needs_scaling: whether features are standardised before the classifier.
        needs_all_columns: whether all its columns must be present, including constant ones.
        discriminates: whether its probabilities can differ between vehicles, so that calibration and a threshold are
            meaningful.
    """

    name: ClassVar[str]
    supports_incremental: ClassVar[bool] = True
    needs_scaling: ClassVar[bool] = False
    needs_all_columns: ClassVar[bool] = False
    discriminates: ClassVar[bool] = True

    def columns(self, names: Sequence[str]) -> list[str]:
        """Return those of the feature names that this family uses, in its order."""
        return [name for name in names if not name.startswith(SEQUENCE_PREFIX)]

    def chosen_columns(self, values: Values, names: Sequence[str]) -> list[str]:
        """Return those of the feature names that a setting of this family uses."""
        excluded = values.get("without")
        return [name for name in self.columns(names) if excluded is None or not name.startswith(f"{excluded}:")]

    @abstractmethod
    def grid(self, features: int) -> list[Values]:
        """Return the default settings, at least one, all with the same value names.

        Args:
            features: number of columns without the distances.
        """

    @abstractmethod
    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the search space, by the same names as in the grid; empty when there is nothing to search.

        Optuna's Bayesian sampler draws in the order of the names: a rename that changes their order changes which
        settings a seed tries.
        """

    @abstractmethod
    def classifier(self, values: Values, rows: int, seed: int) -> Any:
        """Return the unfitted scikit-learn classifier of a setting, to be fitted on that number of rows."""

    def staged_probabilities(self, classifier: Any, x: Any) -> dict[int, Floats]:
        """Return the failure probabilities of a fitted classifier, shape (rows,), by boosting stage.

        A family without stages has the single stage 0.
        """
        return {0: np.asarray(classifier.predict_proba(x)[:, 1], dtype=np.float64)}

    def at_stage(self, values: Values, stage: int) -> Values:  # noqa: ARG002 - most families have no stages
        """Return the values that fit up to that stage only."""
        return values
