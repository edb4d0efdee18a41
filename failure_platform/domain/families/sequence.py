"""The family of sequence models: an LSTM over the newest test results of a vehicle. Optional: it needs PyTorch.

What belongs here: the columns it takes and the settings that are tried. What does not: the estimator (sequence.model).
"""

from collections.abc import Sequence as Names
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from failure_platform.domain.families.family import Family, FamilyUnavailableError, Value, Values
from failure_platform.domain.features.sequences import PREFIX, sequence_names
from failure_platform.domain.sequence.model import SequenceClassifier, SequenceExtraError, network

_WIDTHS = (32, 64)
_USUAL: dict[str, Value] = {"front": "as_measured", "keep": None, "units": 32, "rate": 5e-3, "dropout": 0.1}


class Sequence(Family):
    """The LSTM of `sequence_model`. It cannot go on from production, whose answer is no row of a sequence."""

    name = "sequence"
    continues = False
    whole = True

    def columns(self, names: Names[str]) -> list[str]:
        """Return all channels of every step up to the oldest among the names, also those that no vehicle has."""
        steps = [int(name.split(":")[1]) for name in names if name.startswith(PREFIX)]
        return sequence_names(max(steps) + 1) if steps else []

    def grid(self, features: int) -> list[Values]:  # noqa: ARG002 - a long sequence needs no other setting
        """Return two widths; each further setting costs minutes on a CPU."""
        return [{**_USUAL, "units": units} for units in _WIDTHS]

    def space(self, features: int) -> dict[str, BaseDistribution]:  # noqa: ARG002 - as above
        """Return the ranges of width, learning rate and dropout."""
        return {
            "front": CategoricalDistribution((_USUAL["front"],)),
            "keep": CategoricalDistribution((_USUAL["keep"],)),
            "units": CategoricalDistribution((16, *_WIDTHS)),
            "rate": FloatDistribution(1e-3, 2e-2, log=True),
            "dropout": FloatDistribution(0.0, 0.4),
        }

    def classifier(self, values: Values, rows: int, seed: int) -> Any:  # noqa: ARG002 - as above
        """Return the unfitted estimator.

        Raises:
            FamilyUnavailableError: the optional libraries are not installed; the message says how to get them.
        """
        try:
            network()
        except SequenceExtraError as error:
            raise FamilyUnavailableError(str(error)) from error
        chosen: dict[str, Any] = {name: values[name] for name in ("units", "rate", "dropout")}
        return SequenceClassifier(**chosen, seed=seed)
