"""A made-up plant for the training tests: a wide frame in which failures have known causes."""

import numpy as np
import pandas as pd

from support.modelling_lake import HOUR, T0


def plant(vehicles: int = 1200, noise: int = 40, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A frame in which failures depend on a straight line, a window and a count, and the true probabilities."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(vehicles, noise + 2)).astype(np.float32)
    nok = rng.poisson(0.2, vehicles).astype(np.float32)
    p = 1 / (1 + np.exp(-(-3.6 + 1.1 * x[:, 0] + 1.8 * (np.abs(x[:, 1]) > 1.3) + 1.3 * nok)))
    x[rng.random(x.shape) < 0.02] = np.nan
    asked = pd.to_datetime(T0) + np.arange(vehicles) * HOUR
    facts = pd.DataFrame(
        {
            "KNR": [f"2024-02{i:05d}" for i in rng.permutation(vehicles)],
            "predicted_at": asked,
            "label": pd.array((rng.random(vehicles) < p).astype(int), dtype="Int8"),
            "label_reason": None,
            "last_row_at": asked - HOUR,
        }
    )
    features = pd.DataFrame(x, columns=[f"value:2:{i:06d}:0" for i in range(noise + 2)])
    return pd.concat([facts, features.assign(**{"nok:2:041001": nok})], axis=1), p
