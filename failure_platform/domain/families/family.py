"""What a model family is: the settings it offers, and the classifier that a setting means.

What belongs here: the interface, and the value of one setting. What does not: any family (one file each), preparation
of features (fronts), and how a setting is chosen (search).

Only stock classes and pure functions may end up in a saved pipeline, so that it loads with a short fixed list of types.
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
    """Something is asked for that cannot be done; the message says why and what to do."""


class FamilyUnavailableError(RecipeRefusedError):
    """A family or an option needs a library that is not installed; the message says which and how to get it."""


@dataclass(frozen=True)
class Setting:
    """One way to fit a family: its name and its values, as sorted (name, value) pairs."""

    family: str
    pairs: tuple[tuple[str, Value], ...]

    @classmethod
    def of(cls, family: str, values: Values) -> "Setting":
        """Return the setting with these values."""
        # The F score behind the screen is not defined where values are lacking, and as_measured leaves them so.
        kept = {**values, "keep": None} if values["front"] == "as_measured" else dict(values)
        return cls(family, tuple(sorted(kept.items())))

    @property
    def values(self) -> dict[str, Value]:
        """The values by name."""
        return dict(self.pairs)

    def as_dict(self) -> dict[str, Value]:
        """Return the setting as JSON types."""
        return {"family": self.family, **self.values}


class Family(ABC):
    """One model family. Every setting's values hold `front` and `keep` (see fronts) beside the family's own.

    They may hold `without`, a feature family that the setting leaves out: the same measurement is there as it is and as
    its distance from the running median, and where nothing drifts the second is noise.

    Attributes:
        name: as in the settings file.
        continues: whether incremental mode can use it: it then gets production's answer as one more column.
        scaled: whether features are brought to the same spread before the classifier.
        whole: whether all its columns must be there, also those that do not vary.
        tells_apart: whether it can say different things of different vehicles, so that calibration and a threshold mean
            something.
    """

    name: ClassVar[str]
    continues: ClassVar[bool] = True
    scaled: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    tells_apart: ClassVar[bool] = True

    def columns(self, names: Sequence[str]) -> list[str]:
        """Return those of the feature names that this family takes, in its order."""
        return [name for name in names if not name.startswith(SEQUENCE_PREFIX)]

    def chosen_columns(self, values: Values, names: Sequence[str]) -> list[str]:
        """Return those of the feature names that a setting of this family takes."""
        left_out = values.get("without")
        return [name for name in self.columns(names) if left_out is None or not name.startswith(f"{left_out}:")]

    @abstractmethod
    def grid(self, features: int) -> list[Values]:
        """Return the default settings, all with the same names; at least one.

        Args:
            features: number of columns, not counting distances: with two columns for each measurement, too.
        """

    @abstractmethod
    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges to search, by the same names as in the grid; empty: there is nothing to search."""

    @abstractmethod
    def classifier(self, values: Values, rows: int, seed: int) -> Any:
        """Return the unfitted scikit-learn classifier of a setting, to be fitted on that number of rows."""

    def staged(self, classifier: Any, x: Any) -> dict[int, Floats]:
        """Return what a fitted classifier says of each row, by stage; a family without stages has the one stage 0."""
        return {0: np.asarray(classifier.predict_proba(x)[:, 1], dtype=np.float64)}

    def at_stage(self, values: Values, stage: int) -> Values:  # noqa: ARG002 - most have no stages
        """Return the values that fit up to that stage only."""
        return values
