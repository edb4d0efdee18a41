"""Presence of a test as a feature, for tests whose value never varies: that they were recorded is all they can tell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_PRESENT, _VALUE = "present:", "value:"


def presence_names(x: pd.DataFrame) -> list[str]:
    """Return the feature `present` of each value that is the same wherever it is known, and not known everywhere.

    Args:
        x: features of the training data, shape (vehicles, features); other features than values are ignored.
    """
    names = [str(name) for name in x.columns if str(name).startswith(_VALUE)]
    values = x[names].to_numpy()
    if not values.size:
        return []
    known = ~np.isnan(values)
    single = np.fmax.reduce(values, axis=0) == np.fmin.reduce(values, axis=0)
    chosen = np.flatnonzero(single & ~known.all(axis=0))
    return [_PRESENT + names[position].removeprefix(_VALUE) for position in chosen]


def with_presence(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the frame with those of the features `present` that it lacks and has the values for, float32, 0 or 1."""
    added: dict[str, NDArray[np.float32]] = {}
    for name in names:
        value = _VALUE + name.removeprefix(_PRESENT)
        if name.startswith(_PRESENT) and name not in frame.columns and value in frame.columns:
            added[name] = frame[value].notna().to_numpy().astype(np.float32)
    return frame if not added else pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1)
