"""Kinds of simulated pairs of models, the outcomes that are wrong for each, and how often these are allowed."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

import verdict_pairs as simulated
from failure_platform.domain.comparison.comparing import compare
from failure_platform.domain.comparison.holdout import Labels, ModelScores
from failure_platform.domain.comparison.result import Comparison
from failure_platform.domain.comparison.settings import ComparisonSettings

Pair = tuple[ModelScores | None, ModelScores]  # production (None: nothing is in production), candidate
_STRENGTH = 1.2
_CANDIDATES = 10
# Vehicles that an isotonic calibration is fitted on. With 3,000 the ties of its steps cost the model 0.006 average
# precision, so that it was no longer equally good; with this number, 0.001.
_CALIBRATED_ON = 20_000
ERROR = 0.05


@dataclass(frozen=True)
class Truth:
    """A kind of pair.

    Attributes:
        text: description of what is true.
        pair: creates a pair from labels and a random generator.
        wrong: outcomes that contradict the truth; `limit` is their allowed rate.
        sizes: numbers of failures among the compared vehicles.
    """

    text: str
    pair: Callable[[Labels, np.random.Generator], Pair]
    wrong: frozenset[str]
    sizes: tuple[int, ...] = (50, 100, 400)
    limit: float = ERROR


def _calibrated(y: Labels, rng: np.random.Generator) -> Pair:
    production, candidate = simulated.models(y, (_STRENGTH, _STRENGTH), 0.8, rng)
    return simulated.stepped(production, _STRENGTH, _CALIBRATED_ON, rng), simulated.sharpened(candidate, 1.3)


def _models(old: float, new: float, correlation: float = 0.8) -> Callable[[Labels, np.random.Generator], Pair]:
    def pair(y: Labels, rng: np.random.Generator) -> Pair:
        production, candidate = simulated.models(y, (old, new), correlation, rng)
        return production, candidate

    return pair


def _guessing(y: Labels, rng: np.random.Generator) -> Pair:
    return None, simulated.guessing(y, rng)


def _guessing_in_steps(y: Labels, rng: np.random.Generator) -> Pair:
    return None, simulated.stepped(simulated.guessing(y, rng), 0.1, _CALIBRATED_ON, rng)


def _guessing_against_a_model(y: Labels, rng: np.random.Generator) -> Pair:
    (production,) = simulated.models(y, (_STRENGTH,), 0.0, rng)
    return production, simulated.guessing(y, rng)


_BETTER, _USABLE = frozenset({"better"}), frozenset({"better", "no_evidence", "worse"})
_MISSED = frozenset({"worse", "no_signal"})
TRUTHS = {
    "equal": Truth("equally good, noise correlated 0.8", _models(_STRENGTH, _STRENGTH), _BETTER),
    "unlike": Truth("equally good, noise correlated 0.3", _models(_STRENGTH, _STRENGTH, 0.3), _BETTER, sizes=(50, 100)),
    "calibrated": Truth("equally good; old in steps of an isotonic calibration, new too bold", _calibrated, _BETTER),
    "no_signal": Truth("new knows nothing, nothing in production", _guessing, _USABLE),
    "no_signal_steps": Truth(
        "the same in steps of an isotonic calibration", _guessing_in_steps, _USABLE, sizes=(50, 100)
    ),
    "no_signal_production": Truth("new knows nothing, old does", _guessing_against_a_model, _USABLE, sizes=(50, 100)),
    "worse": Truth("new is worse: ROC AUC 0.86, then 0.80", _models(1.5, 1.2), _BETTER, sizes=(50, 100)),
    "better": Truth(
        "new is better: ROC AUC 0.80, then 0.83; average precision 0.36, then 0.42", _models(1.2, 1.35), _MISSED
    ),
    "much_better": Truth(
        "new is better: ROC AUC 0.80, then 0.86; average precision 0.36, then 0.48", _models(1.2, 1.5), _MISSED
    ),
}


def compared(truth: Truth, failures: int, seed: int, resamples: int) -> Comparison:
    """Compare one pair; the same arguments give the same comparison."""
    rng = np.random.default_rng([seed, failures])
    vehicles = simulated.vehicles(failures, rng)
    production, candidate = truth.pair(vehicles["label"].to_numpy(), rng)
    settings = ComparisonSettings(repetitions=resamples, seed=seed)
    return compare(vehicles, candidate, production, simulated.FAILURE_RATE, 1, settings)


def any_better(failures: int, seed: int, resamples: int) -> bool:
    """Compare as many equal candidates as the budget allows; return whether any of them is called better."""
    rng = np.random.default_rng([seed, failures])
    vehicles = simulated.vehicles(failures, rng)
    y = vehicles["label"].to_numpy()
    production, *candidates = simulated.models(y, (_STRENGTH,) * (1 + _CANDIDATES), 0.5, rng)
    settings = ComparisonSettings(repetitions=resamples, seed=seed, most_uses=_CANDIDATES)
    outcomes = (
        compare(vehicles, candidate, production, simulated.FAILURE_RATE, uses, settings).verdict.outcome
        for uses, candidate in enumerate(candidates, start=1)
    )
    return "better" in outcomes


def counted(comparisons: Iterable[Comparison]) -> Counter[str]:
    """Count the outcomes, and under `slice` the comparisons with a slice flagged as worse."""
    counts: Counter[str] = Counter()
    for one in comparisons:
        counts[one.verdict.outcome] += 1
        counts["slice"] += one.worst_slice is not None and one.worst_slice.worse
    return counts


def share(counts: Counter[str], outcomes: frozenset[str], pairs: int) -> float:
    """Return the share of pairs with one of some outcomes."""
    return sum(counts[outcome] for outcome in outcomes) / pairs
