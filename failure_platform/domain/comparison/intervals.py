"""From resampled figures to intervals.

What belongs here: how an interval is formed. What does not: what it means for the decision (verdict).
"""

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from failure_platform.domain.comparison.holdout import Floats

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
