"""Confidence intervals that stay inside what is possible, for so few failures that no resample can show their spread.

A bootstrap of four failures that happen to rank first gives 1.0 every time, and Student's correction of it leaves the
range of the metric. The intervals here come from exact distributions instead: of a proportion, or of a weighted sum of
counts. They are wider than necessary for most models, and never of zero width for a model that tells vehicles apart.
"""

import math
from collections.abc import Mapping

import numpy as np
from scipy.stats import beta, chi2

from failure_platform.domain.comparison.holdout import Floats, Holdout, ModelScores
from failure_platform.domain.metrics import METRICS, SMALLEST_PROBABILITY, Metrics, log_losses

FEW_FAILURES = 30
"""With fewer vehicles of the rarer class than this, the intervals are those of this module."""

Interval = tuple[float, float]
_LARGEST_LOG_LOSS = -math.log(SMALLEST_PROBABILITY)
LARGEST: Mapping[str, float] = dict.fromkeys(METRICS, 1.0) | {"log_loss": _LARGEST_LOG_LOSS}
"""The largest possible value of each metric; the smallest of all is 0."""


def bounded_intervals(holdout: Holdout, model: ModelScores, metrics: Metrics, level: float) -> dict[str, Interval]:
    """Return the interval of each metric that is defined and has one here; the calibration error has none.

    The variance of the ROC AUC is at most that of a proportion of min(failures, others) trials (Birnbaum and Klose,
    Annals of Mathematical Statistics 28, 1957). Average precision is treated as a proportion of as many trials, as by
    Boyd, Eng and Page (Area under the precision-recall curve, ECML 2013). F1 is 2 J / (1 + J) of the share J of hits
    among the vehicles that failed or were alarmed. A model that gives every vehicle one probability has a ROC AUC of
    exactly 0.5 and the failure rate as its average precision, whatever the vehicles.

    Args:
        holdout: the vehicles.
        model: its probabilities for them.
        metrics: what `domain.metrics.measure` returns for both.
        level: confidence level, e.g. 0.95.
    """
    y, vehicles = holdout.y, len(holdout.y)
    alarmed = model.p >= model.threshold
    failures, alarms, hits = int(y.sum()), int(alarmed.sum()), int(y[alarmed].sum())
    constant = bool(vehicles) and bool(model.p.min() == model.p.max())
    trials = {
        "roc_auc": min(failures, vehicles - failures),
        "average_precision": vehicles if constant else min(failures, vehicles - failures),
        "recall_at_capacity": failures,
        "precision": alarms,
        "recall": failures,
        "accuracy": vehicles,
    }
    found = {
        name: proportion_interval(value, trials[name], level)
        for name, value in metrics.items()
        if name in trials and value is not None
    }
    if metrics["f1"] is not None:
        either = alarms + failures - hits
        low, high = proportion_interval(hits / either, either, level)
        found["f1"] = (2 * low / (1 + low), 2 * high / (1 + high))
    if vehicles:
        found["log_loss"] = mean_loss_interval(log_losses(y, model.p), _LARGEST_LOG_LOSS, level)
        found["brier"] = mean_loss_interval((model.p - y) ** 2, 1.0, level)
    if constant and metrics["roc_auc"] is not None:
        found["roc_auc"] = (0.5, 0.5)
    if constant and metrics["recall"] is not None:
        # It alarms every vehicle or none, on these vehicles as on any other.
        exact = ("recall",) if alarms else ("recall", "precision", "f1")
        found |= {name: (float(value), float(value)) for name in exact if (value := metrics[name]) is not None}
    return found


def proportion_interval(share: float, trials: float, level: float) -> Interval:
    """Return the exact interval of a proportion (Clopper and Pearson, Biometrika 26, 1934); 0 to 1 without a trial.

    The number of successes, share times trials, need not be an integer: the quantiles of the beta distribution
    interpolate.
    """
    successes, tail = share * trials, (1 - level) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes > 0 else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return min(low, share), max(high, share)


def mean_loss_interval(losses: Floats, largest: float, level: float) -> Interval:
    """Return the interval of a mean of losses that are at least 0.

    The sum is one of counts, each weighted by the loss of a vehicle (Fay and Feuer, Statistics in Medicine 16, 1997,
    gamma intervals for directly standardised rates): with few failures, how many there are is most of the uncertainty.
    The upper limit reckons with one more vehicle of the largest possible loss, as none may have been seen yet.

    Args:
        losses: shape (vehicles,), at least one.
        largest: the largest possible loss of a vehicle, and so the largest possible mean.
        level: confidence level.
    """
    weights = losses / len(losses)
    total, variance, heaviest = float(weights.sum()), float((weights**2).sum()), largest / len(losses)
    if total == 0:
        return 0.0, min(1.0, -math.log((1 - level) / 2) / len(losses)) * largest
    tail = (1 - level) / 2
    low = variance / (2 * total) * float(chi2.ppf(tail, 2 * total**2 / variance))
    above, wider = total + heaviest, variance + heaviest**2
    high = wider / (2 * above) * float(chi2.ppf(1 - tail, 2 * above**2 / wider))
    return min(low, total), min(max(high, total), largest)


def difference_interval(old: float, new: float, of_old: Interval, of_new: Interval, correlation: float) -> Interval:
    """Return the interval of new minus old from the intervals of both.

    Newcombe (Statistics in Medicine 17, 1998, paired proportions) and Zou and Donner (Statistics in Medicine 27, 2008):
    the distances of the limits from the estimates are put together as standard errors are. So it lies inside what the
    two intervals allow, and where the old value is known exactly, it is the interval of the new one less that value.

    Args:
        old, new: the two estimates, each inside its interval.
        of_old, of_new: their intervals.
        correlation: of the two estimates, 0 to 1.
    """
    below = _together(new - of_new[0], of_old[1] - old, correlation)
    above = _together(of_new[1] - new, old - of_old[0], correlation)
    return new - old - below, new - old + above


def paired_correlation(old: Floats, new: Floats) -> float:
    """Return the correlation of a metric of two models over the resamples, 0 where it is negative or not defined."""
    defined = ~(np.isnan(old) | np.isnan(new))
    a, b = old[defined], new[defined]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.clip(np.corrcoef(a, b)[0, 1], 0.0, 1.0))


def _together(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))
