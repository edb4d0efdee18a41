"""The statistics of the leak audit, with confidence bounds, computed for all features at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta, norm, rankdata
from scipy.stats import t as student

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Features ranked at once: with 80,000 vehicles about 30 MB, so that sorting stays in the processor's cache.
_FEATURES_AT_ONCE = 20
_TAIL_PRECISION = 0.9
# A correlation of 0.99 is above 0.9 in a sample of 100 vehicles.
_SAMPLE, _FEW_IN_SAMPLE, _FAR_FROM_ONE = 2_000, 100, 0.9
_FAILURES_PER_PERIOD = 10
_MAX_PERIODS = 50
_MIN_FAILURES = 10
_MIN_MATES = 10
_EXCEPTIONS = 0.05


@dataclass(frozen=True)
class Ranking:
    """Rank statistics of each feature, arrays of shape (features,).

    Attributes:
        auc: ROC AUC of the feature alone, among the vehicles with a value; 0.5 if one class has none.
        failures: number of failed vehicles with a value.
        correlation: absolute rank correlation with each reference, shape (features, references); estimated from a
            sample where it is far below 1.
        tail: about the most failed vehicles that the highest or the lowest values contain with at most one other
            vehicle in ten; never too few.
    """

    auc: Floats
    failures: Floats
    correlation: Floats
    tail: Floats


def ranking(x: pd.DataFrame, failed: Flags, references: Sequence[Floats]) -> Ranking:
    """Return the rank statistics of every column; NaN means no value.

    The AUC is computed from ranks as the Mann-Whitney statistic (Annals of Mathematical Statistics 18, 1947); the
    correlation is Spearman's.
    """
    parts = [
        _ranked(x.iloc[:, begin : begin + _FEATURES_AT_ONCE], failed, references)
        for begin in range(0, x.shape[1], _FEATURES_AT_ONCE)
    ]
    if not parts:
        return Ranking(np.empty(0), np.empty(0), np.empty((0, len(references))), np.empty(0))
    return Ranking(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _ranked(x: pd.DataFrame, failed: Flags, references: Sequence[Floats]) -> tuple[Floats, ...]:
    values = np.ascontiguousarray(x.to_numpy(dtype=np.float32).T)
    present = ~np.isnan(values)
    # Missing values rank last, so the ranks of the others are those among themselves.
    ranks = rankdata(np.where(present, values, np.inf), axis=1)
    bad = (present & failed).sum(axis=1)
    good = present.sum(axis=1) - bad
    above = (ranks * (present & failed)).sum(axis=1) - bad * (bad + 1) / 2
    auc = np.divide(above, bad * good, out=np.full(len(values), 0.5), where=bad * good > 0)
    correlation = np.column_stack([_high_correlation(ranks, reference, present) for reference in references])
    highest = _tail(present.sum(axis=1)[:, None] + 1 - ranks[:, failed], present[:, failed])
    lowest = _tail(ranks[:, failed], present[:, failed])
    return auc, bad.astype(np.float64), np.abs(correlation), np.maximum(highest, lowest)


def _tail(places: Floats, present: Flags) -> Floats:
    """Return per row how many failed vehicles a tail holds, by their places from its end (shape (rows, failed))."""
    ordered = np.sort(np.where(present, places, np.inf), axis=1)
    # A tie has its mean place, so half a place less is at most the number of vehicles up to the end of the tie.
    hits = np.arange(1, ordered.shape[1] + 1)
    return np.asarray((hits * (hits >= _TAIL_PRECISION * (ordered - 0.5))).max(axis=1, initial=0), dtype=np.float64)


def _high_correlation(ranks: Floats, reference: Floats, present: Flags) -> Floats:
    """Return the correlation of each row, from a sample where that shows that it is not near 1."""
    every = max(1, len(reference) // _SAMPLE)
    sampled = present[:, ::every]
    correlation = _correlation(ranks[:, ::every], reference[::every], sampled)
    near = np.flatnonzero((np.abs(correlation) > _FAR_FROM_ONE) | (sampled.sum(axis=1) < _FEW_IN_SAMPLE))
    correlation[near] = _correlation(ranks[near], reference, present[near])
    return correlation


def _correlation(ranks: Floats, reference: Floats, present: Flags) -> Floats:
    """Return Pearson's correlation of each row with the reference, over the cells that are present."""
    n = np.maximum(present.sum(axis=1), 1)

    def centred(values: Floats) -> Floats:
        kept = np.where(present, values, 0.0)
        return np.where(present, kept - (kept.sum(axis=1) / n)[:, None], 0.0)

    a, b = centred(ranks), centred(np.broadcast_to(reference, ranks.shape))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation: Floats = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(ranks)), where=size > 0)
    return correlation


def share_lower_bound(share: Floats, trials: Floats, alpha: float) -> Floats:
    """Return the lower confidence bound of an observed share, one-sided at level alpha (Clopper and Pearson, 1934).

    Valid for an AUC too, with the number of failures as trials: its variance is at most that of such a share (Birnbaum
    and Klose, Annals of Mathematical Statistics 28, 1957), so ten perfect ranks prove little.
    """
    bound: Floats = np.asarray(beta.ppf(alpha, share * trials, (1 - share) * trials + 1), dtype=np.float64)
    return np.where(np.isnan(bound), 0.0, bound)


