"""What the candidate was trained on that the production model was not: vehicles, period, features, and their values.

What belongs here: counts of both training sides, and which features look different in the vehicles that were added.
What does not: whether that makes a model better (comparison), and drawing it (figures).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, ks_2samp

MOST_SHIFTS = 20
# Distances are then known to about 0.01, and the cost no longer grows with the plant's history.
MOST_VEHICLES = 20_000
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class TrainingSide:
    """The vehicles one model was trained on. Times are prediction points, the plant's own."""

    vehicles: int
    failures: int
    first: datetime
    last: datetime

    @property
    def failure_rate(self) -> float:
        """Share of them that failed."""
        return self.failures / self.vehicles


@dataclass(frozen=True)
class Shift:
    """How one feature of the added vehicles differs from that of the vehicles that production was trained on.

    Attributes:
        feature: its name.
        distance: Kolmogorov-Smirnov distance, 0 (same distribution) to 1 (no overlap). No value counts as a value of
            its own below all others, so that a test that is no longer made is a shift as well.
        p: chance of such a distance without a shift, corrected for all features looked at.
        median_before, median_after: of the known values; None without any.
        known_before, known_after: share of the vehicles with a value.
    """

    feature: str
    distance: float
    p: float
    median_before: float | None
    median_after: float | None
    known_before: float
    known_after: float


@dataclass(frozen=True)
class DataDifference:
    """Training data of the candidate against that of the production model.

    Attributes:
        old, new: the two sides.
        added: vehicles only the candidate was trained on.
        left_out: vehicles only the production model was trained on.
        new_features, vanished_features: features that only one of the two models takes, by name.
        looked_at: features that both take and whose values were compared.
        shifted: how many of them differ, at a share of false discoveries of at most FALSE_DISCOVERIES.
        shifts: of these the MOST_SHIFTS with the largest distance.
    """

    old: TrainingSide
    new: TrainingSide
    added: int
    left_out: int
    new_features: tuple[str, ...]
    vanished_features: tuple[str, ...]
    looked_at: int
    shifted: int
    shifts: tuple[Shift, ...]


def trained_on(vehicles: pd.DataFrame, trained_from: datetime, trained_until: datetime) -> pd.DataFrame:
    """Return the training side of a model, found again in today's vehicles by its period.

    A vehicle whose label became known or changed since, or whose rows were withdrawn, is seen as it is today.
    """
    inside = vehicles["predicted_at"].between(pd.Timestamp(trained_from), pd.Timestamp(trained_until))
    return vehicles[inside & vehicles["label"].notna()]


def data_difference(
    old: pd.DataFrame, new: pd.DataFrame, old_features: Sequence[str], new_features: Sequence[str]
) -> DataDifference | None:
    """Return what changed in the training data since the production model was trained.

    Args:
        old: training side of the production model, a wide frame with labels.
        new: training side of the candidate.
        old_features, new_features: the columns that each model takes.

    Returns:
        None where either side is no longer in the lake: nothing can then be said.
    """
    if old.empty or new.empty:
        return None
    added = new[~new["KNR"].isin(old["KNR"])]
    left_out = len(old) - (len(new) - len(added))
    both = sorted(set(old_features) & set(new_features) & set(new.columns))
    shifts = _shifts(old, added, both) if len(added) else []
    credible = sorted(
        (shift for shift in shifts if shift.p <= FALSE_DISCOVERIES), key=lambda one: (-one.distance, one.feature)
    )
    return DataDifference(
        old=_side(old),
        new=_side(new),
        added=len(added),
        left_out=left_out,
        new_features=tuple(sorted(set(new_features) - set(old_features))),
        vanished_features=tuple(sorted(set(old_features) - set(new_features))),
        looked_at=len(shifts),
        shifted=len(credible),
        shifts=tuple(credible[:MOST_SHIFTS]),
    )


def _side(vehicles: pd.DataFrame) -> TrainingSide:
    asked = vehicles["predicted_at"]
    return TrainingSide(
        len(vehicles), int(vehicles["label"].sum()), asked.min().to_pydatetime(), asked.max().to_pydatetime()
    )


def _shifts(old: pd.DataFrame, added: pd.DataFrame, features: list[str]) -> list[Shift]:
    """Return the shift of every feature; the added vehicles alone, since shared ones would hide it.

    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995, over all features.
    """
    if not features:
        return []
    before, after = (
        side if len(side) <= MOST_VEHICLES else side.sample(MOST_VEHICLES, random_state=0) for side in (old, added)
    )
    tested = [_distance(before[name].to_numpy(), after[name].to_numpy()) for name in features]
    corrected = false_discovery_control([p for _, p in tested])
    return [
        Shift(
            name,
            distance,
            float(p),
            _median(before[name]),
            _median(after[name]),
            float(before[name].notna().mean()),
            float(after[name].notna().mean()),
        )
        for name, (distance, _), p in zip(features, tested, corrected, strict=True)
    ]


def _distance(before: NDArray[np.float32], after: NDArray[np.float32]) -> tuple[float, float]:
    lowest = np.float32(-np.inf)
    result = ks_2samp(
        np.where(np.isnan(before), lowest, before), np.where(np.isnan(after), lowest, after), method="asymp"
    )
    return float(result.statistic), float(result.pvalue)


def _median(values: pd.Series) -> float | None:
    return None if values.isna().all() else float(values.median())
