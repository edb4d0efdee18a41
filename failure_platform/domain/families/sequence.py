"""The sequence family: an LSTM over the newest test results of a vehicle; optional, since it needs PyTorch."""

from collections.abc import Sequence as Names
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from failure_platform.domain.families.family import Family, FamilyUnavailableError, Value, Values
from failure_platform.domain.features.sequences import PREFIX, sequence_names
from failure_platform.domain.sequence.model import SequenceClassifier, SequenceExtraError, network

_UNITS = (32, 64)
_DEFAULTS: dict[str, Value] = {
    "feature_preprocessing": "as_measured",
    "keep": None,
    "units": 32,
    "rate": 5e-3,
    "dropout": 0.1,
}


class Sequence(Family):
    """The classifier of `domain.sequence.model`.

    It does not support incremental training: the probability of production is not part of a sequence.
    """

    name = "sequence"
    supports_incremental = False
    needs_all_columns = True

    def columns(self, names: Names[str]) -> list[str]:
        """Return all channels of every step up to the oldest among the names, including those no vehicle has."""
        steps = [int(name.split(":")[1]) for name in names if name.startswith(PREFIX)]
        return sequence_names(max(steps) + 1) if steps else []

    def grid(self, features: int) -> list[Values]:  # noqa: ARG002 - settings do not depend on the sequence length
        """Return two numbers of units; each further setting costs minutes on a CPU."""
        return [{**_DEFAULTS, "units": units} for units in _UNITS]

    def space(self, features: int) -> dict[str, BaseDistribution]:  # noqa: ARG002 - as above
        """Return the ranges of units, learning rate and dropout."""
        return {
            "feature_preprocessing": CategoricalDistribution((_DEFAULTS["feature_preprocessing"],)),
            "keep": CategoricalDistribution((_DEFAULTS["keep"],)),
            "units": CategoricalDistribution((16, *_UNITS)),
            "rate": FloatDistribution(1e-3, 2e-2, log=True),
            "dropout": FloatDistribution(0.0, 0.4),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002 - as above
        """Return the unfitted estimator.

        Raises:
            FamilyUnavailableError: the optional libraries are not installed; the message states how to install them.
        """
        try:
            network()
        except SequenceExtraError as error:
            raise FamilyUnavailableError(str(error)) from error
        hyperparameters: dict[str, Any] = {name: values[name] for name in ("units", "rate", "dropout")}
        return SequenceClassifier(**hyperparameters, seed=seed)
