"""Promises about the search: the same seed finds the same, a budget ends it, bad settings cost little."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from failure_platform.domain.families.available import DEFAULT, families
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.fitting import Recipe, TrainedModel, score, train
from failure_platform.domain.training.search import Progress
from failure_platform.domain.training.split import Split, time_split
from support.training_plant import plant

HORIZON = ROAD_TEST.horizon
QUICK = ("prior", "logistic_regression", "decision_tree")


@pytest.fixture(scope="module")
def split() -> Split:
    return time_split(plant(900, noise=25)[0], HORIZON)


def _ticking(seconds: float) -> Callable[[], float]:
    """A clock on which each look takes that long."""
    ticks = count(step=seconds)
    return lambda: next(ticks)


def _probabilities(model: TrainedModel, split: Split) -> np.ndarray:
    return score(model.pipeline, model.features, split.comparison)


def test_the_grid_tries_every_default_setting_of_every_family_once(split: Split) -> None:
    """None is left out, none twice, however few trials the other kinds may have."""
    seen: list[Progress] = []
    model = train(split.training, HORIZON, Recipe(search_trials=1), on_trial=seen.append)
    tried = [(one.family, tuple(sorted(one.setting.items()))) for one in model.facts.tried]
    assert len(set(tried)) == len(tried) == len(seen)
    offered = sum(":" in str(column) for column in split.training.columns)
    defaults = {family.name: len(family.grid(offered)) for family in families(DEFAULT)}
    assert {name: [family for family, _ in tried].count(name) for name in defaults} == defaults
    assert (model.facts.search["ended"], model.facts.given_up) == ("all tried", ())
    assert all(one.folds == 3 for one in model.facts.tried)
    assert [one.number for one in seen] == list(range(1, len(seen) + 1))
    assert "best so far" in str(seen[-1])


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_a_search_with_the_same_seed_finds_the_same(split: Split, kind: str) -> None:
    """Two runs agree in every setting tried, and in every probability to the bit; another seed tries others."""
    recipe = Recipe(families=QUICK, search=kind, search_trials=14, seed=3)  # type: ignore[arg-type]
    one, two = (train(split.training, HORIZON, recipe) for _ in range(2))
    assert [tried.setting for tried in one.facts.tried] == [tried.setting for tried in two.facts.tried]
    assert np.array_equal(_probabilities(one, split), _probabilities(two, split))
    other = train(split.training, HORIZON, replace(recipe, seed=4))
    assert [tried.setting for tried in other.facts.tried] != [tried.setting for tried in one.facts.tried]


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_a_search_starts_with_the_defaults_and_replaces_them_only_for_more_than_luck(split: Split, kind: str) -> None:
    """Of many settings the luckiest looks best: a gain within one standard error is no reason to leave a default."""
    named = ("logistic_regression", "decision_tree")
    recipe = Recipe(families=named, search=kind, search_trials=30)  # type: ignore[arg-type]
    model = train(split.training, HORIZON, recipe)
    grid = train(split.training, HORIZON, Recipe(families=named))
    defaults = {tuple(sorted(one.setting.items())) for one in grid.facts.tried}
    tried = model.facts.tried
    assert defaults <= {tuple(sorted(one.setting.items())) for one in tried}
    least = min(tried, key=lambda one: one.log_loss)
    assert least.log_loss <= grid.facts.chosen.log_loss
    kept = model.setting == grid.setting
    assert kept or model.setting == least.setting
    assert any("default was kept" in note for note in model.facts.notes) == (kept and least.setting != grid.setting)


def test_a_clear_gain_takes_the_place_of_the_default() -> None:
    """Where the default is far off, as with a screen that keeps too few features, what was found is used."""
    frame, _ = plant(2500, noise=0)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(len(frame), 2)).astype(np.float32)
    frame["label"] = (((x[:, 0] > 0) ^ (x[:, 1] > 0)) & (rng.random(len(frame)) < 0.5)).astype("int8")
    frame["label"] = frame["label"].astype("Int8")
    frame = frame.assign(**{"value:2:9:0": x[:, 0], "value:2:9:1": x[:, 1]})
    training = time_split(frame, HORIZON).training
    names = ("logistic_regression",)
    grid = train(training, HORIZON, Recipe(families=names))
    # Only the product of two features matters: the default preprocessing has no products, the search space has.
    found = train(training, HORIZON, Recipe(families=names, search="random", search_trials=12))
    assert grid.setting["feature_preprocessing"] == "curves"
    assert found.setting["feature_preprocessing"] == "products"
    assert found.facts.chosen.log_loss < grid.facts.chosen.log_loss - 0.02


def test_bad_settings_are_given_up_before_all_folds_and_never_chosen(split: Split) -> None:
    """A setting worse than the median of those before costs one or two folds instead of three."""
    model = train(split.training, HORIZON, Recipe(families=("decision_tree",), search="random", search_trials=20))
    given_up = model.facts.given_up
    assert given_up
    assert all(one.folds < 3 for one in given_up)
    assert len(given_up) + len(model.facts.tried) == 20
    assert model.setting in [one.setting for one in model.facts.tried]


def test_a_search_that_finds_nothing_better_stops(split: Split) -> None:
    """Twenty settings in a row without a better one end it long before the budget."""
    facts = train(
        split.training, HORIZON, Recipe(families=("logistic_regression",), search="random", search_trials=300)
    ).facts
    losses = [one.log_loss for one in facts.tried]
    assert facts.search["ended"] == "no improvement"
    assert 20 < facts.search["trials"] < 300
    assert facts.search["trials"] - 1 - int(np.argmin(losses)) >= 20 or facts.given_up


def test_when_time_cuts_the_search_the_record_says_where_and_gives_the_same_model_again(split: Split) -> None:
    """On another machine the same seed gets further in the same time; the number of settings makes it repeatable."""
    recipe = Recipe(families=QUICK, search="random", search_trials=30, search_seconds=40)
    # Each look at the clock takes 5 s, and each setting looks a few times: time is over after a handful.
    cut = train(split.training, HORIZON, recipe, clock=_ticking(5))
    assert cut.facts.search["ended"] == "time"
    assert cut.recipe.trials_done == cut.facts.search["trials"] < 10
    assert cut.recipe.as_dict() != recipe.as_dict()
    assert any("seconds had passed" in note for note in cut.facts.notes)
    again = train(split.training, HORIZON, cut.recipe, clock=_ticking(0.001))
    assert np.array_equal(_probabilities(again, split), _probabilities(cut, split))
    assert again.recipe.as_dict() == cut.recipe.as_dict()


def test_a_search_that_time_did_not_cut_is_recorded_without_its_seconds(split: Split) -> None:
    """A larger budget that changes nothing must not rename the version."""
    recipe = Recipe(families=("decision_tree",))
    longer = replace(recipe, search_seconds=9999)
    assert train(split.training, HORIZON, recipe).recipe.as_dict() == recipe.as_dict() == longer.as_dict()


def test_one_setting_is_tried_even_without_any_time(split: Split) -> None:
    """A budget of nothing still gives a model, or says why there is none."""
    model = train(split.training, HORIZON, Recipe(search_seconds=1e-9), clock=_ticking(1))
    assert model.facts.search["trials"] == 1
