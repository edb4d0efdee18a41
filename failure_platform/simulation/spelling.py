"""How the simulated uploads spell what they hold: arrays to columns of text.

Belongs here: the one spelling of texts, counts and times that resultados, falhas and status share.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def texts(values: NDArray[np.object_]) -> pa.Array:
    """A column of texts; None is an empty cell."""
    return pa.array(values, pa.string())


def picked(values: NDArray[np.generic], positions: NDArray[np.int64]) -> pa.Array:
    """The texts of `values` at each position: spelled once, repeated by Arrow."""
    spelled = [None if value is None else str(value) for value in values.tolist()]
    return pa.array(spelled, pa.string()).take(pa.array(positions))


def moments(times: NDArray[np.datetime64]) -> pa.Array:
    """`YYYY-MM-DD HH:MM:SS`, with `.mmm` for times in milliseconds."""
    return pc.cast(pa.array(times), pa.string())
