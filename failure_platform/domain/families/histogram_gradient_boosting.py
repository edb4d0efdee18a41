"""Histogram gradient boosting: as accurate as any family measured, and the one that needs least preprocessing."""

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import HistGradientBoostingClassifier

from failure_platform.domain.families.family import Family, Floats, Value, Values
from failure_platform.domain.families.preprocessing import DISTANCE, few_features, selection_sizes

# The number of trees is chosen in steps: log loss as a function of it is flat, and every step costs a prediction.
_STAGE_STEP = 10
_SELECTION_SIZES = (15, 30)
# Few features: failures are in thin tails, which need fine bins. Many features: most are noise, so trees are small and
# each node considers a third of the features, which also halves the cost.
_FEW_FEATURES: dict[str, Value] = {
    "rounds": 300, "rate": 0.05, "leaves": 7, "smallest_leaf": 20, "l2": 1.0, "bins": 255, "share": 1.0
}  # fmt: skip
_MANY_FEATURES: dict[str, Value] = {
    "rounds": 120, "rate": 0.1, "leaves": 5, "smallest_leaf": 20, "l2": 10.0, "bins": 63, "share": 0.3
}  # fmt: skip


class HistogramGradientBoosting(Family):
    """Boosting; `rounds` is the maximum number of trees: one fit gives the log loss of every smaller number."""

    name = "histogram_gradient_boosting"

    def grid(self, features: int) -> list[Values]:
        """Return one setting per preprocessing, with tree parameters that suit the number of features."""
        if few_features(features):
            # The product of two distances from medians has no meaning, so products are of the values alone.
            choices = (("as_measured", DISTANCE), ("as_measured", None), ("products", DISTANCE))
            return [
                {"feature_preprocessing": preprocessing, "keep": None, "without": excluded, **_FEW_FEATURES}
                for preprocessing, excluded in choices
            ]
        selected: list[tuple[str, Value]] = [("curves", keep) for keep in selection_sizes(features, _SELECTION_SIZES)]
        selected.append(("as_measured", None))
        return [
            {"feature_preprocessing": preprocessing, "keep": keep, "without": None, **_MANY_FEATURES}
            for preprocessing, keep in selected
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of preprocessing, feature selection and tree growth."""
        few = few_features(features)
        # Few features are not selected from, and neither are those that are as_measured.
        sizes = (None,) if few else (None, *selection_sizes(features, _SELECTION_SIZES))
        return {
            "feature_preprocessing": CategoricalDistribution(("as_measured", "products" if few else "curves")),
            "keep": CategoricalDistribution(tuple(dict.fromkeys(sizes))),
            "rounds": CategoricalDistribution((_FEW_FEATURES["rounds"] if few else _MANY_FEATURES["rounds"],)),
            "rate": FloatDistribution(0.03, 0.2, log=True),
            "leaves": IntDistribution(3, 31, log=True),
            "smallest_leaf": IntDistribution(5, 200, log=True),
            "l2": FloatDistribution(0.1, 100.0, log=True),
            "bins": CategoricalDistribution((63, 255)),
            "without": CategoricalDistribution((DISTANCE, None)),
            "share": FloatDistribution(0.1, 1.0),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's histogram gradient boosting with all rounds of the setting."""
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

    def staged_probabilities(self, classifier: Any, x: Any) -> dict[int, Floats]:
        """Return the failure probabilities by number of trees."""
        stages = enumerate(classifier.staged_predict_proba(x), start=1)
        return {rounds: np.array(p[:, 1], dtype=np.float64) for rounds, p in stages if rounds % _STAGE_STEP == 0}

    def at_stage(self, values: Values, stage: int) -> Values:
        """Return the values with that number of trees."""
        return {**values, "rounds": stage}
