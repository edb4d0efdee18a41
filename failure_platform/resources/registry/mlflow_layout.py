"""The text files of a version's folder, in MLflow's layout, so that a version can be read without this platform.

What belongs here: MLmodel, requirements, Python environment, recorded sample. What does not: the model file and its
safety (resources.model_files), and MLflow itself, which is not needed to write any of this.

Layout: https://mlflow.org/docs/latest/ml/model/ (MLmodel, flavors python_function and sklearn, input_example.json).
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
    """Rows and the probability of failure that the model gave each of them when it was saved."""

    rows: pd.DataFrame
    probabilities: tuple[float, ...]


def texts(model: ModelToSave, probabilities: Sequence[float], trusted_types: Sequence[str]) -> dict[str, str]:
    """Return every file of the folder but the model, by name. Raises ValueError when the sample does not fit."""
    kind = sample_type(model)
    libraries = model.origin.libraries
    return {
        "MLmodel": _json(_mlmodel(model, kind, trusted_types)),
        "requirements.txt": "".join(f"{name}=={libraries[name]}\n" for name in sorted(libraries)),
        "python_env.yaml": f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n",
        EXAMPLE: json.dumps(
            {"columns": list(model.features), "data": _cells(model.sample)}, allow_nan=False, ensure_ascii=False
        ),
        EXPECTED: _json({"dtype": kind, "probability_of_failure": list(probabilities)}),
        CARD: model.model_card,
    }


def read_sample(example: bytes, expected: bytes) -> RecordedSample:
    """Return the recorded sample from the content of its two files."""
    cells, answers = json.loads(example), json.loads(expected)
    rows = pd.DataFrame(cells["data"], columns=cells["columns"], dtype=answers["dtype"])
    return RecordedSample(rows, tuple(answers["probability_of_failure"]))


def sample_type(model: ModelToSave) -> str:
    """Return the one type of the sample's columns, float32 or float64.

    Raises ValueError when its columns are not the model's features, or are of several or of other types, or when it
    has no rows or an infinite value.
    """
    if tuple(model.sample.columns) != tuple(model.features):
        raise ValueError("The sample's columns are not the model's features in order. Pass frame[list(features)].")
    kinds = {str(kind) for kind in model.sample.dtypes}
    if len(kinds) != 1 or not kinds <= _MLFLOW_TYPES.keys() or model.sample.empty:
        raise ValueError(
            f"The sample needs at least one row, and all its columns float32 or all float64; it has "
            f"{len(model.sample)} rows of {', '.join(sorted(kinds)) or 'no type'}. Pass some of the rows that the "
            f"model was trained on."
        )
    if np.isinf(model.sample.to_numpy()).any():
        raise ValueError("The sample holds an infinite value, which no feature may have. Find where it comes from.")
    return kinds.pop()


def _cells(sample: pd.DataFrame) -> list[list[float | None]]:
    # JSON has no NaN: an absent value is null, and comes back as NaN.
    return [[None if pd.isna(cell) else float(cell) for cell in row] for row in sample.itertuples(index=False)]


def _mlmodel(model: ModelToSave, kind: str, trusted_types: Sequence[str]) -> dict[str, Any]:
    inputs = [{"type": _MLFLOW_TYPES[kind], "name": name, "required": True} for name in model.features]
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
                "pickled_model": MODEL,  # MLflow's word for the file, whatever its format
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
    # JSON is YAML too, so MLflow reads it and no YAML library is needed.
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
