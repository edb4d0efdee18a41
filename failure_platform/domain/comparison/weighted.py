"""The figures of `metrics` on many resamples at once.

What belongs here: each figure as a function of weights, equal to the plain figure of vehicles repeated as often as
their weight says. What does not: the drawing of weights (bootstrap), the plain figures (metrics).

Weights have the shape (vehicles, draws). Ranking figures need sums of weights only where a failure stands, so that an
order of vehicles is reduced to its steps (`Steps`) once, and every draw is sums over the pieces between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from failure_platform.domain.comparison.holdout import Floats, Holdout, Labels, Scored
from failure_platform.domain.metrics import CALIBRATION_BINS, METRICS, log_losses, precision_sums

# Weights (vehicles, draws) -> figures (draws, as many as there are); NaN where a draw does not define one.
Figures = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Steps:
    """An order of vehicles, reduced to the steps that are looked at.

    Attributes:
        pieces: which vehicles lie before the first step, on it, before the second, on it, ...; (2 x steps, vehicles).
        failing: which failed vehicles stand on each step; (steps, vehicles).
    """

    pieces: csr_array
    failing: csr_array

    @classmethod
    def of(cls, y: Labels, order: NDArray[np.int64], group: NDArray[np.int64], wanted: NDArray[np.bool_]) -> "Steps":
        """Return the steps of an order.

        Args:
            y: labels of all vehicles.
            order: positions of the ordered vehicles, riskiest first.
            group: number of the group that each ordered vehicle shares its place with, rising from 0.
            wanted: by group, whether it is a step; shape (groups,).
        """
        before: NDArray[np.int64] = np.cumsum(wanted) - wanted
        piece, steps = (2 * before + wanted)[group], int(wanted.sum())
        inside, failed = piece < 2 * steps, wanted[group] & (y[order] == 1)
        return cls(
            _members(piece[inside], order[inside], 2 * steps, len(y)),
            _members(piece[failed] // 2, order[failed], steps, len(y)),
        )

    @classmethod
    def by_probability(cls, y: Labels, p: Floats, members: NDArray[np.int64]) -> "Steps":
        """Return the steps of some vehicles by falling probability; equal ones share a place, failures are steps."""
        order = members[np.argsort(-p[members], kind="stable")]
        group = np.cumsum(np.diff(p[order], prepend=p[order[:1]]) != 0)
        return cls.of(y, order, group, np.bincount(group, weights=y[order]) > 0)

    def sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the weights before each step, up to its end, and of its failures; each (steps, draws)."""
        reached = np.cumsum(self.pieces @ weights, axis=0)
        failing: Floats = self.failing @ weights
        return reached[0::2], reached[1::2], failing


def figures_of(holdout: Holdout, model: Scored) -> Figures:
    """Return the figures of METRICS as a function of weights; (draws, 10)."""
    y, failed = holdout.y, (holdout.y == 1).astype(np.float64)
    alarmed = (model.p >= model.threshold).astype(np.float64)
    linear = np.array([np.ones(len(y)), failed, alarmed, alarmed * failed, log_losses(y, model.p), (model.p - y) ** 2])
    steps = Steps.by_probability(y, model.p, np.arange(len(y)))
    calibration_error = _calibration_error(y, model.p)
    recall_at_capacity = recalls_at_capacity(holdout, model, [np.flatnonzero(failed)])

    def figures(weights: Floats) -> Floats:
        total, failures, alarms, hits, losses, squares = linear @ weights
        before, until, bad = steps.sums(weights)
        good = until - before - bad
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.cumsum(bad, axis=0)
            good_below = (total - failures) - (until - found)
            pairs = failures * (total - failures)
            some = np.where(failures > 0, failures, np.nan)
            columns = {
                "roc_auc": (bad * (good_below + good / 2)).sum(axis=0) / np.where(pairs > 0, pairs, np.nan),
                "average_precision": _average_precision(before, until, bad),
                "recall_at_capacity": recall_at_capacity(weights)[:, 0],
                "log_loss": losses / total,
                "brier": squares / total,
                "calibration_error": calibration_error(weights),
                "f1": 2 * hits / (alarms + some),
                "precision": np.where(alarms > 0, hits / np.where(alarms > 0, alarms, 1), 0.0) + 0 * some,
                "recall": hits / some,
                "accuracy": 1 - (alarms + failures - 2 * hits) / total,
            }
        return np.column_stack([columns[name] for name in METRICS])

    return figures


def average_precisions(holdout: Holdout, model: Scored, slices: Sequence[NDArray[np.int64]]) -> Figures:
    """Return the average precision within each of some sets of vehicles as a function of weights."""
    within = [Steps.by_probability(holdout.y, model.p, members) for members in slices]

    def figures(weights: Floats) -> Floats:
        parts = [_average_precision(*steps.sums(weights)) for steps in within]
        return np.column_stack(parts) if parts else np.empty((weights.shape[1], 0))

    return figures


def recalls_at_capacity(holdout: Holdout, model: Scored, groups: Sequence[NDArray[np.int64]]) -> Figures:
    """Return the inspected share of each of some sets of failed vehicles as a function of weights."""
    order = holdout.riskiest_first(model.p)
    day, failed = holdout.day[order], holdout.y[order] == 1
    opens = np.diff(day, prepend=-1) != 0
    steps = Steps.of(holdout.y, order, np.arange(len(order)), opens | failed)
    on_step = order[opens | failed]
    day_opens = np.maximum.accumulate(np.where(opens[opens | failed], np.arange(len(on_step)), 0))
    step_of = np.full(len(order), -1)
    step_of[on_step] = np.arange(len(on_step))
    places = [step_of[members] for members in groups]
    rows = np.repeat(np.arange(len(groups)), [len(members) for members in places])
    chosen = _members(rows, np.concatenate([*places, np.empty(0, int)]).astype(int), len(groups), len(on_step))

    def figures(weights: Floats) -> Floats:
        before, until, _ = steps.sums(weights)
        own = until - before
        inspected = np.clip(holdout.inspections_per_day - (before - before[day_opens]), 0, own)
        of = chosen @ own
        return np.asarray((chosen @ inspected / np.where(of > 0, of, np.nan)).T)

    return figures


def _average_precision(before: Floats, until: Floats, bad: Floats) -> Floats:
    failures, found = bad.sum(axis=0), np.cumsum(bad, axis=0) - bad
    gained = precision_sums(before, until - before, found, bad).sum(axis=0)
    return np.asarray(gained / np.where(failures > 0, failures, np.nan))


def _calibration_error(y: Labels, p: Floats) -> Callable[[Floats], Floats]:
    values, group = np.unique(p, return_inverse=True)
    every = _members(group, np.arange(len(y)), len(values), len(y))
    gaps = csr_array((p - y, (group, np.arange(len(y)))), shape=every.shape)

    def figure(weights: Floats) -> Floats:
        own = every @ weights
        until = np.cumsum(own, axis=0)
        gap = np.vstack([np.zeros((1, weights.shape[1])), np.cumsum(gaps @ weights, axis=0)])
        # In whole numbers, as in metrics.calibration_bins: a group lies in tenth b when its middle does.
        middle, total = CALIBRATION_BINS * (2 * until - own), 2 * until[-1]
        ends = np.array([(middle < b * total).sum(axis=0) for b in range(CALIBRATION_BINS + 1)])
        return np.asarray(np.abs(np.diff(np.take_along_axis(gap, ends, axis=0), axis=0)).sum(axis=0) / until[-1])

    return figure


def _members(rows: NDArray[np.int64], columns: NDArray[np.int64], height: int, width: int) -> csr_array:
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(height, width))
