"""How far figures could have come out otherwise: the paired bootstrap over vehicles.

What belongs here: drawing vehicles again and again. What does not: the figures of a draw (weighted), and the intervals
that follow (intervals).

Vehicles are drawn with replacement, the same draw for every model (paired), and not stratified: how many failures a
period holds is chance as well, and average precision, log loss and Brier score depend on it. Efron and Tibshirani, An
Introduction to the Bootstrap, chapters 8 and 13.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.comparison.weighted import Figures

_FEWEST_BEYOND = 10


def interval(samples: Floats, point: float, level: float, rarer: int) -> tuple[float, float] | None:
    """Return the expanded percentile interval of the samples, moved so that it is centred on the point estimate.

    Percentiles of a bootstrap are a little too narrow on small samples. They are taken further out, as far as Student's
    t lies outside the normal (Hesterberg, The American Statistician 69, 2015), with the vehicles of the rarer class as
    the sample size: they carry the uncertainty. The move matters for average precision: a failure drawn twice stands
    next to itself in the ranking, which lifts the average precision of every resample. Where fewer than ten resamples
    lie beyond the percentile, they cannot show where it is, and the interval is as many standard deviations wide
    instead; measured, that is a little wider.

    Args:
        samples: shape (repetitions,), may hold NaN.
        point: the figure on all vehicles.
        level: e.g. 0.95.
        rarer: vehicles of the rarer class, here mostly the failures.

    Returns:
        None when fewer than half of the resamples define the figure, or with fewer than two of the rarer class.
    """
    defined = samples[~np.isnan(samples)]
    if len(defined) < len(samples) / 2 or not len(defined) or rarer < 2:
        return None
    deviations = float(student.ppf((1 + level) / 2, rarer - 1) * (rarer / (rarer - 1)) ** 0.5)
    tail = float(norm.sf(deviations))
    if tail * len(defined) < _FEWEST_BEYOND:
        half = deviations * float(defined.std())
        return point - half, point + half
    low, high = np.quantile(defined, [tail, 1 - tail])
    moved = point - float(defined.mean())
    return float(low + moved), float(high + moved)


def cautious_auc_interval(auc: float, rarer: int, level: float) -> tuple[float, float]:
    """Return an interval of the ROC AUC that stays honest with a handful of failures.

    Resampling four failures that happen to rank first gives 1.0 every time. The variance of the AUC is at most
    auc (1 - auc) / min(failures, others) (Birnbaum and Klose, Annals of Mathematical Statistics 28, 1957), that of a
    proportion of as many trials; so this is Wilson's interval of such a proportion, wider than needed but never blind.
    """
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    middle = (auc + z2 / (2 * rarer)) / (1 + z2 / rarer)
    half = (z2 * (auc * (1 - auc) / rarer + z2 / (4 * rarer**2))) ** 0.5 / (1 + z2 / rarer)
    return middle - half, middle + half


# Vehicles x draws worked on at once; bounds memory at some 200 MB whatever the number of vehicles.
_CELLS_AT_ONCE = 2_000_000


def resample(figures: Sequence[Figures], vehicles: int, repetitions: int, seed: int) -> list[Floats]:
    """Return each of the figures on every resample, in shape (repetitions, as many as it gives).

    A figure that a resample does not define (no failure drawn) is NaN there, for every model alike.
    """
    blocks = [[figure(weights) for figure in figures] for weights in _draws(vehicles, repetitions, seed)]
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def _draws(vehicles: int, repetitions: int, seed: int) -> Iterator[Floats]:
    """Yield how often each vehicle is drawn, in shape (vehicles, draws), until there are `repetitions` draws."""
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // max(vehicles, 1))
    for begin in range(0, repetitions, block):
        draws = min(block, repetitions - begin)
        drawn = rng.integers(0, vehicles, size=(draws, vehicles)) + np.arange(draws)[:, None] * vehicles
        counts = np.bincount(drawn.ravel(), minlength=draws * vehicles).reshape(draws, vehicles)
        yield np.ascontiguousarray(counts.T, dtype=np.float64)
