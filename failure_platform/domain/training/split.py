"""Which vehicles a model learns from and which it is judged on: time decides.

What belongs here: the split into training and comparison side, and time-ordered folds inside the training side.
What does not: training and judging themselves (training, comparison).

The horizon is a gap in both: at the time of the first vehicle judged, only vehicles whose horizon was over had a known
label. The price is the vehicles of one horizon (on a set of ten weeks with three days of horizon, one vehicle in
twenty).
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
    """The two sides, and what was left out.

    Attributes:
        training: wide frame of the older labelled vehicles, ordered by KNR (boosting depends on the order of rows).
        comparison: wide frame of the newest labelled vehicles, ordered by predicted_at and KNR.
        cut: prediction point of the first comparison vehicle; None when nothing is labelled.
        purged: older labelled vehicles whose horizon ends after the cut; on neither side.
        unlabelled: vehicles whose label is not known; on neither side.
        learnt: older labelled vehicles that production knows already; incremental training leaves them out.
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
    """Split a wide frame of vehicles.

    Args:
        frame: as made by `wide.widen`.
        horizon: the target's.
        holdout_share: newest share of the labelled vehicles that is kept for the comparison. Vehicles asked about at
            the same time stay on one side.
        newer_than: `trained_until` of the production model. The comparison holds only vehicles asked about later:
            a model judged on vehicles it was trained on would look unbeatable.
        since: `trained_until` of the model that incremental training goes on from. The training side holds only
            vehicles asked about later; the comparison is the same as for a full training.

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 < holdout_share < 1:
        raise ValueError(f"holdout_share is {holdout_share}; it must lie between 0 and 1")
    known = frame[frame["label"].notna()].sort_values(["predicted_at", "KNR"], ignore_index=True)
    unlabelled = len(frame) - len(known)
    if known.empty:
        return Split(known, known, None, 0, unlabelled)
    asked = known["predicted_at"]
    cut = asked.iloc[min(int(np.floor(len(known) * (1 - holdout_share))), len(known) - 1)]
    if newer_than is not None:
        later = asked[asked > pd.Timestamp(newer_than)]
        cut = max(cut, later.iloc[0]) if len(later) else asked.iloc[-1] + pd.Timedelta(1, "us")
    old = (asked + horizon <= cut).to_numpy()
    new = (asked >= cut).to_numpy()
    purged = len(known) - int(old.sum()) - int(new.sum())
    fresh = old if since is None else old & (asked > pd.Timestamp(since)).to_numpy()
    training = known[fresh].sort_values("KNR", ignore_index=True)
    learnt = int(old.sum()) - int(fresh.sum())
    return Split(training, known[new].reset_index(drop=True), cut, purged, unlabelled, learnt)


def time_folds(
    asked: NDArray[np.datetime64], failed: NDArray[np.bool_], horizon: timedelta, folds: int
) -> list[tuple[Rows, Rows]]:
    """Return (fit rows, judge rows) pairs; each fold is fitted on what was known when its judged block began.

    The first block holds half of the failures and the others share the rest equally: failures, not vehicles, carry
    the information. A fold whose fit rows hold fewer than two failures or nothing else is left out.

    Args:
        asked: predicted_at of each row, in any order.
        failed: label of each row.
        horizon: the target's.
        folds: number of judged blocks.
    """
    order = np.argsort(asked, kind="stable")
    failures = order[failed[order]]
    shares = np.linspace(0.5, 1.0, folds + 1)[:-1]
    first = np.floor(shares * len(failures)).astype(int)
    edges = [*(asked[failures[i]] for i in np.unique(first)), None]
    pairs: list[tuple[Rows, Rows]] = []
    for begin, end in pairwise(edges):
        fit = np.flatnonzero(asked + np.timedelta64(horizon) <= begin)
        inside = asked >= begin if end is None else (asked >= begin) & (asked < end)
        judge = np.flatnonzero(inside)
        if failed[fit].sum() >= 2 and not failed[fit].all() and len(judge):
            pairs.append((fit, judge))
    return pairs
