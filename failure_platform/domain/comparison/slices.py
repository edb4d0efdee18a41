"""Where the candidate is better or worse: by model, engine, colour, month and failure group.

What belongs here: which slices there are, their figures and intervals, and which is the worst. What does not: the
figures over all vehicles (comparing).

Of twelve slices of two equal models, some slice is worse by its point every time, and by an uncorrected interval every
fourth time. So intervals are corrected for as many slices as are judged (Bonferroni), and slices with few failures are
shown but not judged. Without a model in production none is judged: there is nothing that could get worse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.comparison.holdout import Floats, Holdout, Scored
from failure_platform.domain.comparison.resampling import interval
from failure_platform.domain.comparison.values import Slice, SliceKind, SliceMetric
from failure_platform.domain.comparison.weighted import Figures, average_precisions, recalls_at_capacity
from failure_platform.domain.metrics import average_precision

MIN_SLICE_FAILURES = 30
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Members:
    """The vehicles of one slice, as positions among the comparison vehicles."""

    kind: SliceKind
    value: str
    places: NDArray[np.int64]
    failures: int
    judged: bool

    @property
    def metric(self) -> SliceMetric:
        """The figure that the slice is compared by."""
        return "recall_at_capacity" if self.kind == "failure_group" else "average_precision"


def sliced(vehicles: pd.DataFrame, judging: bool) -> tuple[Members, ...]:
    """Return every slice of the comparison vehicles, by kind, most failures first.

    Args:
        vehicles: frame with label, predicted_at, MODELO, MOTOR, COR and failure_group.
        judging: whether those with enough failures are judged.
    """
    failed = vehicles["label"].to_numpy() == 1

    def of(kind: SliceKind) -> Iterator[Members]:
        month = pd.DatetimeIndex(vehicles["predicted_at"]).strftime("%Y-%m")
        values = month.to_series() if kind == "month" else vehicles[kind]
        values = values.astype("object").where(values.notna().to_numpy(), UNKNOWN).reset_index(drop=True)
        asked = values[failed] if kind == "failure_group" else values
        for value, places in asked.groupby(asked.astype(str)).indices.items():
            positions = asked.index.to_numpy()[places]
            failures = int(failed[positions].sum())
            yield Members(kind, str(value), positions, failures, judging and failures >= MIN_SLICE_FAILURES)

    return tuple(
        one for kind in get_args(SliceKind) for one in sorted(of(kind), key=lambda one: (-one.failures, one.value))
    )


def figures_of_slices(slices: Sequence[Members], holdout: Holdout, model: Scored) -> Figures:
    """Return the figures of the judged slices, in their order, as a function of weights."""
    judged = [one for one in slices if one.judged]
    by_rank = [i for i, one in enumerate(judged) if one.metric == "average_precision"]
    by_recall = [i for i, one in enumerate(judged) if one.metric == "recall_at_capacity"]
    ranked = average_precisions(holdout, model, [judged[i].places for i in by_rank])
    inspected = recalls_at_capacity(holdout, model, [judged[i].places for i in by_recall])

    def figures(weights: Floats) -> Floats:
        found = np.empty((weights.shape[1], len(judged)))
        found[:, by_rank], found[:, by_recall] = ranked(weights), inspected(weights)
        return found

    return figures


def compared_slices(
    slices: Sequence[Members],
    holdout: Holdout,
    models: tuple[Scored, Scored],
    resampled: tuple[Floats, Floats],
    level: float,
) -> tuple[Slice, ...]:
    """Return the slices with their figures.

    Args:
        slices: all of them.
        holdout: the comparison vehicles.
        models: (reference, candidate).
        resampled: of both, what `figures_of_slices` gave; shape (repetitions, judged slices).
        level: of all judged slices' intervals together.
    """
    judged = [one for one in slices if one.judged]
    each = 1 - (1 - level) / max(len(judged), 1)
    intervals = {}
    for one, olds, news in zip(judged, resampled[0].T, resampled[1].T, strict=True):
        old, new = (_figure(one, holdout, model) for model in models)
        if old is not None and new is not None:
            intervals[one.kind, one.value] = interval(news - olds, new - old, each, one.failures)
    return tuple(_slice(one, holdout, models, intervals.get((one.kind, one.value))) for one in slices)


def worst(slices: Sequence[Slice]) -> Slice | None:
    """Return of the judged slices the credibly worst, else the one with the lowest difference; None without any."""
    judged = [one for one in slices if one.judged and one.difference is not None]
    return min(judged, key=lambda one: (not one.worse, one.difference), default=None)


def _slice(one: Members, holdout: Holdout, models: tuple[Scored, Scored], span: tuple[float, float] | None) -> Slice:
    old, new = (_figure(one, holdout, model) for model in models)
    low, high = span or (None, None)
    return Slice(
        kind=one.kind,
        value=one.value,
        vehicles=len(one.places),
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


def _figure(one: Members, holdout: Holdout, model: Scored) -> float | None:
    if not one.failures:
        return None
    if one.metric == "recall_at_capacity":
        return float(holdout.inspected(model.p)[one.places].mean())
    return average_precision(holdout.y[one.places], model.p[one.places])
