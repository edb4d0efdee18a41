"""A small decision tree: less accurate than the ensembles, but a person can read it."""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from sklearn.tree import DecisionTreeClassifier

from failure_platform.domain.families.family import Family, Values
from failure_platform.domain.families.preprocessing import DISTANCE, default_exclusions, few_features, selection_sizes

_SELECTION_SIZES = (30, 60)


class DecisionTree(Family):
    """A tree limited by `depth` and `smallest_leaf` (vehicles); of many features it gets the best by F score."""

    name = "decision_tree"

    def grid(self, features: int) -> list[Values]:
        """Return a small tree and a larger one."""
        preprocessing = "as_measured" if few_features(features) else "curves"
        keep = selection_sizes(features, _SELECTION_SIZES)[0]
        return [
            {
                "feature_preprocessing": preprocessing,
                "keep": keep,
                "depth": depth,
                "smallest_leaf": smallest_leaf,
                "without": excluded,
            }
            for excluded in default_exclusions(features)
            for depth, smallest_leaf in ((3, 50), (6, 20))
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of preprocessing, feature selection and tree size."""
        return {
            "feature_preprocessing": CategoricalDistribution(
                ("as_measured", "products") if few_features(features) else ("curves",)
            ),
            "keep": CategoricalDistribution(tuple(selection_sizes(features, _SELECTION_SIZES))),
            "depth": IntDistribution(2, 10),
            "smallest_leaf": IntDistribution(10, 200, log=True),
            "without": CategoricalDistribution((DISTANCE, None)),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's decision tree."""
        return DecisionTreeClassifier(
            max_depth=values["depth"], min_samples_leaf=values["smallest_leaf"], random_state=seed
        )
