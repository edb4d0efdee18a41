"""The vehicles that both models are compared on, and what a model says of them.

What belongs here: the vehicles' facts as arrays, the name of the set, and which vehicles the inspections reach. What
does not: which vehicles are taken (split).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class Scored:
    """What one model says of the comparison vehicles.

    Attributes:
        p: probabilities of failure, shape (vehicles,).
        threshold: probability from which the model alarms.
    """

    p: Floats
    threshold: float


@dataclass(frozen=True)
class Holdout:
    """The comparison vehicles, all arrays of shape (vehicles,).

    Attributes:
        y: labels, 1 = failed.
        day: number of the calendar day of the prediction point, from 0, in the order of time.
        place: the vehicle's place in the order of KNR; decides between equal probabilities.
        inspections_per_day: vehicles that can be inspected in a day.
    """

    y: Labels
    day: NDArray[np.int64]
    place: NDArray[np.int64]
    inspections_per_day: int

    @classmethod
    def of(cls, vehicles: pd.DataFrame, inspections_per_day: int) -> "Holdout":
        """Return the arrays of a frame with the columns KNR, predicted_at and label (without unknown ones)."""
        _, day = np.unique(pd.DatetimeIndex(vehicles["predicted_at"]).normalize().to_numpy(), return_inverse=True)
        _, place = np.unique(vehicles["KNR"].to_numpy(dtype=str), return_inverse=True)
        return cls(vehicles["label"].to_numpy(dtype=np.int8), day, place, inspections_per_day)

    def riskiest_first(self, p: Floats) -> NDArray[np.int64]:
        """Return the vehicles' positions by day, within a day by falling probability, then by KNR."""
        return np.lexsort((self.place, -p, self.day)).astype(np.int64)

    def inspected(self, p: Floats) -> NDArray[np.bool_]:
        """Return which vehicles are inspected: of each day the riskiest `inspections_per_day`."""
        order = self.riskiest_first(p)
        first = np.searchsorted(self.day[order], np.arange(self.day.max(initial=-1) + 1))
        chosen = np.zeros(len(order), dtype=bool)
        chosen[order] = np.arange(len(order)) - first[self.day[order]] < self.inspections_per_day
        return chosen


def holdout_id(knr: Iterable[str]) -> str:
    """Return the name of a set of vehicles: the same set, in any order, has the same name."""
    return hashlib.sha256("\n".join(sorted(knr)).encode()).hexdigest()[:16]
