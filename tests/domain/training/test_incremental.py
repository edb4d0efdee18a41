"""Promises about incremental training: it learns from newer vehicles only and carries production inside."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from failure_platform.domain.families.family import RecipeRefusedError
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.fitting import NotTrainableError, Recipe, TrainedModel, score, train
from failure_platform.domain.training.incremental import PRODUCTION, Start, with_production
from failure_platform.domain.training.split import Split, time_split
from support.training_plant import plant

HORIZON = ROAD_TEST.horizon
RECIPE = Recipe(families=("logistic_regression",), started_from="abc123")


@pytest.fixture(scope="module")
def production() -> tuple[pd.DataFrame, TrainedModel, Start]:
    """All vehicles, the model of the older half, and the start that it is."""
    frame, _ = plant(2400, noise=8)
    old = time_split(frame.head(1400), HORIZON, holdout_share=0.02).training
    model = train(old, HORIZON, Recipe(families=("logistic_regression",)))
    return frame, model, Start("abc123", model.pipeline, model.features, model.facts.trained_until)


def _newer(frame: pd.DataFrame, start: Start) -> Split:
    return time_split(frame, HORIZON, since=start.trained_until)


def test_it_is_better_than_the_newer_vehicles_alone(production: tuple[pd.DataFrame, TrainedModel, Start]) -> None:
    """What production knows is kept: the same newer vehicles from nothing give a worse model."""
    frame, _, start = production
    split = _newer(frame, start)
    few = split.training.sort_values("predicted_at").head(250).sort_values("KNR", ignore_index=True)
    y = split.comparison["label"].to_numpy(dtype=np.int8)
    on_top = train(few, HORIZON, RECIPE, start)
    alone = train(few, HORIZON, Recipe(families=("logistic_regression",)))
    carried, fresh = (roc_auc_score(y, score(one.pipeline, one.features, split.comparison)) for one in (on_top, alone))
    assert carried > fresh + 0.02


def test_it_records_where_it_started_and_how_many_vehicles_are_new(
    production: tuple[pd.DataFrame, TrainedModel, Start],
) -> None:
    """The version names its predecessor; counts and period are those of the newer vehicles."""
    frame, old, start = production
    split = _newer(frame, start)
    model = train(split.training, HORIZON, RECIPE, start)
    assert (model.facts.mode, model.facts.started_from) == ("incremental", "abc123")
    assert model.recipe.as_dict()["started_from"] == "abc123"
    assert model.facts.vehicles == len(split.training) < len(frame) - old.facts.vehicles
    assert model.facts.trained_from > old.facts.trained_until
    assert model.features == old.features


@pytest.mark.parametrize("family", ["logistic_regression", "decision_tree", "random_forest"])
def test_the_same_newer_vehicles_and_production_give_the_same_model(
    production: tuple[pd.DataFrame, TrainedModel, Start], family: str
) -> None:
    """To the bit; and a chain of increments stays small, since production's wrapper is taken off."""
    frame, _, start = production
    split = _newer(frame, start)
    recipe = Recipe(families=(family,), started_from="abc123")
    one, two = (train(split.training, HORIZON, recipe, start) for _ in range(2))
    assert np.array_equal(*(score(model.pipeline, model.features, split.comparison) for model in (one, two)))
    second = Start("def456", one.pipeline, one.features, start.trained_until)
    third = train(split.training, HORIZON, recipe, second)
    p = score(third.pipeline, third.features, split.comparison)
    assert ((p >= 0) & (p <= 1)).all()


def test_production_s_answer_is_a_column_like_the_others(
    production: tuple[pd.DataFrame, TrainedModel, Start],
) -> None:
    """First, exact, and for vehicles that production never saw."""
    frame, model, start = production
    x = _newer(frame, start).training[list(start.features)]
    stacked = with_production(start, x)
    assert stacked.columns.tolist() == [PRODUCTION, *start.features]
    assert np.array_equal(stacked[PRODUCTION], model.pipeline.predict_proba(x)[:, 1])


def test_too_few_newer_failures_are_refused_with_the_way_out(
    production: tuple[pd.DataFrame, TrainedModel, Start],
) -> None:
    """The message names production, and that a full training is always possible."""
    frame, _, start = production
    few = _newer(frame, start).training.head(20)
    with pytest.raises(NotTrainableError, match=r"newer than production \(abc123\).*set training.mode to full"):
        train(few, HORIZON, RECIPE, start)
    with pytest.raises(NotTrainableError, match="no vehicle newer than production"):
        train(few.head(0), HORIZON, RECIPE, start)


def test_families_that_cannot_go_on_are_refused_or_left_out(
    production: tuple[pd.DataFrame, TrainedModel, Start],
) -> None:
    """The base rate knows no columns, so it has nothing to carry."""
    frame, _, start = production
    newer = _newer(frame, start).training
    with pytest.raises(RecipeRefusedError, match="prior cannot go on from a production model"):
        train(newer, HORIZON, Recipe(families=("prior",), started_from="abc123"), start)
    both = train(newer, HORIZON, Recipe(families=("prior", "logistic_regression"), started_from="abc123"), start)
    assert {one.family for one in both.facts.tried} == {"logistic_regression"}
