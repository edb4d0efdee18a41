"""The table of a comparison: every figure old, new, difference and interval, with the base rate's beside them.

What belongs here: one row per figure, from the figures on all vehicles and on the resamples. What does not: what the
rows allow to say (verdict).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.comparison.resampling import cautious_auc_interval, interval
from failure_platform.domain.comparison.values import Row
from failure_platform.domain.metrics import LESS_IS_BETTER, METRICS, Metrics

# All figures are at least 0, and all others at most 1.
_WITHOUT_LIMIT = "log_loss"


@dataclass(frozen=True)
class Resampled:
    """The figures of one model: on all vehicles, and on the resamples in shape (repetitions, figures of METRICS)."""

    figures: Metrics
    samples: Floats


def rows(old: Resampled, new: Resampled, base_rate: Metrics, level: float, rarer: int) -> tuple[Row, ...]:
    """Return one row per figure of METRICS, with intervals of the level; `rarer`: vehicles of the rarer class."""
    return tuple(_row(name, old, new, base_rate[name], level, rarer) for name in METRICS)


def of_few(table: tuple[Row, ...], rarer: int, level: float) -> tuple[Row, ...]:
    """Return the table without intervals of no width, and with the cautious one of the ROC AUC."""
    return tuple(_cautious(row, rarer, level) for row in table)


def by_metric(table: tuple[Row, ...]) -> Mapping[str, Row]:
    """Return the rows by the name of their figure."""
    return {row.metric: row for row in table}


def improved(row: Row) -> bool | None:
    """Return whether the whole interval of the difference speaks for the candidate; None when it does not say."""
    if row.low is None or row.high is None or row.low <= 0 <= row.high:
        return None
    return (row.high < 0) if row.metric in LESS_IS_BETTER else (row.low > 0)


def _row(metric: str, old: Resampled, new: Resampled, base_rate: float | None, level: float, rarer: int) -> Row:
    place = METRICS.index(metric)
    before, after = old.figures[metric], new.figures[metric]
    own = None if after is None else interval(new.samples[:, place], after, level, rarer)
    between, difference = None, None
    if before is not None and after is not None:
        difference = after - before
        between = interval(new.samples[:, place] - old.samples[:, place], difference, level, rarer)
    low, high = between or (None, None)
    new_low, new_high = own or (None, None)
    if new_low is not None and new_high is not None:
        new_low, new_high = max(new_low, 0.0), new_high if metric == _WITHOUT_LIMIT else min(new_high, 1.0)
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
