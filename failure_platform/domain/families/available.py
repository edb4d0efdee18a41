"""The available families, by the names used in the settings."""

from collections.abc import Sequence

from failure_platform.domain.families.decision_tree import DecisionTree
from failure_platform.domain.families.family import Family, RecipeRefusedError
from failure_platform.domain.families.histogram_gradient_boosting import HistogramGradientBoosting
from failure_platform.domain.families.logistic_regression import LogisticRegression
from failure_platform.domain.families.prior import Prior
from failure_platform.domain.families.random_forest import RandomForest

_ALWAYS_AVAILABLE: tuple[type[Family], ...] = (
    Prior,
    LogisticRegression,
    DecisionTree,
    RandomForest,
    HistogramGradientBoosting,
)
_SEQUENCE = "sequence"
DEFAULT = tuple(family.name for family in _ALWAYS_AVAILABLE)
NAMES = (*DEFAULT, _SEQUENCE)


def families(names: Sequence[str]) -> list[Family]:
    """Return the families with these names, in the order of NAMES.

    Raises:
        RecipeRefusedError: a name is unknown, or there are no names.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown or not names:
        problem = f"no model family is called {', '.join(unknown)}" if unknown else "no model family is named"
        raise RecipeRefusedError(f"{problem}: name some of {', '.join(NAMES)}")
    selected: list[Family] = [family() for family in _ALWAYS_AVAILABLE if family.name in names]
    if _SEQUENCE in names:
        # Imported only when it is named: it needs the optional extra `sequence`.
        from failure_platform.domain.families.sequence import Sequence as SequenceFamily

        selected.append(SequenceFamily())
    return selected
