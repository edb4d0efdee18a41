"""The sequence model as an estimator; tests that need PyTorch are marked `sequence`."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from failure_platform.domain.features.sequences import CHANNELS, sequence_names
from failure_platform.domain.sequence.model import SequenceClassifier
from support.model_samples import registry_in, trained
from support.sequence_plant import ROWS, cells_of, order_matters

needs_torch = pytest.mark.sequence
CUT = 1500


@pytest.fixture(scope="module")
def plant() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Cells, labels and true probabilities of vehicles for which only the order of two NOK verdicts matters."""
    rows, drawn, p = order_matters(2200)
    return cells_of(rows, drawn), drawn["failed"].to_numpy(), p


@pytest.fixture(scope="module")
def model(plant: tuple[pd.DataFrame, np.ndarray, np.ndarray]) -> SequenceClassifier:
    x, y, _ = plant
    return SequenceClassifier(units=16, seed=1).fit(x.iloc[:CUT], y[:CUT])


@needs_torch
def test_the_order_of_events_is_learnt_with_honest_probabilities(
    plant: tuple[pd.DataFrame, np.ndarray, np.ndarray], model: SequenceClassifier
) -> None:
    """Nearly all that can be known is known, and probabilities are on the scale of the failures."""
    x, y, truth = plant
    p = model.predict_proba(x.iloc[CUT:])[:, 1]
    assert roc_auc_score(y[CUT:], p) - 0.5 >= 0.85 * (roc_auc_score(y[CUT:], truth[CUT:]) - 0.5)
    assert p.mean() == pytest.approx(truth[CUT:].mean(), rel=0.2)
    assert log_loss(y[CUT:], p) < log_loss(y[CUT:], np.full(len(p), y[:CUT].mean())) - 0.05


@needs_torch
def test_the_same_seed_gives_the_same_model_and_pytorch_is_left_as_it_was(
    plant: tuple[pd.DataFrame, np.ndarray, np.ndarray], model: SequenceClassifier
) -> None:
    """To the bit on the CPU, whatever else draws random numbers; another seed gives another model."""
    import torch

    x, y, _ = plant
    torch.manual_seed(77)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    again = clone(model).fit(x.iloc[:CUT], y[:CUT])
    probabilities = again.predict_proba(x)
    assert np.array_equal(probabilities, model.predict_proba(x))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    other = clone(model).set_params(seed=2, epochs=3).fit(x.iloc[:CUT], y[:CUT])
    assert not np.allclose(other.predict_proba(x), probabilities)


@needs_torch
def test_a_saved_model_says_the_same_in_a_fresh_process(
    plant: tuple[pd.DataFrame, np.ndarray, np.ndarray], model: SequenceClassifier, tmp_path: Path
) -> None:
    """It goes through the registry like every family: skops, the fixed list of types, a process of its own."""
    x, y, _ = plant
    pipeline = Pipeline([("as_measured", "passthrough"), ("classify", FrozenEstimator(model))])
    whole = FixedThresholdClassifier(pipeline, threshold=0.2, response_method="predict_proba").fit(x, y)
    registry = registry_in(tmp_path)
    to_save = replace(trained(), pipeline=whole, family="sequence", features=tuple(x.columns), sample=x.tail(10))
    version = registry.save(to_save, pd.Timestamp("2026-01-01").to_pydatetime()).version
    assert registry.verify(version) <= 1e-9
    loaded = registry.load(version).pipeline
    assert np.array_equal(loaded.predict_proba(x), whole.predict_proba(x))
    kept = loaded.estimator_.named_steps["classify"].estimator
    assert all(isinstance(array, np.ndarray) for array in kept.weights_.values())


