"""The text files of a version's folder in MLflow's layout, so that a version can be read without this platform.

Layout: https://mlflow.org/docs/latest/ml/model/ (MLmodel, flavors python_function and sklearn, input_example.json).
MLflow itself is not needed to write it.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from failure_platform.domain.model_version import ModelToSave

MODEL = "model.skops"
CARD = "model_card.md"
EXAMPLE = "input_example.json"
EXPECTED = "expected_probabilities.json"

_MLFLOW_TYPES = {"float32": "float", "float64": "double"}


@dataclass(frozen=True)
class RecordedSample:
    """Rows, and the probability of failure that the model gave each of them when it was saved."""

    rows: pd.DataFrame
    probabilities: tuple[float, ...]


def layout_files(model: ModelToSave, probabilities: Sequence[float], trusted_types: Sequence[str]) -> dict[str, str]:
    """Return the content of every file of the folder except the model, by name.

    Raises ValueError if the sample does not fit the model, see `sample_type`.
    """
    dtype = sample_type(model)
    libraries = model.origin.libraries
    return {
        "MLmodel": _json(_mlmodel(model, dtype, trusted_types)),
        "requirements.txt": "".join(f"{name}=={libraries[name]}\n" for name in sorted(libraries)),
        "python_env.yaml": f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n",
        EXAMPLE: json.dumps(
            {"columns": list(model.features), "data": _cells(model.sample)}, allow_nan=False, ensure_ascii=False
        ),
        EXPECTED: _json({"dtype": dtype, "probability_of_failure": list(probabilities)}),
        CARD: model.model_card,
    }


def read_sample(example: bytes, expected: bytes) -> RecordedSample:
    """Return the recorded sample from the content of its two files."""
    frame, recorded = json.loads(example), json.loads(expected)
    rows = pd.DataFrame(frame["data"], columns=frame["columns"], dtype=recorded["dtype"])
    return RecordedSample(rows, tuple(recorded["probability_of_failure"]))


def sample_type(model: ModelToSave) -> str:
    """Return the common dtype of the sample's columns, float32 or float64.

    Raises ValueError if its columns are not the model's features, have different or other dtypes, or if it has no rows
    or an infinite value.
    """
    if tuple(model.sample.columns) != tuple(model.features):
        raise ValueError("The sample's columns are not the model's features in order. Pass frame[list(features)].")
    dtypes = {str(dtype) for dtype in model.sample.dtypes}
    if len(dtypes) != 1 or not dtypes <= _MLFLOW_TYPES.keys() or model.sample.empty:
        raise ValueError(
            f"The sample needs at least one row, and all its columns float32 or all float64; it has "
            f"{len(model.sample)} rows of {', '.join(sorted(dtypes)) or 'no type'}. Pass some of the rows that the "
            f"model was trained on."
        )
    if np.isinf(model.sample.to_numpy()).any():
        raise ValueError("The sample holds an infinite value, which no feature may have. Find where it comes from.")
    return dtypes.pop()


def _cells(sample: pd.DataFrame) -> list[list[float | None]]:
    # JSON has no NaN: a missing value is written as null and read as NaN.
    return [[None if pd.isna(cell) else float(cell) for cell in row] for row in sample.itertuples(index=False)]


def _mlmodel(model: ModelToSave, dtype: str, trusted_types: Sequence[str]) -> dict[str, Any]:
    inputs = [{"type": _MLFLOW_TYPES[dtype], "name": name, "required": True} for name in model.features]
    outputs = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
    return {
        "flavors": {
            "python_function": {
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.sklearn",
                "model_path": MODEL,
                "predict_fn": "predict_proba",
                "python_version": platform.python_version(),
            },
            "sklearn": {
                "code": None,
                "pickled_model": MODEL,  # MLflow's key for the model file of any format
                "serialization_format": "skops",
                "skops_trusted_types": list(trusted_types),
                "sklearn_version": model.origin.libraries["scikit-learn"],
            },
        },
        "metadata": {
            "target": model.origin.target,
            "version": model.origin.version,
            "family": model.family,
            "threshold": model.threshold,
        },
        "model_uuid": model.origin.version,
        "saved_input_example_info": {"artifact_path": EXAMPLE, "pandas_orient": "split", "type": "dataframe"},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
    }


def _json(value: dict[str, Any]) -> str:
    # JSON is valid YAML, so MLflow can read it and no YAML library is needed.
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
