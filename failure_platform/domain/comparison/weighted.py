"""The metrics of `domain.metrics` as functions of vehicle weights, to compute them on many resamples at once.

Each equals the unweighted metric on vehicles repeated as often as their weight. Weights have the shape (vehicles,
draws). Ranking metrics need sums of weights only at the positions of failures, so the ranking is reduced to these
positions once (`RankingSteps`), and each draw costs only sums over the segments between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from failure_platform.domain.comparison.holdout import Floats, Holdout, Labels, ModelScores
from failure_platform.domain.metrics import CALIBRATION_BINS, METRICS, log_losses, precision_sums

# Weights (vehicles, draws) -> metrics (draws, metrics); NaN where a metric is not defined on a draw.
WeightedMetrics = Callable[[Floats], Floats]


@dataclass(frozen=True)
class RankingSteps:
    """A ranking of vehicles, reduced to the steps at which sums of weights are needed.

    Attributes:
        segments: indicator matrix of the vehicles before the first step, at it, between it and the second, at the
            second, and so on; (2 x steps, vehicles).
        failures: indicator matrix of the failed vehicles at each step; (steps, vehicles).
    """

    segments: csr_array
    failures: csr_array

    @classmethod
    def of(
        cls, y: Labels, order: NDArray[np.int64], group: NDArray[np.int64], is_step: NDArray[np.bool_]
    ) -> "RankingSteps":
        """Return the steps of a ranking.

        Args:
            y: labels of all vehicles.
            order: positions of the ranked vehicles, riskiest first.
            group: for each ranked vehicle, the index of its group of ties, ascending from 0.
            is_step: for each group of ties, whether it is a step; shape (groups,).
        """
        before: NDArray[np.int64] = np.cumsum(is_step) - is_step
        segment, steps = (2 * before + is_step)[group], int(is_step.sum())
        inside, failed = segment < 2 * steps, is_step[group] & (y[order] == 1)
        return cls(
            _indicators(segment[inside], order[inside], 2 * steps, len(y)),
            _indicators(segment[failed] // 2, order[failed], steps, len(y)),
        )

    @classmethod
    def by_probability(cls, y: Labels, p: Floats, members: NDArray[np.int64]) -> "RankingSteps":
        """Return the steps of the members ranked by descending probability; each tie with a failure is a step."""
        order = members[np.argsort(-p[members], kind="stable")]
        group = np.cumsum(np.diff(p[order], prepend=p[order[:1]]) != 0)
        return cls.of(y, order, group, np.bincount(group, weights=y[order]) > 0)

    def sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the sums of weights before each step, up to its end, and of its failures; each (steps, draws)."""
        cumulative = np.cumsum(self.segments @ weights, axis=0)
        failures: Floats = self.failures @ weights
        return cumulative[0::2], cumulative[1::2], failures


def weighted_metrics(holdout: Holdout, model: ModelScores) -> WeightedMetrics:
    """Return a function of weights giving the metrics of METRICS; (draws, 10)."""
    y, failed = holdout.y, (holdout.y == 1).astype(np.float64)
    alarmed = (model.p >= model.threshold).astype(np.float64)
    linear = np.array([np.ones(len(y)), failed, alarmed, alarmed * failed, log_losses(y, model.p), (model.p - y) ** 2])
    steps = RankingSteps.by_probability(y, model.p, np.arange(len(y)))
    calibration_error = _calibration_error(y, model.p)
    recall_at_capacity = recalls_at_capacity(holdout, model, [np.flatnonzero(failed)])

    def metrics(weights: Floats) -> Floats:
        total, failures, alarms, hits, losses, squares = linear @ weights
        before, until, failed_here = steps.sums(weights)
        good_here = until - before - failed_here
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.cumsum(failed_here, axis=0)
            good_below = (total - failures) - (until - found)
            pairs = failures * (total - failures)
            failures_or_nan = np.where(failures > 0, failures, np.nan)
            columns = {
                "roc_auc": (failed_here * (good_below + good_here / 2)).sum(axis=0)
                / np.where(pairs > 0, pairs, np.nan),
                "average_precision": _average_precision(before, until, failed_here),
                "recall_at_capacity": recall_at_capacity(weights)[:, 0],
                "log_loss": losses / total,
                "brier": squares / total,
                "calibration_error": calibration_error(weights),
                "f1": 2 * hits / (alarms + failures_or_nan),
                "precision": np.where(alarms > 0, hits / np.where(alarms > 0, alarms, 1), 0.0) + 0 * failures_or_nan,
                "recall": hits / failures_or_nan,
                "accuracy": 1 - (alarms + failures - 2 * hits) / total,
            }
        return np.column_stack([columns[name] for name in METRICS])

    return metrics