@needs_torch
def test_tests_and_rows_that_training_never_saw_are_answered(
    plant: tuple[pd.DataFrame, np.ndarray, np.ndarray], model: SequenceClassifier
) -> None:
    """New test codes are all read alike, absent rows and a vehicle without any row get a probability."""
    x = plant[0].iloc[CUT : CUT + 50]
    tests = [name for name in x if name.endswith(":test")]
    one, other = (model.predict_proba(x.assign(**dict.fromkeys(tests, np.float32(code)))) for code in (5, 16_000_001))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, model.predict_proba(x))
    half, nothing = x.copy(), x.copy()
    half.iloc[:, len(CHANNELS) * (ROWS // 2) :] = np.nan
    nothing.iloc[:, :] = np.nan
    for gaps in (half, nothing):
        p = model.predict_proba(gaps)
        assert np.isfinite(p).all()
        assert p.sum(axis=1) == pytest.approx(1)


@needs_torch
def test_the_newest_failures_only_say_when_to_stop(plant: tuple[pd.DataFrame, np.ndarray, np.ndarray]) -> None:
    """Other labels among the newest change nothing that a pass over the data learns."""
    x, y, _ = plant
    newest = np.flatnonzero(y[:CUT])[int(y[:CUT].sum() * 5 / 6)]
    turned = np.concatenate([y[: newest + 1], y[newest + 1 : CUT][::-1]])
    assert not np.array_equal(turned, y[:CUT])
    one, other = (SequenceClassifier(units=4, epochs=1).fit(x.iloc[:CUT], labels) for labels in (y[:CUT], turned))
    assert all(np.array_equal(one.weights_[name], other.weights_[name]) for name in one.weights_)


@needs_torch
def test_a_vehicle_weighs_what_it_is_said_to_weigh(plant: tuple[pd.DataFrame, np.ndarray, np.ndarray]) -> None:
    """Equal weights are no weights; with failures weighing three times as much, failures are expected more often."""
    x, y, _ = plant
    few, labels = x.iloc[:600], y[:600]
    plain, equal, heavy = (
        SequenceClassifier(units=4, epochs=3).fit(few, labels, sample_weight=weight).predict_proba(few)[:, 1]
        for weight in (None, np.full(600, 2.0), np.where(labels == 1, 3.0, 1.0))
    )
    assert equal == pytest.approx(plain, abs=1e-6)
    assert heavy.mean() > plain.mean() + 0.1


@needs_torch
@pytest.mark.parametrize(
    ("columns", "labels", "says"),
    [(7, [0, 1] * 20, "4 a step"), (8, [1] * 40, "both classes"), (8, [0] * 40, "both classes")],
)
def test_what_cannot_be_learnt_from_is_refused(columns: int, labels: list[int], says: str) -> None:
    """The message names what is wrong, not an index inside PyTorch."""
    with pytest.raises(ValueError, match=says):
        SequenceClassifier(epochs=1).fit(np.zeros((40, columns), dtype=np.float32), labels)


@pytest.mark.parametrize(
    "use",
    [
        "SequenceClassifier().fit([[7, 10, 1.5, 2.0]] * 4, [0, 1, 0, 1])",
        "setattr(model := SequenceClassifier(), 'weights_', {}); model.predict_proba([[7, 10, 1.5, 2.0]])",
        "Sequence().classifier(Sequence().grid(256)[0], 100, 0)",
    ],
)
def test_without_the_optional_libraries_it_says_how_to_install_them(use: str) -> None:
    """Everything imports without PyTorch; only training or predicting with the model is refused, with what to do."""
    code = (
        "import sys; sys.modules['skorch'] = None\n"
        "from failure_platform.domain.families.sequence import Sequence\n"
        "from failure_platform.domain.sequence.model import SequenceClassifier\n"
        f"{use}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "make setup-sequence" in last
    assert "pip install 'failure-platform[sequence]'" in last


def test_names_of_the_columns_are_those_of_the_layout() -> None:
    """The family takes every channel of every step that there is, and nothing else, in the order the model reads."""
    from failure_platform.domain.families.sequence import Sequence

    some = ["rows:2", "sequence:1:hours", "sequence:0:test", "value:2:041001:0"]
    assert Sequence().columns(some) == sequence_names(2)
    assert Sequence().columns(["rows:2"]) == []
