"""How far the figures could have come out otherwise: the paired bootstrap over vehicles.

What belongs here: resampling, the eight figures on all resamples at once, intervals. What does not: what an interval
means for the decision (verdict).

Vehicles are drawn with replacement, the same draw for every model (paired), and not stratified: how many failures a
period holds is chance as well, and average precision, log loss and Brier score depend on it. Efron and Tibshirani, An
Introduction to the Bootstrap, chapters 8 and 13.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from failure_platform.domain.metrics import METRICS, log_losses

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
# Vehicles x repetitions worked on at once; bounds memory at some 200 MB whatever the number of vehicles.
_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Scored:
    """What one model says of the comparison vehicles.

    Attributes:
        p: probabilities of failure, shape (vehicles,).
        threshold: probability from which the model alarms.
    """

    p: Floats
    threshold: float


def resample(y: Labels, models: Sequence[Scored], repetitions: int, seed: int) -> list[Floats]:
    """Return for each model its figures on every resample, shape (repetitions, 8) in the order of METRICS.

    A figure that a resample does not define (no failure drawn) is NaN there, for every model alike.
    """
    prepared = [_Prepared.of(y, model) for model in models]
    figures: list[list[Floats]] = [[] for _ in models]
    for weights in _draws(len(y), repetitions, seed):
        for one, parts in zip(prepared, figures, strict=True):
            parts.append(one.figures(weights))
    return [np.concatenate(parts) for parts in figures]


def interval(samples: Floats, point: float, level: float, failures: int) -> tuple[float, float] | None:
    """Return the expanded percentile interval of the samples, moved so that it is centred on the point estimate.

    Percentiles of a bootstrap are a little too narrow on small samples. They are taken further out, as far as Student's
    t lies outside the normal (Hesterberg, The American Statistician 69, 2015), with the failures as the sample size:
    they are the rarer class and carry the uncertainty. The move matters for average precision: a failure drawn twice
    stands next to itself in the ranking, which lifts the average precision of every resample.

    Args:
        samples: shape (repetitions,), may hold NaN.
        point: the figure on all vehicles.
        level: e.g. 0.95.
        failures: among the vehicles.

    Returns:
        None when fewer than half of the resamples define the figure, or with fewer than two failures.
    """
    defined = samples[~np.isnan(samples)]
    if len(defined) < len(samples) / 2 or not len(defined) or failures < 2:
        return None
    tail = float(norm.cdf(student.ppf((1 - level) / 2, failures - 1) * (failures / (failures - 1)) ** 0.5))
    low, high = np.quantile(defined, [tail, 1 - tail])
    moved = point - float(defined.mean())
    return float(low + moved), float(high + moved)


def cautious_auc_interval(auc: float, failures: int, others: int, level: float) -> tuple[float, float]:
    """Return an interval of the ROC AUC that stays honest with a handful of failures.

    Resampling four failures that happen to rank first gives 1.0 every time. The variance of the AUC is at most
    auc (1 - auc) / min(failures, others) (Birnbaum and Klose, Annals of Mathematical Statistics 28, 1957), that of a
    proportion of as many trials; so this is Wilson's interval of such a proportion, wider than needed but never blind.
    """
    trials = min(failures, others)
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    middle = (auc + z2 / (2 * trials)) / (1 + z2 / trials)
    half = (z2 * (auc * (1 - auc) / trials + z2 / (4 * trials**2))) ** 0.5 / (1 + z2 / trials)
    return middle - half, middle + half


def _draws(vehicles: int, repetitions: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each vehicle is drawn, in blocks of shape (some repetitions, vehicles)."""
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // max(vehicles, 1))
    for begin in range(0, repetitions, block):
        rows = min(block, repetitions - begin)
        drawn = rng.integers(0, vehicles, size=(rows, vehicles)) + np.arange(rows)[:, None] * vehicles
        yield np.bincount(drawn.ravel(), minlength=rows * vehicles).reshape(rows, vehicles).astype(np.float64)


@dataclass(frozen=True)
class _Prepared:
    """One model's vehicles sorted by probability, highest first, so that a resample is only sums of weights."""

    order: NDArray[np.int64]
    groups: NDArray[np.int64]
    failed: Floats
    losses: Floats
    squares: Floats
    alarmed: Floats

    @classmethod
    def of(cls, y: Labels, model: Scored) -> "_Prepared":
        order = np.argsort(-model.p, kind="stable")
        p = model.p[order]
        groups = np.concatenate([[0], np.flatnonzero(np.diff(p)) + 1]).astype(np.int64)
        failed = y[order].astype(np.float64)
        alarmed = (p >= model.threshold).astype(np.float64)
        return cls(order, groups, failed, log_losses(y[order], p), (p - failed) ** 2, alarmed)

    def figures(self, weights: Floats) -> Floats:
        """Return the figures for each row of weights; equal to scikit-learn's with sample_weight."""
        w = weights[:, self.order]
        total, failures = w.sum(axis=1), w @ self.failed
        hits, alarms = w @ (self.failed * self.alarmed), w @ self.alarmed
        # Vehicles of equal probability are one step of both curves.
        bad = np.add.reduceat(w * self.failed, self.groups, axis=1)
        every = np.add.reduceat(w, self.groups, axis=1)
        above = np.cumsum(every, axis=1)
        good = every - bad
        good_below = (total - failures)[:, None] - np.cumsum(good, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            pairs = failures * (total - failures)
            roc_auc = (bad * (good_below + good / 2)).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)
            steps = np.where(above > 0, np.cumsum(bad, axis=1) / above, 0.0)
            some = np.where(failures > 0, failures, np.nan)
            columns = {
                "roc_auc": roc_auc,
                "average_precision": (bad * steps).sum(axis=1) / some,
                "log_loss": w @ self.losses / total,
                "brier": w @ self.squares / total,
                "f1": 2 * hits / (alarms + some),
                "precision": np.where(alarms > 0, hits / np.where(alarms > 0, alarms, 1), 0.0) + 0 * some,
                "recall": hits / some,
                "accuracy": 1 - (alarms + failures - 2 * hits) / total,
            }
        return np.column_stack([columns[name] for name in METRICS])
