"""Conversion of arrays to the text columns that simulated resultados, falhas and status share."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def text_column(values: NDArray[np.object_]) -> pa.Array:
    """Return a column of texts; None is an empty cell."""
    return pa.array(values, pa.string())


def taken_texts(values: NDArray[np.generic], positions: NDArray[np.int64]) -> pa.Array:
    """Return the texts of `values` at each position; each value is formatted once and then taken by Arrow."""
    formatted = [None if value is None else str(value) for value in values.tolist()]
    return pa.array(formatted, pa.string()).take(pa.array(positions))


def timestamps(times: NDArray[np.datetime64]) -> pa.Array:
    """Return times as `YYYY-MM-DD HH:MM:SS`, with `.mmm` for times in milliseconds."""
    return pc.cast(pa.array(times), pa.string())
