"""A version's folder on disk: written whole or not at all, and read only when it is what was written.

What belongs here: skops, the fixed list of types a model may hold, hashes, and moving a folder into place. What does
not: which versions there are (resources.registry) and the words inside the text files (resources.mlflow_layout).

Nothing here unpickles. A model file is read only after its sha256 agrees with the registry's row, and then builds only
types that skops trusts by itself (scikit-learn's estimators, numpy's arrays) or that stand in ALLOWED_TYPES.
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
from failure_platform.resources.registry import mlflow_layout, model_files
from failure_platform.resources.registry.mlflow_layout import EXAMPLE, EXPECTED, MODEL, RecordedSample

RECORDED = ("scikit-learn", "skops", "numpy", "scipy", "pandas")
# What a family's figures depend on besides: another version of them gives another model, so another name.
RECORDED_OF_FAMILY = {"sequence": ("torch", "skorch")}

# How many leading parts of a version must agree before a model is read. scikit-learn keeps no promise about its fitted
# attributes between minor versions; skops is at 0.x, where a minor version may change the file; numpy keeps its
# arrays readable within a major version.
_MUST_AGREE = {"scikit-learn": 2, "skops": 2, "numpy": 1}


def installed(family: str = "") -> dict[str, str]:
    """Return the version of each library that the figures of a family's models depend on."""
    return {name: version(name) for name in (*RECORDED, *RECORDED_OF_FAMILY.get(family, ()))}


def disagreements(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Return one phrase for each library that is too far from the recorded one; an empty list when all may be used."""
    return [
        f"{name} {recorded[name]} (here: {here[name]})"
        for name, parts in _MUST_AGREE.items()
        if recorded[name].split(".")[:parts] != here[name].split(".")[:parts]
    ]


# What the model families hold beyond skops' own list, tried with scikit-learn 1.9 and skops 0.16. Each is data or a
# pure function of scikit-learn, numpy or this platform. Never filled from what a file asks for.
ALLOWED_TYPES = (
    "failure_platform.domain.training.calibration.Corrected",
    "failure_platform.domain.training.incremental.OnTop",
    "failure_platform.domain.sequence.model.SequenceClassifier",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.tree._tree.Tree",
)
TOLERANCE = 1e-9
_DRAFT, _DISCARDED = ".draft-", ".discarded-"


class ModelRefusedError(Exception):
    """A model must not be used; the message says which, why, and what to do."""


def probabilities(pipeline: Any, rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the probability of failure of each row, shape (rows,)."""
    return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)[:, 1]


def write_draft(model: ModelToSave, beside: Path) -> tuple[Path, dict[str, str]]:
    """Write a version's files into a new folder in `beside`, on disk for certain.

    Returns:
        the folder, and the sha256 of each of its files by name.

    Raises:
        ModelRefusedError: the model holds a type that is not allowed, or says something else once read back.
        ValueError: the sample does not fit the model.
    """
    mlflow_layout.sample_type(model)  # before a model is asked about a sample that does not fit
    # skops takes two seconds to import, since it imports all of scikit-learn; runs that only ingest never pay for it.
    from skops.io import dumps

    packed = dumps(model.pipeline)
    said = probabilities(model.pipeline, model.sample)
    again = probabilities(_unpack(packed, f"The new model {model.origin.version}"), model.sample)
    if not np.allclose(said, again, rtol=0, atol=TOLERANCE):
        raise ModelRefusedError(
            f"The new model {model.origin.version} gives other probabilities once saved and read back (up to "
            f"{np.abs(said - again).max():.3g} apart). It was not saved: this family cannot be kept by skops."
        )
    contents = {name: text.encode() for name, text in mlflow_layout.texts(model, said.tolist(), ALLOWED_TYPES).items()}
    contents[MODEL] = packed
    draft = beside / f"{_DRAFT}{model.origin.version}-{uuid.uuid4().hex}"
    draft.mkdir()
    for name, content in contents.items():
        with (draft / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync(draft)
    return draft, {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def put_in_place(draft: Path, folder: Path) -> None:
    """Give a draft its name, in one step; what stood there is set aside first and then removed."""
    discarded = None
    if folder.exists():
        discarded = folder.with_name(f"{_DISCARDED}{folder.name}-{uuid.uuid4().hex}")
        folder.rename(discarded)
    draft.rename(folder)
    _sync(folder.parent)
    if discarded is not None:
        shutil.rmtree(discarded)


def sweep(beside: Path) -> None:
    """Remove what killed writers left in a folder. Call it only while its `exclusive_lock` is held."""
    for pattern in (f"{_DRAFT}*", f"{_DISCARDED}*"):
        for leftover in beside.glob(pattern):
            shutil.rmtree(leftover)


def verified_bytes(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Return the content of each recorded file, by name.

    Raises ModelRefusedError when one is missing or has other bytes than when it was saved.
    """
    contents, found = {}, []
    for name, sha256 in files.items():
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            found.append(f"{name} cannot be read ({error.strerror})")
            continue
        if hashlib.sha256(contents[name]).hexdigest() != sha256:
            found.append(f"{name} has other bytes")
    if found:
        raise ModelRefusedError(
            f"The model in {folder} is not what was saved: {'; '.join(found)}. It was not loaded. Put the folder back "
            f"from a backup, or materialise candidate_model with the same data, which writes the version again."
        )
    return contents


def read(folder: Path, files: Mapping[str, str], recorded: Mapping[str, str]) -> tuple[Any, RecordedSample]:
    """Return a version's pipeline and its recorded sample.

    Args:
        folder: where the version lies.
        files: the sha256 of each file by name, from the registry's row.
        recorded: the libraries the version was made with, from the registry's row.

    Raises:
        ModelRefusedError: a file differs, libraries are too far apart, or the file asks for a type that is not allowed.
    """
    if apart := model_files.disagreements(recorded, model_files.installed()):
        raise ModelRefusedError(
            f"The model in {folder} was made with {', '.join(apart)}, and may say something else here. Install the "
            f"versions in its requirements.txt, or train a new candidate with those installed."
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
