"""One small decision tree: weaker than the forests, but a person can read it."""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from sklearn.tree import DecisionTreeClassifier

from failure_platform.domain.families.family import Family, Values
from failure_platform.domain.families.preprocessing import DISTANCE, few, keeps, without

_WIDTHS = (30, 60)


class DecisionTree(Family):
    """A tree; `depth` and `smallest_leaf` (vehicles) bound it. Among many features it sees the best by F score."""

    name = "decision_tree"

    def grid(self, features: int) -> list[Values]:
        """Return a small tree and a larger one."""
        front = "as_measured" if few(features) else "curves"
        keep = keeps(features, _WIDTHS)[0]
        return [
            {"front": front, "keep": keep, "depth": depth, "smallest_leaf": leaf, "without": left_out}
            for left_out in without(features)
            for depth, leaf in ((3, 50), (6, 20))
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of front, screen and size."""
        return {
            "front": CategoricalDistribution(("as_measured", "products") if few(features) else ("curves",)),
            "keep": CategoricalDistribution(tuple(keeps(features, _WIDTHS))),
            "depth": IntDistribution(2, 10),
            "smallest_leaf": IntDistribution(10, 200, log=True),
            "without": CategoricalDistribution((DISTANCE, None)),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's tree."""
        return DecisionTreeClassifier(
            max_depth=values["depth"], min_samples_leaf=values["smallest_leaf"], random_state=seed
        )
