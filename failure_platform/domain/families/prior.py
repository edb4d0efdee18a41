"""The base rate as a family: every vehicle gets the failure rate of those trained on.

It is the floor: where no family has less log loss, it is chosen, and the candidate says that it knows nothing.
"""

from typing import Any

from optuna.distributions import BaseDistribution
from sklearn.dummy import DummyClassifier

from failure_platform.domain.families.family import Family, Values


class Prior(Family):
    """The base rate."""

    name = "prior"
    continues = False
    tells_apart = False

    def grid(self, features: int) -> list[Values]:  # noqa: ARG002
        """Return the one setting there is."""
        return [{"front": "as_measured", "keep": None, "without": None}]

    def space(self, features: int) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return nothing: there is nothing to search."""
        return {}

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002
        """Return scikit-learn's dummy."""
        return DummyClassifier(strategy="prior")
