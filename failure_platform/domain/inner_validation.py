"""The choice among settings: time-ordered validation inside the training side.

What belongs here: out-of-fold predictions, the choice, and the decision threshold that follows from them.
What does not: which settings there are (families), the final fit (training).

The choice is by log loss over all out-of-fold vehicles: it is a proper score, so it rewards ranking and honest
probabilities together, and unlike average precision it uses every vehicle, not only the few that failed.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve
from sklearn.pipeline import Pipeline

from failure_platform.domain.families import Setting, front_steps, tail_steps
from failure_platform.domain.metrics import log_losses, measure
from failure_platform.domain.split import Rows

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
# Trees are counted in steps: log loss as a function of their number is flat, and every step costs a prediction.
_ROUNDS_STEP = 10


@dataclass(frozen=True)
class Tried:
    """One setting, with its best number of trees, and its figures over the out-of-fold vehicles."""

    family: str
    setting: dict[str, Any]
    log_loss: float
    roc_auc: float | None
    average_precision: float | None
    seconds: float


@dataclass(frozen=True)
class Validation:
    """What the inner validation found.

    Attributes:
        chosen: the setting with the least log loss.
        tried: every setting, in the order tried.
        y: labels of the out-of-fold vehicles, shape (vehicles,).
        p: what the chosen setting says of them, shape (vehicles,).
        base_rate_log_loss: log loss of saying, in each fold, the failure rate of its older part.
    """

    chosen: Setting
    tried: tuple[Tried, ...]
    y: Labels
    p: Floats
    base_rate_log_loss: float


def varying(x: pd.DataFrame) -> list[str]:
    """Return the columns that hold at least two different values."""
    values = x.to_numpy()
    if not len(values):
        return []
    differs = np.fmax.reduce(values, axis=0) > np.fmin.reduce(values, axis=0)
    return [str(name) for name in x.columns[differs]]


def validate(
    x: pd.DataFrame, y: Labels, folds: Sequence[tuple[Rows, Rows]], choices: Sequence[Setting], seed: int
) -> Validation:
    """Fit every setting on the older part of every fold, let it judge the newer part, and choose.

    Args:
        x: features, shape (vehicles, features).
        y: labels, both classes present in the fit rows of every fold.
        folds: (fit rows, judged rows), at least one.
        choices: settings to try, at least one.
        seed: of everything random.
    """
    judged = np.concatenate([y[judge] for _, judge in folds])
    rates = np.concatenate([np.full(len(judge), y[fit].mean()) for fit, judge in folds])
    said: dict[Setting, dict[int, list[Floats]]] = {choice: {} for choice in choices}
    seconds = dict.fromkeys(choices, 0.0)
    for fit, judge in folds:
        columns = varying(x.iloc[fit])
        for front in dict.fromkeys(choice.front for choice in choices):
            shared = [choice for choice in choices if choice.front == front]
            started = time.perf_counter()
            prepare = Pipeline(front_steps(front, len(fit), seed))
            old = prepare.fit_transform(x[columns].iloc[fit])
            new = prepare.transform(x[columns].iloc[judge])
            preparing = (time.perf_counter() - started) / len(shared)
            for choice in shared:
                started = time.perf_counter()
                for rounds, p in _say(old, y[fit], new, choice, seed).items():
                    said[choice].setdefault(rounds, []).append(p)
                seconds[choice] += preparing + time.perf_counter() - started
    best = {choice: _best_rounds(judged, choice, said[choice]) for choice in choices}
    tried = tuple(_tried(judged, *best[choice], seconds[choice]) for choice in choices)
    chosen, p = best[choices[int(np.argmin([one.log_loss for one in tried]))]]
    return Validation(chosen, tried, judged, p, float(log_losses(judged, rates).mean()))


def best_f1_threshold(y: Labels, p: Floats) -> float:
    """Return the probability from which alarming gives the best F1 on these out-of-fold vehicles.

    Without a failure among them nothing can be chosen, and nothing is alarmed below certainty (1.0).
    """
    if not y.any():
        return 1.0
    precision, recall, thresholds = precision_recall_curve(y, p)
    hits = precision[:-1] * recall[:-1]
    f1 = np.divide(2 * hits, precision[:-1] + recall[:-1], out=np.zeros_like(hits), where=hits > 0)
    return float(thresholds[int(np.argmax(f1))])


def _say(old: Any, y: Labels, new: Any, choice: Setting, seed: int) -> dict[int, Floats]:
    """Return what the setting says of the newer part, by number of trees (0 for what has none)."""
    tail = Pipeline(tail_steps(choice, seed)).fit(old, y)
    if choice.growth is None:
        return {0: tail.predict_proba(new)[:, 1]}
    screened = tail[:-1].transform(new) if len(tail) > 1 else new
    stages = enumerate(tail[-1].staged_predict_proba(screened), start=1)
    return {rounds: p[:, 1].copy() for rounds, p in stages if rounds % _ROUNDS_STEP == 0}


def _best_rounds(y: Labels, choice: Setting, said: dict[int, list[Floats]]) -> tuple[Setting, Floats]:
    """Return the setting with the number of trees of least log loss, and what it says."""
    pooled = {rounds: np.concatenate(parts) for rounds, parts in said.items()}
    rounds = min(pooled, key=lambda key: (float(log_losses(y, pooled[key]).mean()), key))
    growth = None if choice.growth is None else replace(choice.growth, rounds=rounds)
    return replace(choice, growth=growth), pooled[rounds]


def _tried(y: Labels, setting: Setting, p: Floats, seconds: float) -> Tried:
    figures = measure(y, p, threshold=1.0)
    return Tried(
        family=setting.family,
        setting=asdict(setting),
        log_loss=float(log_losses(y, p).mean()),
        roc_auc=figures["roc_auc"],
        average_precision=figures["average_precision"],
        seconds=seconds,
    )
