"""Near-certain rules: a value, or the presence of a code, after which nearly every vehicle failed.

One flag for each way to fail tells little of the outcome alone; together such flags are the outcome. Rules are chosen
in four fifths of the periods and counted in the others, five times, so that a group of rules is judged by vehicles that
had no part in its choice (cross-fitting: Chernozhukov et al., The Econometrics Journal 21, 2018).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from failure_platform.domain.leaks.evidence import Flags, Floats, share_lower_bound

# A feature with more values than this is a measurement; with fewer, each value is a rule of its own.
_MAX_LEVELS = 20
_SAMPLE = 2_000
# Share of the vehicles under a rule that failed: where it is chosen, and where it is counted.
_CHOSEN, _PRECISION = 0.9, 0.95
# Cautiously, a group is wrong at most this often, and at most this part of what guessing "failed" would be.
_WRONG, _WRONG_OF_BASE = 0.15, 0.15
_FEWEST = 3
_FOLDS = 5


@dataclass(frozen=True)
class Rule:
    """Vehicles whose value of one column lies from `low` to `high`, both included; NaN lies nowhere.

    Attributes:
        column: position of the feature.
        low, high: the values; infinite: no limit.
        covered, failed: vehicles under the rule where it was not chosen, and how many of them failed.
    """

    column: int
    low: float
    high: float
    covered: int
    failed: int


@dataclass(frozen=True)
class RuleGroup:
    """Rules that are near-certain together.

    Attributes:
        rules: those that are near-certain alone too, the most failed vehicles first.
        covered, failed: vehicles under any rule where it was not chosen, and how many of them failed.
        failures: all failed vehicles.
        coverage: lower confidence bound of the share of the failed vehicles that are under a rule.
    """

    rules: tuple[Rule, ...]
    covered: int
    failed: int
    failures: int
    coverage: float


@dataclass(frozen=True)
class _Condition:
    column: int
    low: float
    high: float
    side: str  # which rule of the column this is, whatever the limit that was chosen

    def of(self, values: Floats) -> Flags:
        return (values >= self.low) & (values <= self.high)


Conditions = Callable[[Flags], Iterator[_Condition]]
Column = Callable[[int], Floats]


def levels(column: Column, columns: Sequence[int], failed: Flags) -> Conditions:
    """Return the candidate rules "the value is ..." of columns that have few values, but more than one."""
    few = [(i, values) for i in columns if _has_few_values(values := column(i))]
    tables = [
        (i, codes, values) for i, (codes, values) in ((i, _levels(values)) for i, values in few) if len(values) > 1
    ]
    number = max(1, sum(len(values) for _, _, values in tables))

    def chosen(rows: Flags) -> Iterator[_Condition]:
        for i, codes, values in tables:
            every = np.bincount(codes[rows] + 1, minlength=len(values) + 1)[1:]
            hits = np.bincount(codes[rows & failed] + 1, minlength=len(values) + 1)[1:]
            # Among the vehicles with a value: that there is one may well say something, and is no matter of the value.
            base = float(hits.sum() / max(every.sum(), 1))
            for level in np.flatnonzero(_good(hits, every, base, number)):
                yield _Condition(i, values[level], values[level], f"{values[level]}")

    return chosen


def tails(column: Column, columns: Sequence[int], failed: Flags, number: int) -> Conditions:
    """Return the candidate rules "the value is at least ..." and "at most ..." of columns that have many values.

    Args:
        column: returns the values of a column.
        columns: positions of those that come into question.
        failed: shape (vehicles,).
        number: how many columns these were taken from, for the correction.
    """

    def chosen(rows: Flags) -> Iterator[_Condition]:
        for i in columns:
            values = column(i)
            if _has_few_values(values):
                continue
            known = rows & ~np.isnan(values)
            base = float(failed[known].mean()) if known.any() else 0.0
            for sign, side in ((1, "at least"), (-1, "at most")):
                limit = _limit(sign * values[known], failed[known], base, 2 * number)
                if limit is not None:
                    low, high = (limit, np.inf) if sign == 1 else (-np.inf, -limit)
                    yield _Condition(i, low, high, side)

    return chosen


def presences(present: Flags, columns: Sequence[int], failed: Flags, number: int) -> Conditions:
    """Return the candidate rules "there is a value"; `present` has shape (columns, vehicles) and counts as 1 or 0."""

    def chosen(rows: Flags) -> Iterator[_Condition]:
        base = float(failed[rows].mean())
        for i in columns:
            every, hits = np.array([present[i][rows].sum()]), np.array([present[i][rows & failed].sum()])
            if _good(hits, every, base, number)[0]:
                yield _Condition(i, 1.0, 1.0, "present")

    return chosen


def group(chosen: Conditions, column: Column, failed: Flags, period: NDArray[np.int64], alpha: float) -> RuleGroup:
    """Choose rules in all periods but every fifth, count them in these, and so on for every period.

    Args:
        chosen: returns the candidate rules of some vehicles.
        column: returns the values of a column, shape (vehicles,).
        failed, period: shape (vehicles,).
        alpha: level of the bound.

    Returns:
        the group; without rules where it is not near-certain.
    """
    union = np.zeros(len(failed), dtype=np.bool_)
    counts: dict[tuple[int, str], tuple[_Condition, int, int]] = {}
    for fold in range(_FOLDS):
        here = period % _FOLDS != fold
        if here.all() or not failed[here].any():
            continue
        for rule in chosen(here):
            under = rule.of(column(rule.column)) & ~here
            union |= under
            _, covered, hits = counts.get((rule.column, rule.side), (rule, 0, 0))
            counts[rule.column, rule.side] = (rule, covered + int(under.sum()), hits + int((under & failed).sum()))
    covered, hits, failures = int(union.sum()), int((union & failed).sum()), int(failed.sum())
    coverage = float(share_lower_bound(np.array([hits / failures]), np.array([float(failures)]), alpha)[0])
    rules = [
        Rule(rule.column, rule.low, rule.high, under, bad)
        for rule, under, bad in counts.values()
        if bad >= _FEWEST and bad >= _PRECISION * under
    ]
    rules.sort(key=lambda rule: (-rule.failed, rule.column, rule.low))
    if hits < _PRECISION * covered or _precision_bound(hits, covered, alpha) < _least(float(failed.mean())):
        rules = []
    return RuleGroup(tuple(rules), covered, hits, failures, coverage)


def _least(base: float) -> float:
    """Return the precision that a near-certain group has at least, by its lower bound, at this failure rate."""
    return 1 - min(_WRONG, _WRONG_OF_BASE * (1 - base))


def _precision_bound(hits: int, covered: int, alpha: float) -> float:
    trials = max(covered, 1)
    return float(share_lower_bound(np.array([hits / trials]), np.array([float(trials)]), alpha)[0])


def _good(hits: NDArray[np.int64], every: NDArray[np.int64], base: float, number: int) -> Flags:
    """Return which rules come into question: nearly always right, often enough, and not by chance."""
    by_chance = binom.sf(hits - 1, every, base) * number
    return np.asarray((hits >= _FEWEST) & (hits >= _CHOSEN * every) & (by_chance < 0.01), dtype=np.bool_)


def _limit(values: Floats, failed: Flags, base: float, number: int) -> float | None:
    """Return a limit above which nearly every vehicle failed, or None.

    Of the vehicles in a row above the limit, the last ones too fail nearly always: with more vehicles than that, the
    rule would be as good as asked for here and worse elsewhere.
    """
    order = np.argsort(-values, kind="stable")
    ordered, hits = values[order], np.cumsum(failed[order], dtype=np.int64)
    every = np.arange(1, len(values) + 1)
    if not len(values):
        return None
    last_of_ties = np.append(ordered[1:] != ordered[:-1], True)
    end = int(np.argmax(np.where(last_of_ties, hits - _PRECISION * every, -np.inf)))
    return float(ordered[end]) if _good(hits[[end]], every[[end]], base, number)[0] else None


def _has_few_values(values: Floats) -> bool:
    def few(some: Floats) -> bool:
        return len(pd.unique(some[~np.isnan(some)])) <= _MAX_LEVELS

    return few(values[:_SAMPLE]) and few(values)


def _levels(values: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return the number of each vehicle's value (-1: NaN), and the values."""
    codes, known = pd.factorize(values)
    return codes.astype(np.int64), np.asarray(known, dtype=np.float64)
