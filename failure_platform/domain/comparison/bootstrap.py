"""How far figures could have come out otherwise: the paired bootstrap over vehicles.

What belongs here: drawing vehicles again and again. What does not: the figures of a draw (weighted), and the intervals
that follow (intervals).

Vehicles are drawn with replacement, the same draw for every model (paired), and not stratified: how many failures a
period holds is chance as well, and average precision, log loss and Brier score depend on it. Efron and Tibshirani, An
Introduction to the Bootstrap, chapters 8 and 13.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from failure_platform.domain.comparison.holdout import Floats
from failure_platform.domain.comparison.weighted import Figures

# Vehicles x draws worked on at once; bounds memory at some 200 MB whatever the number of vehicles.
_CELLS_AT_ONCE = 2_000_000


def resample(figures: Sequence[Figures], vehicles: int, repetitions: int, seed: int) -> list[Floats]:
    """Return each of the figures on every resample, in shape (repetitions, as many as it gives).

    A figure that a resample does not define (no failure drawn) is NaN there, for every model alike.
    """
    blocks = [[figure(weights) for figure in figures] for weights in _draws(vehicles, repetitions, seed)]
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def _draws(vehicles: int, repetitions: int, seed: int) -> Iterator[Floats]:
    """Yield how often each vehicle is drawn, in shape (vehicles, draws), until there are `repetitions` draws."""
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // max(vehicles, 1))
    for begin in range(0, repetitions, block):
        draws = min(block, repetitions - begin)
        drawn = rng.integers(0, vehicles, size=(draws, vehicles)) + np.arange(draws)[:, None] * vehicles
        counts = np.bincount(drawn.ravel(), minlength=draws * vehicles).reshape(draws, vehicles)
        yield np.ascontiguousarray(counts.T, dtype=np.float64)
