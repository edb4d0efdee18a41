"""Promises about training: time decides what is learnt, the same data give the same model, refusals say why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from modelling_lake import DAY, HOUR, T0, SmallLake
from sklearn.metrics import roc_auc_score

from failure_platform.domain.families import settings as family_settings
from failure_platform.domain.metrics import measure
from failure_platform.domain.split import Split, time_folds, time_split
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training import NotTrainableError, Recipe, TrainedModel, score, train

HORIZON = ROAD_TEST.horizon
# What the registry's allow-list holds besides scikit-learn's own trusted types.
LOADABLE = {
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
}


def _plant(vehicles: int = 1200, noise: int = 40, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A wide frame in which failures depend on a straight line, a window and a count, and the true probabilities."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(vehicles, noise + 2)).astype(np.float32)
    nok = rng.poisson(0.2, vehicles).astype(np.float32)
    p = 1 / (1 + np.exp(-(-3.6 + 1.1 * x[:, 0] + 1.8 * (np.abs(x[:, 1]) > 1.3) + 1.3 * nok)))
    x[rng.random(x.shape) < 0.02] = np.nan
    frame = pd.DataFrame(
        {
            "KNR": [f"2024-02{i:05d}" for i in rng.permutation(vehicles)],
            "predicted_at": pd.to_datetime(T0) + np.arange(vehicles) * HOUR,
            "label": pd.array((rng.random(vehicles) < p).astype(int), dtype="Int8"),
            "label_reason": None,
            "last_row_at": pd.to_datetime(T0) + np.arange(vehicles) * HOUR - HOUR,
            "nok:2:041001": nok,
            **{f"value:2:{i:06d}:0": column for i, column in enumerate(x.T)},
        }
    )
    return frame, p


@pytest.fixture(scope="module")
def plant() -> tuple[Split, TrainedModel, np.ndarray]:
    """A split, the model trained on its training side, and the true probabilities of its comparison side."""
    frame, p = _plant()
    split = time_split(frame, HORIZON)
    truth = pd.Series(p, index=frame["KNR"])[split.comparison["KNR"]].to_numpy()
    return split, train(split.training, HORIZON, Recipe()), truth


@pytest.mark.fault(38)
def test_both_sides_are_apart_in_time_by_the_horizon() -> None:
    """At the first judged vehicle's prediction point every trained-on label was known, and nobody is on both sides."""
    frame, _ = _plant(400)
    frame.loc[frame.index[-20:], "label"] = pd.NA
    split = time_split(frame.sample(frac=1, random_state=1), HORIZON)
    assert split.cut is not None
    assert split.training["predicted_at"].max() + HORIZON <= split.cut == split.comparison["predicted_at"].min()
    assert not set(split.training["KNR"]) & set(split.comparison["KNR"])
    assert (len(split.comparison), split.unlabelled) == (95, 20)
    assert len(split.training) + split.purged + 95 + 20 == 400
    assert split.training["KNR"].is_monotonic_increasing
    assert split.comparison["predicted_at"].is_monotonic_increasing


def test_the_comparison_holds_only_vehicles_newer_than_the_production_model() -> None:
    """A production model judged on what it was trained on would block every candidate for ever."""
    frame, _ = _plant(400)
    later = frame["predicted_at"].iloc[350].to_pydatetime()
    split = time_split(frame, HORIZON, newer_than=later)
    assert split.comparison["predicted_at"].min() == frame["predicted_at"].iloc[351]
    assert time_split(frame, HORIZON, newer_than=T0).cut == time_split(frame, HORIZON).cut
    assert time_split(frame, HORIZON, newer_than=T0 + 900 * DAY).comparison.empty


def test_vehicles_of_one_moment_stay_on_one_side_and_nothing_labelled_is_no_split() -> None:
    """The cut lies between two moments, never inside one."""
    frame, _ = _plant(100)
    frame["predicted_at"] = [pd.Timestamp(T0)] * 60 + [pd.Timestamp(T0 + 9 * DAY)] * 40
    split = time_split(frame, HORIZON)
    assert (len(split.training), len(split.comparison)) == (60, 40)
    nothing = time_split(frame.assign(label=pd.array([pd.NA] * 100, dtype="Int8")), HORIZON)
    assert (nothing.cut, nothing.unlabelled, len(nothing.training)) == (None, 100, 0)
    with pytest.raises(ValueError, match="holdout_share"):
        time_split(frame, HORIZON, holdout_share=1.0)


