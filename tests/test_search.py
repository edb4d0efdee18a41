"""Promises about the search: the same seed finds the same, a budget ends it, bad settings cost little."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from training_plant import plant

from failure_platform.domain.families.catalogue import DEFAULT, families
from failure_platform.domain.search import Progress
from failure_platform.domain.split import Split, time_split
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training import Recipe, TrainedModel, score, train

HORIZON = ROAD_TEST.horizon
QUICK = ("prior", "logistic_regression", "decision_tree")


@pytest.fixture(scope="module")
def split() -> Split:
    return time_split(plant(900, noise=25)[0], HORIZON)


def _ticking(seconds: float) -> Callable[[], float]:
    """A clock on which each look takes that long."""
    ticks = count(step=seconds)
    return lambda: next(ticks)


def _said(model: TrainedModel, split: Split) -> np.ndarray:
    return score(model.pipeline, model.features, split.comparison)


def test_the_grid_tries_every_default_setting_of_every_family_once(split: Split) -> None:
    """None is left out, none twice, however few trials the other kinds may have."""
    seen: list[Progress] = []
    model = train(split.training, HORIZON, Recipe(search_trials=1), say=seen.append)
    tried = [(one.family, tuple(sorted(one.setting.items()))) for one in model.facts.tried]
    assert len(set(tried)) == len(tried) == len(seen)
    defaults = {family.name: len(family.grid(len(model.features))) for family in families(DEFAULT)}
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
    assert np.array_equal(_said(one, split), _said(two, split))
    other = train(split.training, HORIZON, replace(recipe, seed=4))
    assert [tried.setting for tried in other.facts.tried] != [tried.setting for tried in one.facts.tried]


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_a_search_is_never_worse_than_each_family_s_first_default(split: Split, kind: str) -> None:
    """It starts there, so more trials can only improve what is chosen by."""
    families_ = ("logistic_regression", "decision_tree")
    recipe = Recipe(families=families_, search=kind, search_trials=12)  # type: ignore[arg-type]
    found = train(split.training, HORIZON, recipe).facts
    grid = train(split.training, HORIZON, Recipe(families=families_)).facts
    first = [next(one for one in grid.tried if one.family == family) for family in families_]
    assert [one.setting for one in found.tried[:2]] == [one.setting for one in first]
    assert min(one.log_loss for one in found.tried) <= min(one.log_loss for one in first)
    assert found.search == {**found.search, "trials": 12, "ended": "trials"}


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
    assert np.array_equal(_said(again, split), _said(cut, split))
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
