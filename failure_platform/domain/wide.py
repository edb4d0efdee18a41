"""From cells to the wide frame of vehicles: one row per vehicle, one column per feature.

What belongs here: the scatter, and the shape of the frame. What does not: which cells there are (features).
Measured on 20,000 vehicles x 850 series: scattering batches takes a fifth of the time of DuckDB's PIVOT.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from failure_platform.domain.feature_names import absent_value

FACT_COLUMNS = ("KNR", "predicted_at", "label", "label_reason", "last_row_at")


def widen(vehicles: pd.DataFrame, features: pd.DataFrame, cells: Iterable[pa.RecordBatch]) -> pd.DataFrame:
    """Return the wide frame of the three tables of a `features.Description`.

    Args:
        vehicles: frame of `Description.vehicles`.
        features: frame of `Description.features`.
        cells: batches of `Description.cells`; consumed once, so memory holds one batch and the result.

    Returns:
        KNR, predicted_at, label (Int8), label_reason (text), last_row_at, then one float32 column per feature, sorted
        by name; rows ordered by predicted_at and KNR. Cells that do not exist hold the family's absent value.
    """
    names = features.sort_values("feature")["feature_name"].tolist()
    matrix = np.empty((len(vehicles), len(names)), dtype=np.float32)
    matrix[:] = np.array([absent_value(name) for name in names], dtype=np.float32)
    largest = float(np.finfo(np.float32).max)
    for batch in cells:
        values = np.clip(batch.column("value").to_numpy(zero_copy_only=False), -largest, largest)
        matrix[batch.column("vehicle").to_numpy(), batch.column("feature").to_numpy()] = values
    facts = vehicles.sort_values("vehicle", ignore_index=True)[list(FACT_COLUMNS)].astype(
        {"KNR": "str", "label": "Int8", "label_reason": "str"}
    )
    for column in ("predicted_at", "last_row_at"):
        facts[column] = pd.to_datetime(facts[column])
    return pd.concat([facts, pd.DataFrame(matrix, columns=names, index=facts.index)], axis=1)


def feature_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the feature columns of a wide frame, in order."""
    return [str(column) for column in frame.columns if column not in FACT_COLUMNS]
