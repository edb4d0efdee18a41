"""The base rate as a family: every vehicle gets the failure rate of the training data.

It is chosen where no other family has a lower log loss; the facts of the version then note that it cannot discriminate.
"""

from typing import Any

from optuna.distributions import BaseDistribution
from sklearn.dummy import DummyClassifier

from failure_platform.domain.families.family import Family, Values


class Prior(Family):
    """The base rate."""

    name = "prior"
    supports_incremental = False
    discriminates = False

    def grid(self, features: int) -> list[Values]:  # noqa: ARG002
        """Return the only setting."""
        return [{"feature_preprocessing": "as_measured", "keep": None, "without": None}]

    def space(self, features: int) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return an empty search space."""
        return {}

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's dummy classifier."""
        return DummyClassifier(strategy="prior")