def periods(predicted_at: NDArray[np.datetime64], failed: Flags) -> NDArray[np.int64]:
    """Return the number of each vehicle's period; periods are consecutive and hold about ten failures each."""
    times = np.sort(predicted_at[failed])
    count = int(np.clip(len(times) // _FAILURES_PER_PERIOD, 1, _MAX_PERIODS))
    edges = times[(np.arange(1, count) * len(times)) // count]
    return np.searchsorted(edges, predicted_at, side="right").astype(np.int64)


def share_difference(marked: Flags, failed: Flags, stratum: NDArray[np.int64], alpha: float) -> tuple[Floats, Floats]:
    """Return how much more often failed vehicles are marked than others of the same stratum, and the confidence bound.

    The difference of shares is stratified (Mantel and Haenszel): with periods as strata, a mere change over time does
    not count. The bound is test-based (Miettinen, American Journal of Epidemiology 103, 1976) and never crosses zero.

    Args:
        marked: shape (vehicles, columns).
        failed, stratum: shape (vehicles,).
        alpha: two-sided level of the bound.

    Returns:
        Two arrays of shape (columns,), between -1 and 1; negative: failed vehicles are marked less often.
    """
    columns = marked.shape[1]
    top, expected, weight, variance = np.zeros(columns), np.zeros(columns), 0.0, np.zeros(columns)
    for rows in _strata(failed, stratum):
        bad, n = int(failed[rows].sum()), len(rows)
        good = n - bad
        every = marked[rows].sum(axis=0)
        hits = marked[rows[failed[rows]]].sum(axis=0)
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


def _strata(failed: Flags, stratum: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each stratum that has both failed vehicles and others."""
    order = np.argsort(stratum, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        if failed[rows].any() and not failed[rows].all():
            yield rows


def by_upload(period: NDArray[np.int64], upload: pd.Series, failed: Flags) -> NDArray[np.int64]:
    """Return strata of vehicles of the same period and upload.

    Where these say little (fewer than half of the failed vehicles share one with another vehicle, as with files of one
    vehicle, or of failed vehicles only), the periods themselves.
    """
    codes, uploads = pd.factorize(upload, use_na_sentinel=False)
    strata = period * len(uploads) + codes
    informative = sum(int(failed[rows].sum()) for rows in _strata(failed, strata))
    return strata if 2 * informative >= failed.sum() else period


def odds_ratio_bound(marked: Flags, failed: Flags, alpha: float) -> float:
    """Return the lower confidence bound of the odds ratio of being marked, failed vehicles to the others.

    Woolf's interval with Haldane's correction (Annals of Human Genetics 20, 1956).
    """
    table = [
        float(np.count_nonzero(marked[group] == value)) + 0.5 for group in (failed, ~failed) for value in (True, False)
    ]
    ratio = np.log(table[0] / table[1]) - np.log(table[2] / table[3])
    return float(np.exp(ratio - norm.isf(alpha) * np.sqrt(sum(1 / cell for cell in table))))


def upload_separation(upload: pd.Series, predicted_at: pd.Series, failed: Flags, alpha: float) -> tuple[float, float]:
    """Return how well the upload separates failed vehicles from the others of the same day, and its lower bound.

    Each vehicle is given the failure rate of the other vehicles of its upload. The statistic is the mean of this rate
    over failed vehicles, minus its mean over the other vehicles of the day: 0 if uploads depend on time only, 1 if
    failed vehicles are in separate files. The bound takes days as the sample (Student's t). (0, 0) with too few days or
    failures.
    """
    known = upload.notna().to_numpy()
    rows = pd.DataFrame({"upload": upload, "day": predicted_at.dt.floor("D"), "failed": failed})[known]
    mates = rows.groupby("upload")["failed"]
    others = mates.transform("size") - 1
    rows["rate"] = ((mates.transform("sum") - rows["failed"]) / others.where(others > 0)).astype(np.float64)
    rows = rows.dropna()
    by_day = rows.groupby(["day", "failed"])["rate"].agg(["mean", "size"]).unstack("failed").dropna()
    failures = by_day[("size", True)].to_numpy() if by_day.shape[1] == 4 else np.empty(0)
    if len(by_day) < 2 or failures.sum() < _MIN_FAILURES:
        return 0.0, 0.0
    gaps = (by_day[("mean", True)] - by_day[("mean", False)]).to_numpy()
    mean = float(np.average(gaps, weights=failures))
    spread = float(np.sqrt((failures**2 * (gaps - mean) ** 2).sum()) / failures.sum())
    return mean, mean - float(student.isf(alpha, len(by_day) - 1)) * spread


def within_uploads(marked: Flags, upload: pd.Series) -> bool:
    """Return whether the upload tells which vehicles are marked: nearly all of its vehicles are, or nearly none.

    Uploads of few vehicles say nothing; False where these hold most vehicles.
    """
    sizes = (
        pd.DataFrame({"upload": upload.to_numpy(), "marked": marked}).groupby("upload")["marked"].agg(["sum", "size"])
    )
    large = sizes[sizes["size"] >= _MIN_MATES]
    vehicles = int(large["size"].sum())
    exceptions = int(np.minimum(large["sum"], large["size"] - large["sum"]).sum())
    mixed = marked.any() and not marked.all()
    return bool(mixed and 2 * vehicles > len(marked) and exceptions <= _EXCEPTIONS * min(marked.sum(), (~marked).sum()))
