"""Logistic regression on ranks and their squares: the floor that any more complicated family has to beat."""

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from sklearn.linear_model import LogisticRegression as Logistic

from failure_platform.domain.families.family import Family, Values
from failure_platform.domain.families.preprocessing import DISTANCE, few, keeps, without


class LogisticRegression(Family):
    """Logistic regression; `strength` is the inverse L2 strength C."""

    name = "logistic_regression"
    scaled = True

    def grid(self, features: int) -> list[Values]:
        """Return three widths of the screen, each with two strengths."""
        return [
            {"front": "curves", "keep": keep, "strength": strength, "without": left_out}
            for left_out in without(features)
            for keep in keeps(features)
            for strength in (0.01, 0.1)
        ]

    def space(self, features: int) -> dict[str, BaseDistribution]:
        """Return the ranges of front, screen and strength."""
        return {
            "front": CategoricalDistribution(("curves", "products") if few(features) else ("curves",)),
            "keep": CategoricalDistribution(tuple(keeps(features, (8, 15, 30, 60)))),
            "strength": FloatDistribution(1e-3, 10.0, log=True),
            "without": CategoricalDistribution((DISTANCE, None)),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's logistic regression."""
        return Logistic(C=values["strength"], max_iter=1000)
