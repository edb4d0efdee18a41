"""How strongly single columns tell the label, or who the vehicle is: the figures behind the leak audit.

What belongs here: figures with cautious bounds, for all features at once. What does not: what is a leak
(audit).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta, norm, rankdata
from scipy.stats import t as student

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Features ranked at once: 80,000 vehicles then take some 30 MB, and the processor's cache serves the sort.
_FEATURES_AT_ONCE = 20
_FAILURES_PER_PERIOD = 10
_MOST_PERIODS = 50
_FEWEST_FAILURES = 10


@dataclass(frozen=True)
class Ranking:
    """What the order of each feature tells, arrays of shape (features,).

    Attributes:
        auc: ROC AUC of the feature alone, among the vehicles that have it; 0.5 where one class lacks it.
        failures: failed vehicles that have it.
        likeness: absolute rank correlation with each reference, shape (features, references).
    """

    auc: Floats
    failures: Floats
    likeness: Floats


def ranking(x: pd.DataFrame, failed: Flags, references: Sequence[Floats]) -> Ranking:
    """Return the ranking figures of every column; NaN = the vehicle has no value.

    The AUC is the Mann-Whitney statistic (Annals of Mathematical Statistics 18, 1947) by way of ranks, the correlation
    Spearman's.
    """
    parts = [
        _ranked(x.iloc[:, begin : begin + _FEATURES_AT_ONCE], failed, references)
        for begin in range(0, x.shape[1], _FEATURES_AT_ONCE)
    ]
    if not parts:
        return Ranking(np.empty(0), np.empty(0), np.empty((0, len(references))))
    return Ranking(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _ranked(x: pd.DataFrame, failed: Flags, references: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    values = np.ascontiguousarray(x.to_numpy(dtype=np.float32).T)
    there = ~np.isnan(values)
    # Absent values rank behind all others, so the ranks of those that are there are as if they were alone.
    ranks = rankdata(np.where(there, values, np.inf), axis=1)
    bad = (there & failed).sum(axis=1)
    good = there.sum(axis=1) - bad
    above = (ranks * (there & failed)).sum(axis=1) - bad * (bad + 1) / 2
    auc = np.divide(above, bad * good, out=np.full(len(values), 0.5), where=bad * good > 0)
    likeness = np.column_stack([_correlation(ranks, reference, there) for reference in references])
    return auc, bad.astype(np.float64), np.abs(likeness)


def _correlation(ranks: Floats, reference: Floats, there: Flags) -> Floats:
    """Return Pearson's correlation of each row with the reference, over the cells that are there."""
    n = np.maximum(there.sum(axis=1), 1)

    def centred(of: Floats) -> Floats:
        kept = np.where(there, of, 0.0)
        return np.where(there, kept - (kept.sum(axis=1) / n)[:, None], 0.0)

    a, b = centred(ranks), centred(np.broadcast_to(reference, ranks.shape))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation: Floats = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(ranks)), where=size > 0)
    return correlation


def least_share(share: Floats, trials: Floats, alpha: float) -> Floats:
    """Return the lower bound, at one-sided level alpha, of a share seen in so many trials (Clopper and Pearson, 1934).

    Also of an AUC: its variance is at most that of a share of as many trials as there are failures (Birnbaum and Klose,
    Annals of Mathematical Statistics 28, 1957), so ten perfect ranks prove little.
    """
    bound: Floats = np.asarray(beta.ppf(alpha, share * trials, (1 - share) * trials + 1), dtype=np.float64)
    return np.where(np.isnan(bound), 0.0, bound)


def periods(asked: NDArray[np.datetime64], failed: Flags) -> NDArray[np.int64]:
    """Return the number of the period each vehicle falls in; every period holds about ten failures."""
    times = np.sort(asked[failed])
    count = int(np.clip(len(times) // _FAILURES_PER_PERIOD, 1, _MOST_PERIODS))
    edges = times[(np.arange(1, count) * len(times)) // count]
    return np.searchsorted(edges, asked, side="right").astype(np.int64)


def share_difference(marked: Flags, failed: Flags, period: NDArray[np.int64], alpha: float) -> tuple[Floats, Floats]:
    """Return how much more often failed vehicles are marked than the others of the same period, and its cautious bound.

    The difference of shares after Mantel and Haenszel, so that what merely changed with time does not count; the bound,
    never beyond zero, from their test (Miettinen, American Journal of Epidemiology 103, 1976).

    Args:
        marked: shape (vehicles, columns).
        failed, period: shape (vehicles,).
        alpha: two-sided level of the bound.

    Returns:
        Two arrays of shape (columns,), between -1 and 1; negative: failed vehicles are marked less often.
    """
    count = int(period.max()) + 1 if len(period) else 0
    columns = marked.shape[1]
    top, expected, weight, variance = np.zeros(columns), np.zeros(columns), 0.0, np.zeros(columns)
    for one in range(count):
        inside = period == one
        bad, n = int((inside & failed).sum()), int(inside.sum())
        good = n - bad
        if not bad or not good:
            continue
        every = marked[inside].sum(axis=0)
        hits = marked[inside & failed].sum(axis=0)
        top += (hits * good - (every - hits) * bad) / n
        weight += bad * good / n
        expected += hits - bad * every / n
        variance += bad * good * every * (n - every) / (n**2 * (n - 1))
    if not weight:
        return np.zeros(columns), np.zeros(columns)
    difference = top / weight
    z = np.divide(np.abs(expected), np.sqrt(variance), out=np.zeros(columns), where=variance > 0)
    kept = np.divide(norm.isf(alpha / 2), z, out=np.ones(columns), where=z > 0)
    return difference, difference * np.clip(1 - kept, 0.0, 1.0)


def upload_separation(upload: pd.Series, asked: pd.Series, failed: Flags, alpha: float) -> tuple[float, float]:
    """Return how well the upload tells failed vehicles from the others of the same day, and its lower bound.

    Each vehicle is given the failure rate of the other vehicles of its upload. The figure is the mean, over failed
    vehicles, of that rate less its mean over the other vehicles of the day: 0 when uploads follow time alone, 1 when
    failed vehicles came in files of their own. Days are the sample of the bound (Student's t). (0, 0) where too few
    days or failures can tell.
    """
    known = upload.notna().to_numpy()
    rows = pd.DataFrame({"upload": upload, "day": asked.dt.floor("D"), "failed": failed})[known]
    mates = rows.groupby("upload")["failed"]
    others = mates.transform("size") - 1
    rows["rate"] = ((mates.transform("sum") - rows["failed"]) / others.where(others > 0)).astype(np.float64)
    rows = rows.dropna()
    by_day = rows.groupby(["day", "failed"])["rate"].agg(["mean", "size"]).unstack("failed").dropna()
    failures = by_day[("size", True)].to_numpy() if by_day.shape[1] == 4 else np.empty(0)
    if len(by_day) < 2 or failures.sum() < _FEWEST_FAILURES:
        return 0.0, 0.0
    gaps = (by_day[("mean", True)] - by_day[("mean", False)]).to_numpy()
    mean = float(np.average(gaps, weights=failures))
    spread = float(np.sqrt((failures**2 * (gaps - mean) ** 2).sum()) / failures.sum())
    return mean, mean - float(student.isf(alpha, len(by_day) - 1)) * spread
