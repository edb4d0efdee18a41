"""The paired bootstrap over vehicles, and the confidence intervals computed from it.

Vehicles are drawn with replacement, the same draw for every model (paired), and not stratified: the number of failures
in a period is random as well, and average precision, log loss and Brier score depend on it. Efron and Tibshirani, An
Introduction to the Bootstrap, chapters 8 and 13.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student

from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.comparison.weighted import WeightedMetrics

_MIN_TAIL_RESAMPLES = 10


def interval(samples: Floats, point: float, level: float, rarer: int) -> tuple[float, float] | None:
    """Return the expanded percentile interval of the samples, shifted to be centred on the point estimate.

    Percentile intervals of a bootstrap are slightly too narrow on small samples. They are expanded by the ratio of
    Student's t to the normal quantile (Hesterberg, The American Statistician 69, 2015), with the number of vehicles of
    the rarer class as the sample size, because these determine the uncertainty. The shift matters for average
    precision: a failure drawn twice is its own neighbour in the ranking, which raises the average precision of every
    resample. If fewer than ten resamples lie beyond the percentile, they do not determine it; the interval is then the
    same number of standard deviations wide, which was measured to be slightly wider.

    Args:
        samples: the metric on each resample, shape (repetitions,); NaN where it is not defined.
        point: the metric on all vehicles.
        level: confidence level, e.g. 0.95.
        rarer: number of vehicles of the rarer class, in practice mostly the failures.

    Returns:
        None if fewer than half of the resamples define the metric, or if the rarer class has fewer than two vehicles.
    """
    defined = samples[~np.isnan(samples)]
    if len(defined) < len(samples) / 2 or not len(defined) or rarer < 2:
        return None
    quantile = float(student.ppf((1 + level) / 2, rarer - 1) * (rarer / (rarer - 1)) ** 0.5)
    tail = float(norm.sf(quantile))
    if tail * len(defined) < _MIN_TAIL_RESAMPLES:
        half = quantile * float(defined.std())
        return point - half, point + half
    low, high = np.quantile(defined, [tail, 1 - tail])
    shift = point - float(defined.mean())
    return float(low + shift), float(high + shift)


def logit_interval(samples: Floats, point: float, level: float, rarer: int) -> tuple[float, float] | None:
    """Return the interval of a metric between 0 and 1, symmetric around the logit of the point estimate.

    The standard error of the logit follows from that of the resamples by the delta method (Pepe, The Statistical
    Evaluation of Medical Tests for Classification and Prediction, 2003, section 5.2.4, for the ROC AUC; Boyd, Eng and
    Page, Area under the precision-recall curve, ECML 2013). On the logit scale the interval cannot leave the range, and
    a ROC AUC near 1 has the long tail below it that percentiles miss: of 150 models with 0.98, compared on 30 failures,
    percentiles held the truth for 85 %, this interval for 95 %. The quantile is Student's, as in `interval`.

    Args:
        samples, point, level, rarer: as for `interval`.

    Returns:
        None if fewer than half of the resamples define the metric, if all that do are equal, if the point estimate is 0
        or 1, or if the rarer class has fewer than two vehicles.
    """
    defined = samples[~np.isnan(samples)]
    if len(defined) < max(len(samples) / 2, 1) or rarer < 2 or not 0 < point < 1 or np.ptp(defined) == 0:
        return None
    quantile = float(student.ppf((1 + level) / 2, rarer - 1) * (rarer / (rarer - 1)) ** 0.5)
    half = quantile * float(defined.std()) / (point * (1 - point))
    return float(expit(logit(point) - half)), float(expit(logit(point) + half))


# Vehicles x draws in one block; limits memory to about 200 MB for any number of vehicles.
_BLOCK_CELLS = 2_000_000


def resample(metrics: Sequence[WeightedMetrics], vehicles: int, repetitions: int, seed: int) -> list[Floats]:
    """Return each of the metric functions on every resample, in shape (repetitions, metrics of that function).

    A metric that is not defined on a resample (no failure drawn) is NaN there, for every model alike.
    """
    blocks = [[metric(weights) for metric in metrics] for weights in _draws(vehicles, repetitions, seed)]
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def _draws(vehicles: int, repetitions: int, seed: int) -> Iterator[Floats]:
    """Yield blocks of how often each vehicle is drawn, in shape (vehicles, draws), `repetitions` draws in total."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_CELLS // max(vehicles, 1))
    for begin in range(0, repetitions, block):
        draws = min(block, repetitions - begin)
        drawn = rng.integers(0, vehicles, size=(draws, vehicles)) + np.arange(draws)[:, None] * vehicles
        counts = np.bincount(drawn.ravel(), minlength=draws * vehicles).reshape(draws, vehicles)
        yield np.ascontiguousarray(counts.T, dtype=np.float64)
