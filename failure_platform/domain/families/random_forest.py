"""A random forest of bounded cost: each tree sees a bounded number of vehicles and stays shallow.

Unbounded forests took 84 s and 30 MB on 48,000 vehicles x 63 features, and were no better than boosting.
"""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import RandomForestClassifier

from failure_platform.domain.families.family import Family, Values
from failure_platform.domain.families.preprocessing import DISTANCE, few, keeps, without

_TREES = 100
_VEHICLES_PER_TREE = 5_000
_DEPTH = 12
_WIDTHS = (30, 60)


class RandomForest(Family):
    """A forest; `smallest_leaf` in vehicles, `share` = features looked at in each node."""

    name = "random_forest"

    def grid(self, features: int) -> list[Values]:
        """Return one setting: the forest hardly depends on it."""
        front, keep = "as_measured" if few(features) else "curves", keeps(features, _WIDTHS)[0]
        return [
            {"front": front, "keep": keep, "smallest_leaf": 5, "share": 0.3, "without": left_out}
            for left_out in without(features)[:1]
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of front, screen, leaf and share."""
        return {
            "front": CategoricalDistribution(("as_measured", "products") if few(features) else ("curves",)),
            "keep": CategoricalDistribution(tuple(keeps(features, _WIDTHS))),
            "smallest_leaf": IntDistribution(2, 50, log=True),
            "share": FloatDistribution(0.1, 1.0),
            "without": CategoricalDistribution((DISTANCE, None)),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:
        """Return scikit-learn's forest."""
        return RandomForestClassifier(
            n_estimators=_TREES,
            max_depth=_DEPTH,
            max_samples=min(1.0, _VEHICLES_PER_TREE / rows),
            min_samples_leaf=values["smallest_leaf"],
            max_features=values["share"],
            random_state=seed,
        )
