"""The table of a comparison: for every metric the old and the new value, their difference and the intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.comparison.resampling import cautious_auc_interval, interval
from failure_platform.domain.comparison.values import Row
from failure_platform.domain.metrics import LESS_IS_BETTER, METRICS, Metrics

# Every metric is at least 0; every metric except this one is at most 1.
_UNBOUNDED = "log_loss"


@dataclass(frozen=True)
class Resampled:
    """The metrics of one model: on all vehicles, and on the resamples in shape (repetitions, len(METRICS))."""

    metrics: Metrics
    samples: Floats


def metric_rows(old: Resampled, new: Resampled, base_rate: Metrics, level: float, rarer: int) -> tuple[Row, ...]:
    """Return one row per metric of METRICS.

    Args:
        old, new: the reference and the candidate.
        base_rate: metrics of always predicting the base rate.
        level: confidence level of the intervals.
        rarer: number of vehicles of the rarer class.
    """
    return tuple(_row(name, old, new, base_rate[name], level, rarer) for name in METRICS)


def with_cautious_intervals(table: tuple[Row, ...], rarer: int, level: float) -> tuple[Row, ...]:
    """Return the table without intervals of zero width, and with the conservative interval of the ROC AUC."""
    return tuple(_cautious(row, rarer, level) for row in table)


def rows_by_metric(table: tuple[Row, ...]) -> Mapping[str, Row]:
    """Return the rows by metric name."""
    return {row.metric: row for row in table}


def improved(row: Row) -> bool | None:
    """Return True if the interval of the difference shows an improvement, False if a deterioration, else None."""
    if row.low is None or row.high is None or row.low <= 0 <= row.high:
        return None
    return (row.high < 0) if row.metric in LESS_IS_BETTER else (row.low > 0)


def _row(metric: str, old: Resampled, new: Resampled, base_rate: float | None, level: float, rarer: int) -> Row:
    column = METRICS.index(metric)
    before, after = old.metrics[metric], new.metrics[metric]
    interval_of_new = None if after is None else interval(new.samples[:, column], after, level, rarer)
    interval_of_difference, difference = None, None
    if before is not None and after is not None:
        difference = after - before
        samples = new.samples[:, column] - old.samples[:, column]
        interval_of_difference = interval(samples, difference, level, rarer)
    low, high = interval_of_difference or (None, None)
    new_low, new_high = interval_of_new or (None, None)
    if new_low is not None and new_high is not None:
        new_low, new_high = max(new_low, 0.0), new_high if metric == _UNBOUNDED else min(new_high, 1.0)
    return Row(metric, before, after, difference, low, high, new_low, new_high, base_rate)


def _cautious(row: Row, rarer: int, level: float) -> Row:
    if row.low == row.high:
        row = replace(row, low=None, high=None)
    if row.new_low == row.new_high:
        row = replace(row, new_low=None, new_high=None)
    if row.metric == "roc_auc" and row.new is not None:
        low, high = cautious_auc_interval(row.new, rarer, level)
        row = replace(row, new_low=low, new_high=high)
    return row