def average_precisions(holdout: Holdout, model: ModelScores, slices: Sequence[NDArray[np.int64]]) -> WeightedMetrics:
    """Return a function of weights giving the average precision within each slice; (draws, slices)."""
    within = [RankingSteps.by_probability(holdout.y, model.p, members) for members in slices]

    def metrics(weights: Floats) -> Floats:
        columns = [_average_precision(*steps.sums(weights)) for steps in within]
        return np.column_stack(columns) if columns else np.empty((weights.shape[1], 0))

    return metrics


def recalls_at_capacity(holdout: Holdout, model: ModelScores, groups: Sequence[NDArray[np.int64]]) -> WeightedMetrics:
    """Return a function of weights giving the inspected share of each group of failed vehicles; (draws, groups)."""
    order = holdout.riskiest_first(model.p)
    day, failed = holdout.day[order], holdout.y[order] == 1
    first_of_day = np.diff(day, prepend=-1) != 0
    is_step = first_of_day | failed
    steps = RankingSteps.of(holdout.y, order, np.arange(len(order)), is_step)
    vehicle_of_step = order[is_step]
    step_numbers = np.arange(len(vehicle_of_step))
    first_step_of_day = np.maximum.accumulate(np.where(first_of_day[is_step], step_numbers, 0))
    step_of = np.full(len(order), -1)
    step_of[vehicle_of_step] = step_numbers
    steps_of_groups = [step_of[members] for members in groups]
    rows = np.repeat(np.arange(len(groups)), [len(members) for members in steps_of_groups])
    columns = np.concatenate([*steps_of_groups, np.empty(0, int)]).astype(int)
    in_group = _indicators(rows, columns, len(groups), len(vehicle_of_step))

    def metrics(weights: Floats) -> Floats:
        before, until, _ = steps.sums(weights)
        own = until - before
        inspected = np.clip(holdout.inspections_per_day - (before - before[first_step_of_day]), 0, own)
        totals = in_group @ own
        return np.asarray((in_group @ inspected / np.where(totals > 0, totals, np.nan)).T)

    return metrics


def _average_precision(before: Floats, until: Floats, failed: Floats) -> Floats:
    failures, found = failed.sum(axis=0), np.cumsum(failed, axis=0) - failed
    precisions = precision_sums(before, until - before, found, failed).sum(axis=0)
    return np.asarray(precisions / np.where(failures > 0, failures, np.nan))


def _calibration_error(y: Labels, p: Floats) -> Callable[[Floats], Floats]:
    values, group = np.unique(p, return_inverse=True)
    in_group = _indicators(group, np.arange(len(y)), len(values), len(y))
    gaps = csr_array((p - y, (group, np.arange(len(y)))), shape=in_group.shape)

    def metric(weights: Floats) -> Floats:
        own = in_group @ weights
        until = np.cumsum(own, axis=0)
        gap = np.vstack([np.zeros((1, weights.shape[1])), np.cumsum(gaps @ weights, axis=0)])
        # In integers, as in `domain.metrics.calibration_bins`: a tie belongs to the bin of its middle rank.
        middle, total = CALIBRATION_BINS * (2 * until - own), 2 * until[-1]
        ends = np.array([(middle < b * total).sum(axis=0) for b in range(CALIBRATION_BINS + 1)])
        return np.asarray(np.abs(np.diff(np.take_along_axis(gap, ends, axis=0), axis=0)).sum(axis=0) / until[-1])

    return metric


def _indicators(rows: NDArray[np.int64], columns: NDArray[np.int64], height: int, width: int) -> csr_array:
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(height, width))
