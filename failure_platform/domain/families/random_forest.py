"""A random forest of bounded cost: each tree is shallow and is fitted on a bounded number of vehicles.

Unbounded forests took 84 s and 30 MB on 48,000 vehicles x 63 features, and were no better than boosting.
"""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import RandomForestClassifier

from failure_platform.domain.families.family import Family, Values
from failure_platform.domain.families.preprocessing import DISTANCE, default_exclusions, few_features, selection_sizes

_TREES = 100
_VEHICLES_PER_TREE = 5_000
_DEPTH = 12
_SELECTION_SIZES = (30, 60)


class RandomForest(Family):
    """A forest; `smallest_leaf` in vehicles, `share` is the share of features considered at each node."""

    name = "random_forest"

    def grid(self, features: int) -> list[Values]:
        """Return one setting: a forest hardly depends on its hyperparameters."""
        return [
            {
                "feature_preprocessing": "as_measured" if few_features(features) else "curves",
                "keep": selection_sizes(features, _SELECTION_SIZES)[0],
                "smallest_leaf": 5,
                "share": 0.3,
                "without": default_exclusions(features)[0],
            }
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of preprocessing, feature selection, leaf size and feature share."""
        return {
            "feature_preprocessing": CategoricalDistribution(
                ("as_measured", "products") if few_features(features) else ("curves",)
            ),
            "keep": CategoricalDistribution(tuple(selection_sizes(features, _SELECTION_SIZES))),
            "smallest_leaf": IntDistribution(2, 50, log=True),
            "share": FloatDistribution(0.1, 1.0),
            "without": CategoricalDistribution((DISTANCE, None)),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:
        """Return scikit-learn's random forest."""
        return RandomForestClassifier(
            n_estimators=_TREES,
            max_depth=_DEPTH,
            max_samples=min(1.0, _VEHICLES_PER_TREE / rows),
            min_samples_leaf=values["smallest_leaf"],
            max_features=values["share"],
            random_state=seed,
        )
