"""How the candidate's training data differs from the production model's: vehicles, period, features and values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, ks_2samp

MAX_SHIFTS = 20
# A sample of this size gives the distance to about 0.01, at a cost that does not grow with the plant's history.
MAX_TESTED_VEHICLES = 20_000
FALSE_DISCOVERY_RATE = 0.05


@dataclass(frozen=True)
class TrainingSummary:
    """Summary of the vehicles that one model was trained on. Times are prediction points, in the plant's local time."""

    vehicles: int
    failures: int
    first: datetime
    last: datetime

    @property
    def failure_rate(self) -> float:
        """Share of these vehicles that failed."""
        return self.failures / self.vehicles


@dataclass(frozen=True)
class Shift:
    """The distribution shift of one feature, from the production model's training vehicles to the added vehicles.

    Attributes:
        feature: its name.
        distance: Kolmogorov-Smirnov distance, 0 (same distribution) to 1 (no overlap). A missing value counts as a
            value below all others, so that a test that is no longer run is also a shift.
        p: p-value, corrected for the number of features compared.
        median_before, median_after: of the known values; None if there are none.
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
    """Training data of the candidate compared with that of the production model.

    Attributes:
        old, new: summaries of the production model's and the candidate's training vehicles.
        added: number of vehicles that only the candidate was trained on.
        left_out: number of vehicles that only the production model was trained on.
        new_features, vanished_features: features that only the candidate, or only the production model, uses.
        compared_features: number of features that both models use and whose values were compared.
        shifted: how many of them differ, at a false discovery rate of at most FALSE_DISCOVERY_RATE.
        shifts: the MAX_SHIFTS of these with the largest distance.
    """

    old: TrainingSummary
    new: TrainingSummary
    added: int
    left_out: int
    new_features: tuple[str, ...]
    vanished_features: tuple[str, ...]
    compared_features: int
    shifted: int
    shifts: tuple[Shift, ...]


def trained_on(vehicles: pd.DataFrame, trained_from: datetime, trained_until: datetime) -> pd.DataFrame:
    """Return a model's training vehicles, selected from the current vehicles table by its training period.

    Labels and rows are those of today: a label that became known or changed since, or a withdrawn row, makes the
    result differ from what the model was trained on.
    """
    inside = vehicles["predicted_at"].between(pd.Timestamp(trained_from), pd.Timestamp(trained_until))
    return vehicles[inside & vehicles["label"].notna()]


def data_difference(
    old: pd.DataFrame, new: pd.DataFrame, old_features: Sequence[str], new_features: Sequence[str]
) -> DataDifference | None:
    """Return how the training data changed since the production model was trained.

    Args:
        old: training vehicles of the production model, a wide frame with labels.
        new: training vehicles of the candidate.
        old_features, new_features: the feature columns of each model.

    Returns:
        None if the training vehicles of either model are no longer in the lake.
    """
    if old.empty or new.empty:
        return None
    added = new[~new["KNR"].isin(old["KNR"])]
    left_out = len(old) - (len(new) - len(added))
    shared = sorted(set(old_features) & set(new_features) & set(new.columns))
    shifts = _shifts(old, added, shared) if len(added) else []
    credible = sorted(
        (shift for shift in shifts if shift.p <= FALSE_DISCOVERY_RATE),
        key=lambda shift: (-shift.distance, shift.feature),
    )
    return DataDifference(
        old=_summary(old),
        new=_summary(new),
        added=len(added),
        left_out=left_out,
        new_features=tuple(sorted(set(new_features) - set(old_features))),
        vanished_features=tuple(sorted(set(old_features) - set(new_features))),
        compared_features=len(shifts),
        shifted=len(credible),
        shifts=tuple(credible[:MAX_SHIFTS]),
    )


def _summary(vehicles: pd.DataFrame) -> TrainingSummary:
    predicted_at = vehicles["predicted_at"]
    return TrainingSummary(
        len(vehicles),
        int(vehicles["label"].sum()),
        predicted_at.min().to_pydatetime(),
        predicted_at.max().to_pydatetime(),
    )


def _shifts(old: pd.DataFrame, added: pd.DataFrame, features: list[str]) -> list[Shift]:
    """Return the shift of every feature, with p-values corrected by Benjamini and Hochberg (JRSS B 57, 1995).

    Only the added vehicles are compared with the old ones: vehicles that both models were trained on would hide a
    shift.
    """
    if not features:
        return []
    before, after = (
        vehicles if len(vehicles) <= MAX_TESTED_VEHICLES else vehicles.sample(MAX_TESTED_VEHICLES, random_state=0)
        for vehicles in (old, added)
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
