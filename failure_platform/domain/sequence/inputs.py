"""Encodes the cells of a sequence for the network: tests as positions in a vocabulary, numbers on a common scale."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.features.sequences import CHANNELS

Floats = NDArray[np.float32]
# Per step: value on its test's scale, whether there is a value, whether the verdict was NOK, log hours.
NUMBERS = 4
# Positions in the vocabulary before the known tests: padding (a step without a row), and out-of-vocabulary tests.
NO_ROW, OTHER_TEST, FIRST_TEST = 0, 1, 2
_NOK = 13
# Scaled values are clipped here; beyond, the distance carries no further information.
_FARTHEST = 8.0
_QUARTILES = np.array([0.25, 0.5, 0.75])
# The interquartile range of a normal distribution, in standard deviations.
_NORMAL_IQR = np.float32(1.349)


@dataclass(frozen=True)
class Scales:
    """The vocabulary and the scales, fitted on the training part.

    Attributes:
        codes: the known tests, ascending, shape (tests,).
        centre: median of each test's values, then the median over all other tests; shape (tests + 1,).
        spread: interquartile range as a standard deviation (that of a normal distribution), likewise.
        hours: mean and standard deviation of ln(1 + hours), shape (2,).
    """

    codes: Floats
    centre: Floats
    spread: Floats
    hours: Floats


def fit_scales(x: Floats, rarest: int) -> Scales:
    """Return the vocabulary and the scales of the training part.

    Args:
        x: cells in the order of `sequences.sequence_names`, shape (vehicles, 4 x steps), NaN where there is none.
        rarest: minimal number of rows of a test in the vocabulary.
    """
    test, _, value, hours = _channels(x)
    rows = pd.DataFrame({"test": test.ravel(), "value": value.ravel()}).dropna(subset="test")
    counts = rows["test"].value_counts()
    codes = np.sort(counts.index[counts >= rarest].to_numpy())
    # inf stands for all other tests together.
    grouped = rows["value"].groupby(rows["test"].where(rows["test"].isin(codes), np.inf))
    quartiles = grouped.quantile(_QUARTILES).unstack().reindex(index=[*codes, np.inf], columns=_QUARTILES)
    low, centre, high = quartiles.fillna(0.0).to_numpy(dtype=np.float32).T
    late = np.log1p(hours[~np.isnan(hours)])
    mean, deviation = (late.mean(), late.std()) if len(late) else (np.float32(0), np.float32(1))
    return Scales(
        codes=codes.astype(np.float32),
        centre=centre,
        spread=_or_one((high - low) / _NORMAL_IQR),
        hours=np.append(mean, _or_one(deviation)),
    )


def encode(x: Floats, scales: Scales) -> tuple[NDArray[np.int64], Floats]:
    """Return positions in the vocabulary, shape (vehicles, steps), and numbers, shape (vehicles, steps, NUMBERS).

    The oldest row is first; it is preceded by padding with zeros.
    """
    test, status, value, hours = (channel[:, ::-1] for channel in _channels(x))
    others = len(scales.codes)
    place = np.searchsorted(scales.codes, test)
    known = np.append(scales.codes, np.float32(np.nan))[place] == test
    place = np.where(known, place, others)
    position = np.where(np.isnan(test), NO_ROW, np.where(known, place + FIRST_TEST, OTHER_TEST))
    scaled = np.clip((value - scales.centre[place]) / scales.spread[place], -_FARTHEST, _FARTHEST)
    mean, deviation = scales.hours
    numbers = [scaled, ~np.isnan(value), status == _NOK, (np.log1p(hours) - mean) / deviation]
    return position, np.nan_to_num(np.stack(numbers, axis=2, dtype=np.float32))


def _channels(x: Floats) -> tuple[Floats, ...]:
    """Return test, status, value and hours, each of shape (vehicles, steps), newest row first."""
    return tuple(x[:, channel :: len(CHANNELS)] for channel in range(len(CHANNELS)))


def _or_one(spread: Floats | np.float32) -> Floats:
    """Return the spreads, with 1 in place of 0."""
    return np.where(spread > 0, spread, 1).astype(np.float32)
