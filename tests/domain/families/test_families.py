"""Promises about the families: each trains, is kept by skops, and offers settings inside its own ranges."""

import subprocess
import sys

import numpy as np
import pytest
import skops.io

from failure_platform.domain.families.available import DEFAULT, families
from failure_platform.domain.families.family import Family, RecipeRefusedError, Setting
from failure_platform.domain.families.preprocessing import preprocessing_steps, used_columns
from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.fitting import Recipe, score, train
from failure_platform.domain.training.inner_validation import ValidationData, fit_setting
from failure_platform.domain.training.split import time_split
from failure_platform.resources.registry.model_files import ALLOWED_TYPES
from support.training_plant import plant

HORIZON = ROAD_TEST.horizon


@pytest.mark.parametrize("family", DEFAULT)
@pytest.mark.parametrize("noise", [3, 40])
def test_a_saved_model_needs_no_more_than_the_allow_list(family: str, noise: int) -> None:
    """Every family and preparation answers the same after it is loaded, and the threshold is inside."""
    split = time_split(plant(500, noise)[0], HORIZON)
    model = train(split.training, HORIZON, Recipe(families=(family,)))
    stored = skops.io.dumps(model.pipeline)
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(ALLOWED_TYPES)
    loaded = skops.io.loads(stored, trusted=list(ALLOWED_TYPES))
    p, again = (score(one, model.features, split.comparison) for one in (model.pipeline, loaded))
    assert np.array_equal(p, again)
    alarms = loaded.predict(split.comparison[list(model.features)])
    assert np.array_equal(alarms == 1, p >= model.threshold)
    assert model.family == family


@pytest.mark.parametrize("features", [5, 25, 500])
@pytest.mark.parametrize("family", families(DEFAULT), ids=DEFAULT)
def test_every_default_setting_lies_inside_the_ranges_that_are_searched(family: Family, features: int) -> None:
    """A search starts with the defaults; Optuna would draw another in place of one outside the ranges."""
    grid, ranges = family.grid(features), family.space(features)
    assert len({tuple(sorted(values)) for values in grid}) == 1
    assert {Setting.of(family.name, values).family for values in grid} == {family.name}
    for name, distribution in ranges.items():
        assert all(distribution._contains(distribution.to_internal_repr(values[name])) for values in grid), name
    assert not ranges or set(ranges) == set(grid[0])


def test_the_base_rate_alarms_nobody_and_says_so() -> None:
    """A model that tells no vehicle from another has no threshold to choose and nothing to calibrate."""
    split = time_split(plant(500, 3)[0], HORIZON)
    model = train(split.training, HORIZON, Recipe(families=("prior",), calibration="sigmoid"))
    p = score(model.pipeline, model.features, split.comparison)
    assert np.allclose(p, model.base_rate)
    assert not model.pipeline.predict(split.comparison[list(model.features)]).any()
    assert any("base rate" in note for note in model.facts.notes)


@pytest.mark.fault(72)
def test_the_base_rate_competes_with_the_others() -> None:
    """Where nothing has less log loss, the candidate is the base rate, and not the luckiest of the others."""
    frame = plant(900, noise=5)[0]
    shuffled = frame.assign(label=frame["label"].sample(frac=1, random_state=5).to_numpy())
    split = time_split(shuffled, HORIZON)
    model = train(split.training, HORIZON, Recipe(families=("prior", "decision_tree")))
    prior, *others = sorted(model.facts.tried, key=lambda one: one.family != "prior")
    assert prior.log_loss == pytest.approx(model.facts.base_rate_log_loss)
    assert model.family == "prior"
    assert prior.roc_auc == 0.5, "each fold has another base rate; none of them ranks its vehicles"
    assert prior.average_precision is not None
    assert prior.average_precision < 0.3
    assert all(prior.log_loss < other.log_loss for other in others)


def test_an_unknown_family_is_refused() -> None:
    """A misspelt family in the settings must not silently train without it."""
    with pytest.raises(RecipeRefusedError, match="logistic_regression"):
        families(("logistic",))
    with pytest.raises(RecipeRefusedError, match="no model family is named"):
        families(())
    with pytest.raises(ValueError, match="no preprocessing 'curve'"):
        preprocessing_steps("curve", 5, 100, 0)


def test_optional_libraries_are_not_imported_until_they_are_named() -> None:
    """A platform without the extras starts; PyTorch alone would take seconds and gigabytes."""
    code = (
        "import sys; import failure_platform.domain.training.fitting; "
        "print([name for name in ('torch', 'skorch', 'imblearn') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_setting_may_leave_the_distances_out() -> None:
    """A measurement and its distance from the running median say the same twice; where nothing drifts, one is noise."""
    frame, _ = plant(900, noise=2)
    values = [name for name in frame if name.startswith("value:")]
    noise = np.random.default_rng(0).normal(scale=1.5, size=(900, len(values))).astype(np.float32)
    distances = (frame[values] + noise).set_axis([name.replace("value", "distance") for name in values], axis=1)
    split = time_split(frame.join(distances), HORIZON)
    model = train(split.training, HORIZON, Recipe(families=("histogram_gradient_boosting",)))
    assert {one.setting["without"] for one in model.facts.tried} == {None, "distance"}
    assert model.setting["without"] == "distance"
    assert not [name for name in model.features if name.startswith("distance:")]
    products = [one for one in model.facts.tried if one.setting["feature_preprocessing"] == "products"]
    assert [one.setting["without"] for one in products] == ["distance"]


@pytest.mark.parametrize("name", ["logistic_regression", "histogram_gradient_boosting"])
def test_fitted_on_the_columns_it_uses_a_model_says_the_same(name: str) -> None:
    """A model asks for the features behind its screen alone, and not one probability changes by that."""
    split = time_split(plant(500, 40)[0], HORIZON)
    x, y = split.training[feature_columns(split.training)], split.training["label"].to_numpy(dtype=np.int8)
    (family,) = families((name,))
    setting = Setting.of(name, next(values for values in family.grid(x.shape[1]) if values["keep"] is not None))
    data = ValidationData(x, y, [], None, 1)
    wide = fit_setting(x, data, family, setting, "none")
    used = [x.columns[position] for position in used_columns(wide, x.shape[1])]
    assert 0 < len(used) < x.shape[1]
    narrow = fit_setting(x[used], data, family, setting, "none")
    new = split.comparison
    assert np.array_equal(wide.predict_proba(new[x.columns]), narrow.predict_proba(new[used]))
