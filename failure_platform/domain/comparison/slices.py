"""The comparison within slices of the vehicles: by model, engine, colour, month and failure group.

Of twelve slices of two equal models, the point estimate of at least one is always worse, and an uncorrected interval
calls one worse in every fourth comparison. The intervals are therefore corrected for the number of judged slices
(Bonferroni), and slices with few failures are shown but not judged. Without a production model no slice is judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.comparison.holdout import Floats, Holdout, ModelScores
from failure_platform.domain.comparison.resampling import interval
from failure_platform.domain.comparison.result import Slice, SliceKind, SliceMetric
from failure_platform.domain.comparison.weighted import WeightedMetrics, average_precisions, recalls_at_capacity
from failure_platform.domain.metrics import average_precision

MIN_SLICE_FAILURES = 30
UNKNOWN = "unknown"


@dataclass(frozen=True)
class SliceMembers:
    """The vehicles of one slice, as positions in the comparison vehicles."""

    kind: SliceKind
    value: str
    positions: NDArray[np.int64]
    failures: int
    judged: bool

    @property
    def metric(self) -> SliceMetric:
        """The metric that the slice is compared by."""
        return "recall_at_capacity" if self.kind == "failure_group" else "average_precision"


def slice_members(vehicles: pd.DataFrame, judge: bool) -> tuple[SliceMembers, ...]:
    """Return every slice of the comparison vehicles, by kind, then by descending number of failures.

    Args:
        vehicles: frame with label, predicted_at, MODELO, MOTOR, COR and failure_group.
        judge: whether slices with enough failures are judged.
    """
    failed = vehicles["label"].to_numpy() == 1

    def of(kind: SliceKind) -> Iterator[SliceMembers]:
        month = pd.DatetimeIndex(vehicles["predicted_at"]).strftime("%Y-%m")
        values = month.to_series() if kind == "month" else vehicles[kind]
        values = values.astype("object").where(values.notna().to_numpy(), UNKNOWN).reset_index(drop=True)
        members = values[failed] if kind == "failure_group" else values
        for value, indices in members.groupby(members.astype(str)).indices.items():
            positions = members.index.to_numpy()[indices]
            failures = int(failed[positions].sum())
            yield SliceMembers(kind, str(value), positions, failures, judge and failures >= MIN_SLICE_FAILURES)

    return tuple(
        members
        for kind in get_args(SliceKind)
        for members in sorted(of(kind), key=lambda members: (-members.failures, members.value))
    )


def slice_metrics(slices: Sequence[SliceMembers], holdout: Holdout, model: ModelScores) -> WeightedMetrics:
    """Return a function of weights giving the metric of each judged slice; (draws, judged slices)."""
    judged = [one for one in slices if one.judged]
    by_rank = [i for i, one in enumerate(judged) if one.metric == "average_precision"]
    by_recall = [i for i, one in enumerate(judged) if one.metric == "recall_at_capacity"]
    ranked = average_precisions(holdout, model, [judged[i].positions for i in by_rank])
    inspected = recalls_at_capacity(holdout, model, [judged[i].positions for i in by_recall])

    def metrics(weights: Floats) -> Floats:
        result = np.empty((weights.shape[1], len(judged)))
        result[:, by_rank], result[:, by_recall] = ranked(weights), inspected(weights)
        return result

    return metrics


def compare_slices(
    slices: Sequence[SliceMembers],
    holdout: Holdout,
    models: tuple[ModelScores, ModelScores],
    resampled: tuple[Floats, Floats],
    level: float,
) -> tuple[Slice, ...]:
    """Return the slices with their metrics and intervals.

    Args:
        slices: members of all slices.
        holdout: the comparison vehicles.
        models: (reference, candidate).
        resampled: result of `slice_metrics` on the resamples for both; shape (repetitions, judged slices).
        level: joint confidence level of the intervals of all judged slices.
    """
    judged = [one for one in slices if one.judged]
    corrected = 1 - (1 - level) / max(len(judged), 1)
    intervals = {}
    for one, olds, news in zip(judged, resampled[0].T, resampled[1].T, strict=True):
        old, new = (_metric(one, holdout, model) for model in models)
        if old is not None and new is not None:
            found = interval(news - olds, new - old, corrected, one.failures)
            # Both metrics lie between 0 and 1.
            intervals[one.kind, one.value] = found and (max(found[0], -1.0), min(found[1], 1.0))
    return tuple(_slice(one, holdout, models, intervals.get((one.kind, one.value))) for one in slices)


def worst_slice(slices: Sequence[Slice]) -> Slice | None:
    """Return the worst judged slice: credibly worse ones first, then by lowest difference; None if none is judged."""
    judged = [one for one in slices if one.judged and one.difference is not None]
    return min(judged, key=lambda one: (not one.worse, one.difference), default=None)


def _slice(
    one: SliceMembers, holdout: Holdout, models: tuple[ModelScores, ModelScores], span: tuple[float, float] | None
) -> Slice:
    old, new = (_metric(one, holdout, model) for model in models)
    low, high = span or (None, None)
    return Slice(
        kind=one.kind,
        value=one.value,
        vehicles=len(one.positions),
        failures=one.failures,
        metric=one.metric,
        old=old,
        new=new,
        difference=None if old is None or new is None else new - old,
        low=low,
        high=high,
        judged=one.judged,
        worse=high is not None and high < 0,
    )


def _metric(one: SliceMembers, holdout: Holdout, model: ModelScores) -> float | None:
    if not one.failures:
        return None
    if one.metric == "recall_at_capacity":
        return float(holdout.inspected(model.p)[one.positions].mean())
    return average_precision(holdout.y[one.positions], model.p[one.positions])
