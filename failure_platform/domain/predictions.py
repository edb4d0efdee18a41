"""The predictions table: its columns, and its rows from vehicles and their probabilities."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.model_version import ModelVersion

PREDICTION_COLUMNS = {
    "KNR": "vehicle",
    "predicted_at": "time of its prediction point",
    "probability": "that it fails within the target's horizon, 0 to 1",
    "alarm": "probability at or above the version's threshold",
    "threshold": "the version's threshold, chosen on its training side",
    "version": "the model version that says so",
    "trained_on": "the model may have seen this vehicle's outcome: no evidence of its quality",
    "outcome": "1 failed, 0 did not, empty: not known",
}


def predictions_of(vehicles: pd.DataFrame, probability: NDArray[np.float64], version: ModelVersion) -> pd.DataFrame:
    """Return one row per vehicle with the columns of PREDICTION_COLUMNS, in the order of `vehicles`.

    Args:
        vehicles: wide frame as returned by `domain.features.wide`.
        probability: probability of failure of each vehicle by the version, shape (vehicles,).
        version: the version's record.
    """
    return pd.DataFrame(
        {
            "KNR": vehicles["KNR"],
            "predicted_at": vehicles["predicted_at"],
            "probability": probability,
            "alarm": probability >= version.threshold,
            "threshold": version.threshold,
            "version": version.version,
            "trained_on": vehicles["predicted_at"] <= pd.Timestamp(version.trained_until),
            "outcome": vehicles["label"],
        }
    )
