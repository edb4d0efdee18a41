"""Which families there are, by the names used in the settings.

What belongs here: the list. What does not: anything a family does. A family with heavy dependencies is imported only
when it is named.
"""

from collections.abc import Sequence

from failure_platform.domain.families.decision_tree import DecisionTree
from failure_platform.domain.families.family import Family, RecipeRefusedError
from failure_platform.domain.families.histogram_gradient_boosting import HistogramGradientBoosting
from failure_platform.domain.families.logistic_regression import LogisticRegression
from failure_platform.domain.families.prior import Prior
from failure_platform.domain.families.random_forest import RandomForest

_STOCK: tuple[type[Family], ...] = (Prior, LogisticRegression, DecisionTree, RandomForest, HistogramGradientBoosting)
_SEQUENCE = "sequence"
DEFAULT = tuple(kind.name for kind in _STOCK)
NAMES = (*DEFAULT, _SEQUENCE)


def families(names: Sequence[str]) -> list[Family]:
    """Return the families of these names, in the order of NAMES.

    Raises:
        RecipeRefusedError: an unknown family, or none.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown or not names:
        given = f"no model family is called {', '.join(unknown)}" if unknown else "no model family is named"
        raise RecipeRefusedError(f"{given}: name some of {', '.join(NAMES)}")
    named: list[Family] = [kind() for kind in _STOCK if kind.name in names]
    if _SEQUENCE in names:
        # Needs the optional extra `sequence`.
        from failure_platform.domain.families.sequence import Sequence as SequenceFamily

        named.append(SequenceFamily())
    return named
