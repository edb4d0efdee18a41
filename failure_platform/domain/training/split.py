"""Time-ordered splits: training and comparison vehicles, and the folds inside the training data.

The horizon is a gap in both: at the prediction time of the first newer vehicle, labels were known only of vehicles
whose horizon was over. The cost is the vehicles of one horizon (in a data set of ten weeks with three days of horizon,
one vehicle in twenty).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.training.recipe import Recipe

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The two sides of a split, and what is on neither.

    Attributes:
        training: wide frame of the older labelled vehicles, ordered by KNR (boosting depends on the order of rows).
        comparison: wide frame of the newest labelled vehicles, ordered by predicted_at and KNR.
        cut: prediction time of the first comparison vehicle; None without labelled vehicles.
        purged: older labelled vehicles whose horizon ends after the cut; on neither side.
        unlabelled: vehicles whose label is not known; on neither side.
        learnt: older labelled vehicles that production was trained on; incremental training excludes them.
    """

    training: pd.DataFrame
    comparison: pd.DataFrame
    cut: pd.Timestamp | None
    purged: int
    unlabelled: int
    learnt: int = 0


def time_split(
    frame: pd.DataFrame,
    horizon: timedelta,
    holdout_share: float = Recipe.holdout_share,
    newer_than: datetime | None = None,
    since: datetime | None = None,
) -> Split:
    """Split a wide frame of vehicles by prediction time.

    Args:
        frame: as made by `domain.features.wide`.
        horizon: of the target.
        holdout_share: newest share of the labelled vehicles that is kept for the comparison. Vehicles with the same
            prediction time stay on one side.
        newer_than: `trained_until` of the production model. The comparison contains only vehicles with a later
            prediction time: production's metrics on vehicles it was trained on would be too good.
        since: `trained_until` of the model that incremental training continues. The training side contains only
            vehicles with a later prediction time; the comparison is the same as for a full training.

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 < holdout_share < 1:
        raise ValueError(f"holdout_share is {holdout_share}; it must be between 0 and 1")
    labelled = frame[frame["label"].notna()].sort_values(["predicted_at", "KNR"], ignore_index=True)
    unlabelled = len(frame) - len(labelled)
    if labelled.empty:
        return Split(labelled, labelled, None, 0, unlabelled)
    predicted_at = labelled["predicted_at"]
    cut = predicted_at.iloc[min(int(np.floor(len(labelled) * (1 - holdout_share))), len(labelled) - 1)]
    if newer_than is not None:
        later = predicted_at[predicted_at > pd.Timestamp(newer_than)]
        cut = max(cut, later.iloc[0]) if len(later) else predicted_at.iloc[-1] + pd.Timedelta(1, "us")
    older = (predicted_at + horizon <= cut).to_numpy()
    newer = (predicted_at >= cut).to_numpy()
    purged = len(labelled) - int(older.sum()) - int(newer.sum())
    trained_on = older if since is None else older & (predicted_at > pd.Timestamp(since)).to_numpy()
    training = labelled[trained_on].sort_values("KNR", ignore_index=True)
    learnt = int(older.sum()) - int(trained_on.sum())
    return Split(training, labelled[newer].reset_index(drop=True), cut, purged, unlabelled, learnt)


def time_folds(
    predicted_at: NDArray[np.datetime64], failed: NDArray[np.bool_], horizon: timedelta, folds: int
) -> list[tuple[Rows, Rows]]:
    """Return (train rows, validation rows) pairs; train rows are those with a known label when the validation begins.

    The block before the first validation block contains half of the failures, and the validation blocks share the rest
    equally: failures, not vehicles, carry the information. A fold whose train rows contain fewer than two failures, or
    failures only, is left out.

    Args:
        predicted_at: prediction time of each row, in any order.
        failed: label of each row.
        horizon: of the target.
        folds: number of validation blocks.
    """
    order = np.argsort(predicted_at, kind="stable")
    failures = order[failed[order]]
    shares = np.linspace(0.5, 1.0, folds + 1)[:-1]
    first = np.floor(shares * len(failures)).astype(int)
    edges = [*(predicted_at[failures[i]] for i in np.unique(first)), None]
    pairs: list[tuple[Rows, Rows]] = []
    for begin, end in pairwise(edges):
        train = np.flatnonzero(predicted_at + np.timedelta64(horizon) <= begin)
        in_block = predicted_at >= begin if end is None else (predicted_at >= begin) & (predicted_at < end)
        validation = np.flatnonzero(in_block)
        if failed[train].sum() >= 2 and not failed[train].all() and len(validation):
            pairs.append((train, validation))
    return pairs
