"""Gradient boosting on binned features: as good as any family measured, and the one that needs least preparation."""

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import HistGradientBoostingClassifier

from failure_platform.domain.families.family import Family, Floats, Value, Values
from failure_platform.domain.families.preprocessing import DISTANCE, few, keeps

# Trees are counted in steps: log loss as a function of their number is flat, and every step costs a prediction.
_STEP = 10
_WIDTHS = (15, 30)
# How trees are grown. Few features: failures hide in thin tails, which need fine bins. Many features: most are noise,
# so trees are kept small and see a third of the features at each node, which also halves the cost.
_FINE: dict[str, Value] = {
    "rounds": 300, "rate": 0.05, "leaves": 7, "smallest_leaf": 20, "l2": 1.0, "bins": 255, "share": 1.0
}  # fmt: skip
_COARSE: dict[str, Value] = {
    "rounds": 120, "rate": 0.1, "leaves": 5, "smallest_leaf": 20, "l2": 10.0, "bins": 63, "share": 0.3
}  # fmt: skip


class HistogramGradientBoosting(Family):
    """Boosting; `rounds` is the most trees that are tried: one fit tells the best number of them."""

    name = "histogram_gradient_boosting"

    def grid(self, features: int) -> list[Values]:
        """Return the fronts, each with trees grown as suits that number of features."""
        if few(features):
            # A product of distances from two medians means nothing, so products are of the values alone.
            tried = (("as_measured", DISTANCE), ("as_measured", None), ("products", DISTANCE))
            return [{"front": front, "keep": None, "without": left_out, **_FINE} for front, left_out in tried]
        fronts: list[tuple[str, Value]] = [("curves", keep) for keep in keeps(features, _WIDTHS)]
        fronts.append(("as_measured", None))
        return [{"front": front, "keep": keep, "without": None, **_COARSE} for front, keep in fronts]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of front, screen and growth."""
        small = few(features)
        # A screen is no part of the fronts for few features, and as_measured takes none.
        widths = (None,) if small else (None, *keeps(features, _WIDTHS))
        return {
            "front": CategoricalDistribution(("as_measured", "products" if small else "curves")),
            "keep": CategoricalDistribution(tuple(dict.fromkeys(widths))),
            "rounds": CategoricalDistribution((_FINE["rounds"] if small else _COARSE["rounds"],)),
            "rate": FloatDistribution(0.03, 0.2, log=True),
            "leaves": IntDistribution(3, 31, log=True),
            "smallest_leaf": IntDistribution(5, 200, log=True),
            "l2": FloatDistribution(0.1, 100.0, log=True),
            "bins": CategoricalDistribution((63, 255)),
            "without": CategoricalDistribution((DISTANCE, None)),
            "share": FloatDistribution(0.1, 1.0),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's boosting with all rounds of the setting."""
        return HistGradientBoostingClassifier(
            learning_rate=values["rate"],
            max_iter=values["rounds"],
            max_leaf_nodes=values["leaves"],
            min_samples_leaf=values["smallest_leaf"],
            l2_regularization=values["l2"],
            max_bins=values["bins"],
            max_features=values["share"],
            early_stopping=False,
            random_state=seed,
        )

    def staged(self, classifier: Any, x: Any) -> dict[int, Floats]:
        """Return what it says by number of trees."""
        stages = enumerate(classifier.staged_predict_proba(x), start=1)
        return {rounds: np.array(p[:, 1], dtype=np.float64) for rounds, p in stages if rounds % _STEP == 0}

    def at_stage(self, values: Values, stage: int) -> Values:
        """Return the values with that number of trees."""
        return {**values, "rounds": stage}
