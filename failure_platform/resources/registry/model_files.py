"""A version's model folder: written atomically, verified by hash, and read without unpickling.

A model file is read only after its sha256 matches the registry's row. It then creates only types that skops trusts by
default (scikit-learn's estimators, numpy's arrays) or that are listed in ALLOWED_TYPES.
"""

import hashlib
import os
import shutil
import uuid
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from failure_platform.domain.model_version import ModelToSave
from failure_platform.resources.registry import mlflow_layout
from failure_platform.resources.registry.mlflow_layout import EXAMPLE, EXPECTED, MODEL, RecordedSample

RECORDED = ("scikit-learn", "skops", "numpy", "scipy", "pandas")
# Further libraries that a family's results depend on: with another version of them the model has another name.
RECORDED_OF_FAMILY = {"sequence": ("torch", "skorch")}

# Number of leading parts of a library's version that must match before a model is read. scikit-learn guarantees nothing
# about fitted attributes between minor versions; skops is at 0.x, where a minor version may change the file format;
# numpy arrays stay readable within a major version.
_MATCHING_PARTS = {"scikit-learn": 2, "skops": 2, "numpy": 1}


def installed_libraries(family: str = "") -> dict[str, str]:
    """Return the installed version of each library that the results of a family's models depend on."""
    return {name: version(name) for name in (*RECORDED, *RECORDED_OF_FAMILY.get(family, ()))}


def incompatible_libraries(recorded: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """Return a phrase for each library whose installed version is incompatible with the recorded one."""
    return [
        f"{name} {recorded[name]} (here: {installed[name]})"
        for name, parts in _MATCHING_PARTS.items()
        if recorded[name].split(".")[:parts] != installed[name].split(".")[:parts]
    ]


# Types that the model families contain beyond skops' own list, tested with scikit-learn 1.9 and skops 0.16. Each is
# data or a pure function of scikit-learn, numpy or this platform. Never extended by what a file requests.
ALLOWED_TYPES = (
    "failure_platform.domain.training.calibration.Corrected",
    "failure_platform.domain.training.incremental.OnTop",
    "failure_platform.domain.sequence.model.SequenceClassifier",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.tree._tree.Tree",
)
PROBABILITY_TOLERANCE = 1e-9
_DRAFT, _DISCARDED = ".draft-", ".discarded-"


class ModelRefusedError(Exception):
    """A model must not be used; the message states which, why, and what to do."""


def failure_probabilities(pipeline: Any, rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the probability of failure of each row, shape (rows,)."""
    return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)[:, 1]


def write_draft(model: ModelToSave, parent: Path) -> tuple[Path, dict[str, str]]:
    """Write a version's files into a new folder in `parent`, synced to disk.

    Returns:
        The folder, and the sha256 of each of its files by name.

    Raises:
        ModelRefusedError: the model contains a type that is not allowed, or gives other probabilities once read back.
        ValueError: the sample does not fit the model.
    """
    mlflow_layout.sample_type(model)  # raises before predict_proba is called with a sample that does not fit
    # skops takes two seconds to import, because it imports all of scikit-learn; runs that only ingest avoid this.
    from skops.io import dumps

    packed = dumps(model.pipeline)
    before = failure_probabilities(model.pipeline, model.sample)
    after = failure_probabilities(_unpack(packed, f"The new model {model.origin.version}"), model.sample)
    if not np.allclose(before, after, rtol=0, atol=PROBABILITY_TOLERANCE):
        raise ModelRefusedError(
            f"The new model {model.origin.version} gives other probabilities once saved and read back (up to "
            f"{np.abs(before - after).max():.3g} apart). It was not saved: this family cannot be kept by skops."
        )
    contents = {
        name: text.encode() for name, text in mlflow_layout.layout_files(model, before.tolist(), ALLOWED_TYPES).items()
    }
    contents[MODEL] = packed
    draft = parent / f"{_DRAFT}{model.origin.version}-{uuid.uuid4().hex}"
    draft.mkdir()
    for name, content in contents.items():
        with (draft / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync(draft)
    return draft, {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def replace_folder(draft: Path, folder: Path) -> None:
    """Rename a draft to `folder`; an existing folder is renamed first and removed afterwards."""
    discarded = None
    if folder.exists():
        discarded = folder.with_name(f"{_DISCARDED}{folder.name}-{uuid.uuid4().hex}")
        folder.rename(discarded)
    draft.rename(folder)
    _sync(folder.parent)
    if discarded is not None:
        shutil.rmtree(discarded)


def remove_leftovers(parent: Path) -> None:
    """Remove the drafts that killed writers left in a folder. Call it only while its `exclusive_lock` is held."""
    for pattern in (f"{_DRAFT}*", f"{_DISCARDED}*"):
        for leftover in parent.glob(pattern):
            shutil.rmtree(leftover)


def verified_bytes(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Return the content of each recorded file, by name.

    Raises ModelRefusedError if one cannot be read or does not match its sha256.
    """
    contents, faults = {}, []
    for name, sha256 in files.items():
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            faults.append(f"{name} cannot be read ({error.strerror})")
            continue
        if hashlib.sha256(contents[name]).hexdigest() != sha256:
            faults.append(f"{name} has other bytes")
    if faults:
        raise ModelRefusedError(
            f"The model in {folder} is not what was saved: {'; '.join(faults)}. It was not loaded. Put the folder back "
            f"from a backup, or materialise candidate_model with the same data, which writes the version again."
        )
    return contents


def load_model(folder: Path, files: Mapping[str, str], recorded: Mapping[str, str]) -> tuple[Any, RecordedSample]:
    """Return a version's pipeline and its recorded sample.

    Args:
        folder: the version's folder.
        files: the sha256 of each file by name, from the registry's row.
        recorded: the libraries the version was trained with, from the registry's row.

    Raises:
        ModelRefusedError: a file differs, a library is incompatible, or the model file requests a type that is not
            allowed.
    """
    if incompatible := incompatible_libraries(recorded, installed_libraries()):
        raise ModelRefusedError(
            f"The model in {folder} was made with {', '.join(incompatible)}, and may give other probabilities here. "
            f"Install the versions in its requirements.txt, or train a new candidate with those installed."
        )
    contents = verified_bytes(folder, files)
    sample = mlflow_layout.read_sample(contents[EXAMPLE], contents[EXPECTED])
    return _unpack(contents[MODEL], f"The model in {folder}"), sample


def _unpack(packed: bytes, what: str) -> Any:
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return loads(packed, trusted=list(ALLOWED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ModelRefusedError(
            f"{what} asks for types that a model here never holds: {error}. It was not loaded. If you did not put it "
            f"there, find out who did; if a new family needs the type, add it to ALLOWED_TYPES after reading its code."
        ) from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise ModelRefusedError(
            f"{what} is not a model file of skops ({error}). It was not loaded. Put the folder back from a backup."
        ) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
