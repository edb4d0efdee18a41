"""The table of a comparison: for every metric the old and the new value, their difference and the intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from failure_platform.domain.comparison.bounded import (
    FEW_FAILURES,
    LARGEST,
    Interval,
    difference_interval,
    paired_correlation,
)
from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.comparison.resampling import interval, logit_interval
from failure_platform.domain.comparison.result import Row
from failure_platform.domain.metrics import LESS_IS_BETTER, METRICS, Metrics

_LOSSES = frozenset({"log_loss", "brier", "calibration_error"})


@dataclass(frozen=True)
class Resampled:
    """The metrics of one model.

    Attributes:
        metrics: on all vehicles, by name.
        samples: on the resamples, shape (repetitions, len(METRICS)).
        bounded: the intervals by name that hold for few failures too, see `domain.comparison.bounded`.
    """

    metrics: Metrics
    samples: Floats
    bounded: Mapping[str, Interval]


def metric_rows(old: Resampled, new: Resampled, base_rate: Metrics, level: float, rarer: int) -> tuple[Row, ...]:
    """Return one row per metric of METRICS.

    No interval leaves what is possible: that of a value lies between 0 and the largest value of the metric, and that of
    a difference inside what the intervals of the two values allow. With fewer than FEW_FAILURES vehicles of the rarer
    class, and wherever the resamples do not differ, the exact intervals take the place of the bootstrap.

    Args:
        old, new: the reference and the candidate.
        base_rate: metrics of always predicting the base rate.
        level: confidence level of the intervals.
        rarer: number of vehicles of the rarer class.
    """
    same = np.array_equal(old.samples, new.samples, equal_nan=True)
    return tuple(_row(name, old, new, base_rate[name], level, rarer, same) for name in METRICS)


def rows_by_metric(table: tuple[Row, ...]) -> Mapping[str, Row]:
    """Return the rows by metric name."""
    return {row.metric: row for row in table}


def improved(row: Row) -> bool | None:
    """Return True if the interval of the difference shows an improvement, False if a deterioration, else None."""
    if row.low is None or row.high is None or row.low <= 0 <= row.high:
        return None
    return (row.high < 0) if row.metric in LESS_IS_BETTER else (row.low > 0)


def _row(
    metric: str, old: Resampled, new: Resampled, base_rate: float | None, level: float, rarer: int, same: bool
) -> Row:
    before, after = old.metrics[metric], new.metrics[metric]
    of_old, of_new = (_of_value(metric, model, level, rarer) for model in (old, new))
    difference, of_difference = None, None
    if before is not None and after is not None:
        difference = after - before
        if same and of_new is not None:
            # A model does not differ from itself.
            of_difference = (0.0, 0.0)
        elif of_old is not None and of_new is not None:
            column = METRICS.index(metric)
            samples = old.samples[:, column], new.samples[:, column]
            of_difference = _of_difference(metric, (before, after), (of_old, of_new), samples, level, rarer)
    low, high = of_difference or (None, None)
    new_low, new_high = of_new or (None, None)
    return Row(metric, before, after, difference, low, high, new_low, new_high, base_rate)


def _of_value(metric: str, model: Resampled, level: float, rarer: int) -> Interval | None:
    value = model.metrics[metric]
    if value is None or rarer < 2:
        return None
    if rarer < FEW_FAILURES:
        return model.bounded.get(metric)
    samples = model.samples[:, METRICS.index(metric)]
    exact = model.bounded.get(metric)
    if metric not in _LOSSES:
        return logit_interval(samples, value, level, rarer) or exact
    found = interval(samples, value, level, rarer)
    if found is None or found[0] == found[1]:
        return exact or found
    return max(min(found[0], value), 0.0), min(max(found[1], value), LARGEST[metric])


def _of_difference(
    metric: str,
    values: tuple[float, float],
    intervals: tuple[Interval, Interval],
    samples: tuple[Floats, Floats],
    level: float,
    rarer: int,
) -> Interval:
    """Return the interval of new minus old, from (old, new) values, their intervals and their resamples."""
    (old, new), (of_old, of_new), (olds, news) = values, intervals, samples
    if rarer < FEW_FAILURES:
        # How closely two models agree cannot be known from so few failures either.
        return difference_interval(old, new, of_old, of_new, correlation=0.0)
    found = interval(news - olds, new - old, level, rarer) if metric in _LOSSES else None
    if found is None or found[0] == found[1]:
        return difference_interval(old, new, of_old, of_new, paired_correlation(olds, news))
    low, high = min(found[0], new - old), max(found[1], new - old)
    return max(low, of_new[0] - of_old[1]), min(high, of_new[1] - of_old[0])
