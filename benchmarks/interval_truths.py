"""Models whose metrics are known, for the coverage of intervals, and what one comparison of them shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

import verdict_pairs as simulated
from failure_platform.domain.comparison.bounded import LARGEST
from failure_platform.domain.comparison.comparing import compare
from failure_platform.domain.comparison.holdout import Labels, ModelScores
from failure_platform.domain.comparison.result import Row
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.metrics import measure

METRICS = ("roc_auc", "average_precision", "recall", "precision", "f1", "log_loss", "brier")
_POPULATION = 1_000_000
_THRESHOLD = 0.2
Pair = tuple[ModelScores | None, ModelScores]  # production (None: nothing is in production), candidate


@dataclass(frozen=True)
class Models:
    """A kind of pair: its description, and what creates it from labels and a random generator."""

    text: str
    pair: Callable[[Labels, np.random.Generator], Pair]


@dataclass(frozen=True)
class Coverage:
    """What the intervals of one metric in one comparison show; None where there is no interval.

    Attributes:
        value_held, difference_held: whether the interval of the candidate's value, and that of the difference, hold
            the truth.
        width, difference_width: of these intervals.
        impossible: whether an interval leaves the range of the metric, misses its own estimate, or contradicts the
            interval of the value.
    """

    value_held: bool | None
    difference_held: bool | None
    width: float | None
    difference_width: float | None
    impossible: bool


def _alone(strength: float) -> Callable[[Labels, np.random.Generator], Pair]:
    def pair(y: Labels, rng: np.random.Generator) -> Pair:
        (model,) = simulated.models(y, (strength,), 0.0, rng)
        return None, ModelScores(model.p, _THRESHOLD)

    return pair


def _two(old: float, new: float) -> Callable[[Labels, np.random.Generator], Pair]:
    def pair(y: Labels, rng: np.random.Generator) -> Pair:
        production, candidate = simulated.models(y, (old, new), 0.8, rng)
        return ModelScores(production.p, _THRESHOLD), ModelScores(candidate.p, _THRESHOLD)

    return pair


def _guessing(y: Labels, rng: np.random.Generator) -> Pair:
    return None, ModelScores(simulated.guessing(y, rng).p, simulated.FAILURE_RATE)


MODELS = {
    "guessing": Models("a model that knows nothing, and the base rate", _guessing),
    "alone": Models("ROC AUC 0.80, and the base rate", _alone(1.2)),
    "strong": Models("ROC AUC 0.98, and the base rate", _alone(3.0)),
    "two": Models("ROC AUC 0.80 in production, then 0.86, noise correlated 0.8", _two(1.2, 1.5)),
}


def coverage(name: str, failures: int, resamples: int, seed: int) -> Mapping[str, Coverage]:
    """Compare one pair and return what its intervals show, by metric."""
    rng = np.random.default_rng([seed, failures])
    vehicles = simulated.vehicles(failures, rng)
    production, candidate = MODELS[name].pair(vehicles["label"].to_numpy(), rng)
    settings = ComparisonSettings(repetitions=resamples, seed=seed)
    table = compare(vehicles, candidate, production, simulated.FAILURE_RATE, 1, settings).table
    old, new = _truth(name)
    return {
        row.metric: _coverage(row, old[row.metric], new[row.metric], constant=production is None)
        for row in table
        if row.metric in METRICS
    }


@cache
def _truth(name: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the metrics of both models on so many vehicles that chance no longer matters."""
    rng = np.random.default_rng(0)
    y = (np.arange(_POPULATION) < simulated.FAILURE_RATE * _POPULATION).astype(np.int8)
    production, candidate = MODELS[name].pair(y, rng)
    base_rate = ModelScores(np.full(len(y), simulated.FAILURE_RATE), threshold=np.inf)
    both = [measure(y, model.p, model.threshold) for model in (production or base_rate, candidate)]
    old, new = ({metric: float(value) for metric, value in one.items() if value is not None} for one in both)
    return old, new


def _coverage(row: Row, old: float, new: float, constant: bool) -> Coverage:
    impossible = False
    value_held = difference_held = width = difference_width = None
    if row.new is not None and row.new_low is not None and row.new_high is not None:
        value_held, width = row.new_low <= new <= row.new_high, row.new_high - row.new_low
        impossible |= not 0 <= row.new_low <= row.new <= row.new_high <= LARGEST[row.metric] + 1e-12
    if row.difference is not None and row.low is not None and row.high is not None:
        difference_held, difference_width = row.low <= new - old <= row.high, row.high - row.low
        impossible |= not -LARGEST[row.metric] <= row.low <= row.difference <= row.high <= LARGEST[row.metric]
        if constant and row.metric == "roc_auc" and row.new_low is not None:
            # The base rate has a ROC AUC of exactly 0.5, so both intervals say the same.
            impossible |= not np.allclose([row.low, row.high], [row.new_low - 0.5, (row.new_high or 0) - 0.5])
    return Coverage(value_held, difference_held, width, difference_width, impossible)