@settings(max_examples=60, deadline=None)
@given(
    hours=st.lists(st.integers(0, 24 * 40), min_size=20, max_size=120),
    every=st.integers(2, 7),
    folds=st.integers(1, 5),
)
def test_a_fold_is_fitted_only_on_what_was_known_when_its_judged_block_began(
    hours: list[int], every: int, folds: int
) -> None:
    """The inner validation meets the future as the real one does; a vehicle is judged at most once."""
    asked = np.datetime64(T0, "us") + np.array(hours) * np.timedelta64(1, "h")
    failed = np.arange(len(hours)) % every == 0
    judged: list[int] = []
    for fit, judge in time_folds(asked, failed, HORIZON, folds):
        assert asked[fit].max() + np.timedelta64(HORIZON) <= asked[judge].min()
        assert failed[fit].sum() >= 2
        judged += judge.tolist()
    assert len(judged) == len(set(judged))


def test_the_same_data_give_the_same_model_whatever_the_order_of_rows(
    plant: tuple[Split, TrainedModel, np.ndarray],
) -> None:
    """Boosting changes with the order of rows, so the split fixes it; figures and probabilities agree to the bit."""
    split, model, _ = plant
    frame, _ = _plant()
    again = train(time_split(frame.sample(frac=1, random_state=3), HORIZON).training, HORIZON, Recipe())
    said = [score(one.pipeline, one.features, split.comparison) for one in (model, again)]
    assert np.array_equal(*said)
    assert (again.threshold, again.setting) == (model.threshold, model.setting)
    assert [one.log_loss for one in again.facts.tried] == [one.log_loss for one in model.facts.tried]


def test_most_of_the_attainable_is_reached_among_noise(plant: tuple[Split, TrainedModel, np.ndarray]) -> None:
    """Straight, window-like and counted causes are found among forty features of noise, with honest probabilities."""
    split, model, truth = plant
    y = split.comparison["label"].to_numpy(dtype=np.int8)
    p = score(model.pipeline, model.features, split.comparison)
    assert roc_auc_score(y, p) - 0.5 >= 0.85 * (roc_auc_score(y, truth) - 0.5)
    assert p.mean() == pytest.approx(truth.mean(), rel=0.25)
    figures = measure(y, p, model.threshold)
    base = measure(y, np.full(len(y), model.base_rate), 2.0)
    assert figures["brier"] < base["brier"]  # type: ignore[operator]
    assert figures["f1"] > measure(y, p, 0.0)["f1"]  # type: ignore[operator]


def test_every_family_trains_and_records_what_was_tried(plant: tuple[Split, TrainedModel, np.ndarray]) -> None:
    """The facts hold each setting's figures, the chosen one is the best of them, and all of it is JSON."""
    split, model, _ = plant
    facts = model.facts
    assert {one.family for one in facts.tried} == {"logistic_regression", "histogram_gradient_boosting"}
    best = min(facts.tried, key=lambda one: one.log_loss)
    assert (best.family, best.setting) == (model.family, model.setting)
    assert best.log_loss < facts.base_rate_log_loss
    assert facts.as_dict()["trained_until"] == split.training["predicted_at"].max().isoformat()
    assert facts.failures == split.training["label"].sum() == round(model.base_rate * facts.vehicles)


@pytest.mark.parametrize("family", ["logistic_regression", "histogram_gradient_boosting"])
@pytest.mark.parametrize("noise", [3, 40])
def test_a_saved_model_needs_no_more_than_the_allow_list(family: str, noise: int) -> None:
    """Every family and preparation consists of stock classes, and answers the same after it is loaded."""
    split = time_split(_plant(500, noise)[0], HORIZON)
    model = train(split.training, HORIZON, Recipe(families=(family,)))
    stored = skops.io.dumps(model.pipeline)
    assert set(skops.io.get_untrusted_types(data=stored)) <= LOADABLE
    loaded = skops.io.loads(stored, trusted=sorted(LOADABLE))
    said, again = (score(one, model.features, split.comparison) for one in (model.pipeline, loaded))
    assert np.array_equal(said, again)
    alarms = loaded.predict(split.comparison[list(model.features)])
    assert np.array_equal(alarms == 1, said >= model.threshold), "the threshold is inside the saved model"


