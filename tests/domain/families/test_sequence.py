"""Promises about the sequence family in the platform: it trains, is judged and is promoted like the others."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from failure_platform.domain.deciding.decisions import Choice
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.domain.features.sequences import LENGTH, sequence_names
from failure_platform.domain.metrics import measure
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.fitting import TrainedModel, score, train
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.split import Split, time_split
from support.model_samples import NOW, compared, registry_in, trained, wanted
from support.modelling_lake import SmallLake
from support.sequence_plant import ROWS, described, lake_of, order_matters

pytestmark = pytest.mark.sequence
BOOSTING = "histogram_gradient_boosting"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Vehicles of a lake in which only the order of two NOK verdicts matters."""
    return described(lake_of(*order_matters(2200)[:2]), ROWS)


@pytest.fixture(scope="module")
def split(frame: pd.DataFrame) -> Split:
    return time_split(frame, ROAD_TEST.horizon)


@pytest.fixture(scope="module")
def model(split: Split) -> TrainedModel:
    return train(split.training, ROAD_TEST.horizon, Recipe(families=("sequence", BOOSTING)))


def figures(model: TrainedModel, split: Split) -> dict[str, Any]:
    y = split.comparison["label"].to_numpy(dtype=np.int8)
    return measure(y, score(model.pipeline, model.features, split.comparison), model.threshold)


def test_it_wins_where_order_matters_and_boosting_on_plain_features_learns_nothing(
    split: Split, model: TrainedModel
) -> None:
    """Both compete on the same out-of-fold vehicles; the attainable ROC AUC is 0.80, boosting stays near 0.5."""
    assert (model.family, set(model.features)) == ("sequence", set(sequence_names(ROWS)))
    assert {one.family for one in model.facts.tried} == {"sequence", BOOSTING}
    plain = train(split.training, ROAD_TEST.horizon, Recipe(families=(BOOSTING,)))
    assert not any(name.startswith("sequence:") for name in plain.features)
    assert figures(model, split)["roc_auc"] >= 0.72
    assert figures(plain, split)["roc_auc"] <= 0.6
    assert figures(model, split)["calibration_error"] <= 0.06


def test_a_frame_without_some_columns_is_trained_on_and_scored(frame: pd.DataFrame) -> None:
    """A channel that no vehicle has at some step has no column; another day's lake may lack others."""
    split = time_split(frame.drop(columns=["sequence:3:value"]), ROAD_TEST.horizon)
    few = split.training.tail(900).reset_index(drop=True)
    model = train(few, timedelta(hours=1), Recipe(families=("sequence",), folds=1))
    assert "sequence:3:value" in model.features
    lacking = split.comparison.head(20).drop(columns=["sequence:0:hours", "sequence:15:test"])
    p = score(model.pipeline, model.features, lacking)
    assert np.isfinite(p).all()


def test_it_is_saved_promoted_and_asked_again(split: Split, model: TrainedModel, tmp_path: Path) -> None:
    """Promotion loads it in a fresh process first, by the same door as every family."""
    registry = registry_in(tmp_path)
    sample = split.training[list(model.features)].tail(10)
    to_save = replace(trained(), pipeline=model.pipeline, family=model.family, features=model.features, sample=sample)
    version = registry.save(to_save, NOW).version
    registry.record_comparison(compared(version, None))
    registry.decide(wanted(Choice.promote, version), NOW, Policy.manual, Gates())
    current = registry.current("road_test")
    assert current is not None
    assert (current.version, current.family) == (version, "sequence")
    loaded = registry.load(version)
    p, again = (score(one, model.features, split.comparison) for one in (model.pipeline, loaded.pipeline))
    assert np.array_equal(p, again)


def test_on_ai4i_its_figures_stand_beside_those_of_boosting(real_data: Callable[[str], Path]) -> None:
    """The newest quarter of the real set, six rows a vehicle: as good a ranking as the best family's."""
    split = time_split(described(SmallLake.of_real_set(real_data("ai4i")), LENGTH), ROAD_TEST.horizon)
    found = figures(train(split.training, ROAD_TEST.horizon, Recipe(families=("sequence",))), split)
    assert found["roc_auc"] >= 0.95
    assert found["average_precision"] >= 0.6
