"""The vehicles that both models are compared on, and the probabilities that a model gives them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class ModelScores:
    """The predictions of one model for the comparison vehicles.

    Attributes:
        p: probabilities of failure, shape (vehicles,).
        threshold: probability at or above which the model alarms.
    """

    p: Floats
    threshold: float


@dataclass(frozen=True)
class Holdout:
    """The comparison vehicles as arrays of shape (vehicles,).

    Attributes:
        y: labels, 1 = failed.
        day: index of the calendar day of the prediction point, from 0, in time order.
        knr_rank: the vehicle's rank by KNR; breaks ties of the probability.
        inspections_per_day: vehicles that can be inspected in a day.
    """

    y: Labels
    day: NDArray[np.int64]
    knr_rank: NDArray[np.int64]
    inspections_per_day: int

    @classmethod
    def of(cls, vehicles: pd.DataFrame, inspections_per_day: int) -> "Holdout":
        """Return the arrays of a frame with the columns KNR, predicted_at and label; every label must be known."""
        _, day = np.unique(pd.DatetimeIndex(vehicles["predicted_at"]).normalize().to_numpy(), return_inverse=True)
        _, knr_rank = np.unique(vehicles["KNR"].to_numpy(dtype=str), return_inverse=True)
        return cls(vehicles["label"].to_numpy(dtype=np.int8), day, knr_rank, inspections_per_day)

    def riskiest_first(self, p: Floats) -> NDArray[np.int64]:
        """Return the vehicles' positions sorted by day, then by descending probability, then by KNR."""
        return np.lexsort((self.knr_rank, -p, self.day)).astype(np.int64)

    def inspected(self, p: Floats) -> NDArray[np.bool_]:
        """Return a mask of the inspected vehicles: the `inspections_per_day` riskiest of each day."""
        order = self.riskiest_first(p)
        first = np.searchsorted(self.day[order], np.arange(self.day.max(initial=-1) + 1))
        mask = np.zeros(len(order), dtype=bool)
        mask[order] = np.arange(len(order)) - first[self.day[order]] < self.inspections_per_day
        return mask


def holdout_id(knr: Iterable[str]) -> str:
    """Return an identifier of a set of vehicles: 16 hex digits, independent of their order."""
    return hashlib.sha256("\n".join(sorted(knr)).encode()).hexdigest()[:16]