def test_scoring_takes_frames_that_lack_or_add_columns(plant: tuple[Split, TrainedModel, np.ndarray]) -> None:
    """Another day's lake knows other tests: columns the model does not know, and their order, are no matter."""
    split, model, _ = plant
    few = split.comparison.head(50)
    said = score(model.pipeline, model.features, few)
    mixed = few[few.columns[::-1]].assign(**{"value:2:999999:0": 1.0})
    assert np.array_equal(score(model.pipeline, model.features, mixed), said)
    assert score(model.pipeline, model.features, few.head(0)).shape == (0,)


def test_a_lacking_value_is_a_gap_and_a_lacking_count_is_zero() -> None:
    """A lake without a single NOK has no column for it; that means none happened, not that nobody knows."""
    frame, _ = _plant(500, noise=3)
    gap, zero = "value:2:000000:0", "nok:2:041001"
    split = time_split(frame.assign(**{zero: 4 * frame[zero] + np.arange(500) % 5}), HORIZON)
    model = train(split.training, HORIZON, Recipe(families=("logistic_regression",)))
    few = split.comparison.head(50)

    def say(value: float, count: float) -> np.ndarray:
        return score(model.pipeline, model.features, few.assign(**{gap: value, zero: count}))

    lacking = score(model.pipeline, model.features, few.drop(columns=[gap, zero]))
    assert np.array_equal(lacking, say(np.nan, 0.0))
    assert not np.array_equal(lacking, say(np.nan, np.nan))
    assert not np.array_equal(lacking, say(0.9, 0.0))


@pytest.mark.fault(39, 40)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.assign(label=0), "0 failures .* at least 10 are needed"),
        (lambda f: f.assign(label=1), "all 300 .* did not fail"),
        (lambda f: f.head(0), "0 failures among 0"),
        (lambda f: f.drop(columns=[name for name in f if ":" in name]), "no feature differs"),
        (lambda f: f.assign(predicted_at=pd.Timestamp(T0)), "within one horizon"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_what_to_do(
    change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    """No model is better than one that cannot know anything; the message tells a person the next step."""
    frame = _plant(300)[0].sort_values("KNR", ignore_index=True)
    with pytest.raises(NotTrainableError, match=reason) as refusal:
        train(change(frame), HORIZON, Recipe())
    assert any(verb in str(refusal.value) for verb in ("Upload", "Wait"))


def test_gaps_empty_and_constant_columns_do_not_stop_training() -> None:
    """A test that was introduced later, never measured or never varying is a column like any other."""
    frame = _plant(500, noise=30)[0]
    late = np.where(np.arange(500) < 300, np.nan, np.arange(500)).astype(np.float32)
    odd = {"value:2:9:0": np.float32(np.nan), "value:2:9:1": np.float32(4), "value:2:9:2": late}
    split = time_split(frame.assign(**odd), HORIZON)
    model = train(split.training, HORIZON, Recipe())
    assert {"value:2:9:0", "value:2:9:1"}.isdisjoint(model.features)
    assert np.isfinite(score(model.pipeline, model.features, split.comparison)).all()


def test_an_unknown_family_is_refused() -> None:
    """A misspelt family in the settings must not silently train without it."""
    with pytest.raises(ValueError, match="logistic_regression"):
        family_settings(("logistic",), 10)


def test_ai4i_reaches_what_an_honest_model_can(real_data: Callable[[str], Path]) -> None:
    """The newest quarter of the real set: ROC AUC at least 0.95 and average precision at least 0.65."""
    split = time_split(SmallLake.of_real_set(real_data("ai4i")).vehicles(), HORIZON)
    model = train(split.training, HORIZON, Recipe())
    y = split.comparison["label"].to_numpy(dtype=np.int8)
    figures = measure(y, score(model.pipeline, model.features, split.comparison), model.threshold)
    assert figures["roc_auc"] >= 0.95  # type: ignore[operator]
    assert figures["average_precision"] >= 0.65  # type: ignore[operator]
    assert figures["f1"] >= 0.6  # type: ignore[operator]
