"""Logistic regression on ranks and their squares: the baseline that every more complex family has to beat."""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from sklearn.linear_model import LogisticRegression as Logistic

from failure_platform.domain.families.family import Family, Values
from failure_platform.domain.families.preprocessing import DISTANCE, default_exclusions, few_features, selection_sizes


class LogisticRegression(Family):
    """Logistic regression; `strength` is the inverse L2 regularisation strength C."""

    name = "logistic_regression"
    needs_scaling = True

    def grid(self, features: int) -> list[Values]:
        """Return three numbers of selected columns, each with two regularisation strengths."""
        return [
            {"feature_preprocessing": "curves", "keep": keep, "strength": strength, "without": excluded}
            for excluded in default_exclusions(features)
            for keep in selection_sizes(features)
            for strength in (0.01, 0.1)
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of preprocessing, feature selection and regularisation."""
        return {
            "feature_preprocessing": CategoricalDistribution(
                ("curves", "products") if few_features(features) else ("curves",)
            ),
            "keep": CategoricalDistribution(tuple(selection_sizes(features, (8, 15, 30, 60)))),
            "strength": FloatDistribution(1e-3, 10.0, log=True),
            "without": CategoricalDistribution((DISTANCE, None)),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's logistic regression."""
        return Logistic(C=values["strength"], max_iter=1000)
