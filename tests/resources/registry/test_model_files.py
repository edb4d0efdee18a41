"""A version's folder holds what was saved, in a layout others can read, and nothing else is ever loaded."""

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from failure_platform.domain.sequence.model import SequenceClassifier
from failure_platform.domain.training.calibration import Corrected
from failure_platform.domain.training.incremental import OnTop
from failure_platform.resources.registry import fresh_process
from failure_platform.resources.registry.model_files import (
    ALLOWED_TYPES,
    MODEL,
    ModelRefusedError,
    failure_probabilities,
)
from failure_platform.resources.registry.registry import Registry
from support.model_samples import (
    FEATURES,
    NOW,
    forest,
    logistic,
    registry_in,
    set_hash,
    trained,
    vehicles,
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return registry_in(tmp_path)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (lambda frame: frame[list(FEATURES)[::-1]], "columns are not the model's features"),
        (lambda frame: frame.head(0), "at least one row"),
        (lambda frame: frame.astype({"rows": "float64"}), "float32, float64"),
        (lambda frame: frame.assign(rows=np.float32("inf")), "infinite value"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused_and_nothing_is_kept(registry: Registry, sample: Any, says: str) -> None:
    model = trained()
    with pytest.raises(ValueError, match=says):
        registry.save(replace(model, sample=sample(model.sample)), NOW)
    assert registry.versions("road_test") == []


# --- models that the families need, and no others ------------------------------------------------------------------


PIPELINES = {
    "curves": make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        VarianceThreshold(),
        QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        FeatureUnion([("once", "passthrough"), ("squared", FunctionTransformer(np.square))]),
        SelectKBest(f_classif, k=2),
        StandardScaler(),
        LogisticRegression(),
    ),
    "products": make_pipeline(SimpleImputer(), PolynomialFeatures(2, interaction_only=True), forest()),
    "logistic": logistic(),
    "robust": make_pipeline(SimpleImputer(keep_empty_features=True), RobustScaler(), LogisticRegression()),
    "columns": make_pipeline(ColumnTransformer([("n", SimpleImputer(), ["rows"])]), LogisticRegression()),
    "boosting": forest(),
    "threshold inside": FixedThresholdClassifier(FrozenEstimator(forest().fit(*vehicles())), threshold=0.2),
    "random forest": make_pipeline(SimpleImputer(), RandomForestClassifier(5, random_state=0)),
    "corrected": Corrected(forest().fit(*vehicles()), IsotonicRegression(out_of_bounds="clip").fit([0, 1], [0, 1])),
    "on top of production": OnTop(
        logistic().fit(vehicles()[0].to_numpy(), vehicles()[1]),
        logistic().fit(np.ones((4, 2)) * [[1], [2], [3], [4]], [0, 1, 0, 1]),
        [0, 2],
    ),
}
# Fitting it takes PyTorch; keeping it does not.
OPTIONAL = SequenceClassifier()


@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_of_the_families_survives_saving_bit_by_bit(registry: Registry, name: str) -> None:
    model = trained(pipeline=PIPELINES[name])
    loaded = registry.load(registry.save(model, NOW).version)
    frame, _ = vehicles()
    assert np.array_equal(failure_probabilities(loaded.pipeline, frame), failure_probabilities(model.pipeline, frame))


def test_no_type_is_allowed_that_no_family_needs() -> None:
    frame, failed = vehicles()
    needed = {
        kind
        for pipeline in (*(one.fit(frame, failed) for one in PIPELINES.values()), OPTIONAL)
        for kind in skops.io.get_untrusted_types(data=skops.io.dumps(pipeline))
    }
    assert needed == set(ALLOWED_TYPES)


@pytest.mark.fault(9)
def test_a_model_with_code_of_its_own_is_refused_when_saved(registry: Registry) -> None:
    model = trained(pipeline=make_pipeline(FunctionTransformer(_own_code), logistic()))
    with pytest.raises(ModelRefusedError, match=r"_own_code.*ALLOWED_TYPES"):
        registry.save(model, NOW)
    assert registry.versions("road_test") == []


def _own_code(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


# --- what is loaded is what was saved ------------------------------------------------------------------------------


@pytest.mark.fault(8)
def test_a_flipped_byte_in_any_file_is_refused_and_training_again_repairs_it(registry: Registry) -> None:
    row = registry.save(trained(), NOW)
    for name in row.files:
        path = registry.folder(row.version) / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ModelRefusedError, match=f"{name} has other bytes.*from a backup"):
            registry.load(row.version)
        registry.save(trained(), NOW)
        registry.load(row.version)
    assert [v.version for v in registry.versions("road_test")] == [row.version]


@pytest.mark.fault(8)
def test_a_damaged_version_is_not_replaced_by_a_model_that_says_something_else(registry: Registry) -> None:
    model = trained()
    row = registry.save(model, NOW)
    (registry.folder(row.version) / MODEL).unlink()
    other = replace(model, pipeline=logistic().fit(*vehicles(150)))
    with pytest.raises(ModelRefusedError, match="says something else"):
        registry.save(other, NOW)
    with pytest.raises(ModelRefusedError, match="cannot be read"):
        registry.load(row.version)


def test_a_folder_without_a_row_is_not_trusted(registry: Registry, tmp_path: Path) -> None:
    model = trained()
    planted = tmp_path / "models" / "road_test" / model.origin.version
    planted.mkdir(parents=True)
    (planted / MODEL).write_bytes(b"planted")
    (planted / "more").write_bytes(b"planted")
    with pytest.raises(KeyError):
        registry.load(model.origin.version)
    row = registry.save(model, NOW)
    registry.load(row.version)
    assert {p.name for p in planted.iterdir()} == set(row.files)


class Payload:
    """Leaves a mark when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.fault(9)
@pytest.mark.parametrize("hashed", [True, False], ids=["with its hash in the row", "with another hash"])
@pytest.mark.parametrize("kind", ["pickle", "skops"])
def test_a_crafted_model_file_runs_nothing(registry: Registry, tmp_path: Path, kind: str, hashed: bool) -> None:
    """Even someone who can write both the file and the registry's row gets no code run."""
    row = registry.save(trained(), NOW)
    mark = tmp_path / "code was run"
    if kind == "pickle":
        crafted = pickle.dumps(Payload(mark))
    else:
        crafted = skops.io.dumps(FunctionTransformer(os.mkdir, kw_args={"path": str(mark)}))
    (registry.folder(row.version) / MODEL).write_bytes(crafted)
    if hashed:
        set_hash(registry, row.version, crafted)
    with pytest.raises(ModelRefusedError, match="It was not loaded"):
        registry.load(row.version)
    assert not mark.exists()


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("library", "version", "usable"),
    [
        ("scikit-learn", "1.8.2", False),
        ("scikit-learn", "1.9.99", True),
        ("numpy", "1.26.4", False),
        ("pandas", "2.0", True),
    ],
)
def test_a_model_of_another_scikit_learn_is_refused_with_what_to_do(
    registry: Registry, library: str, version: str, usable: bool
) -> None:
    model = trained()
    libraries = {**model.origin.libraries, library: version}
    row = registry.save(replace(model, origin=replace(model.origin, libraries=libraries)), NOW)
    if usable:
        registry.load(row.version)
        return
    with pytest.raises(ModelRefusedError, match=f"{library} {version} .here.*requirements.txt"):
        registry.load(row.version)


# --- the layout ----------------------------------------------------------------------------------------------------


def test_the_folder_can_be_read_without_the_platform(registry: Registry) -> None:
    model = trained()
    folder = registry.folder(registry.save(model, NOW).version)
    assert {p.name for p in folder.iterdir()} == {
        "MLmodel",
        "model.skops",
        "requirements.txt",
        "python_env.yaml",
        "input_example.json",
        "expected_probabilities.json",
        "model_card.md",
    }
    example = json.loads((folder / "input_example.json").read_text())
    rows = pd.DataFrame(example["data"], columns=example["columns"], dtype="float32")
    pd.testing.assert_frame_equal(rows, model.sample.reset_index(drop=True))
    assert "scikit-learn==" in (folder / "requirements.txt").read_text()
    assert (folder / "model_card.md").read_text() == model.model_card
    assert json.loads((folder / "MLmodel").read_text())["metadata"]["threshold"] == 0.21


def test_a_model_that_does_not_answer_in_time_is_refused_and_the_refusal_says_what_to_do(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_process, "TIMEOUT_SECONDS", 0.01)
    version = registry.save(trained(), NOW).version
    with pytest.raises(ModelRefusedError, match=r"did not load in a fresh process within 0.01 s. Try again"):
        registry.verify(version)
