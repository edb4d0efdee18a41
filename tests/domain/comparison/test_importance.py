"""Promises about permutation importance: the features that matter are found, the others are not, at a bounded cost."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from failure_platform.domain.comparison.importance import MAX_FEATURES, MAX_VEHICLES, Importance, importance


class Counting:
    """A model that counts its calls and the vehicles it scores."""

    def __init__(self, model: Any) -> None:
        self.model, self.vehicles = model, list[int]()

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> "Counting":
        self.model.fit(x, y)
        return self

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        self.vehicles.append(len(x))
        return np.asarray(self.model.predict_proba(x))


def _plant(vehicles: int, features: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Vehicles of which the features 3 (most), 17 and 29 make failures; a tenth of 17 is missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(vehicles, features)).astype("float32")
    odds = 2.0 * x[:, 3] + 1.0 * x[:, 17] + 0.6 * x[:, 29] - 2.5
    failed = (rng.random(vehicles) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    x[::10, 17] = np.nan
    return pd.DataFrame(x, columns=[f"value:2:{i:06d}:0" for i in range(features)]), failed


def _name(feature: int) -> str:
    return f"value:2:{feature:06d}:0"


def _found(model: Any, vehicles: int = 1500, features: int = 60, seed: int = 5) -> tuple[Importance, ...]:
    learnt, labels = _plant(vehicles, features)
    frame, failed = _plant(vehicles, features, seed=1)
    # One thread: boosting on a busy machine waits for its second one.
    with threadpool_limits(1):
        fitted = model.fit(learnt, labels)
    return importance(fitted, list(learnt.columns), frame, failed, seed)


def test_the_features_that_make_failures_lead_in_order() -> None:
    """For trees and for a linear model with missing values alike."""
    for model in (
        HistGradientBoostingClassifier(max_iter=40, random_state=0),
        make_pipeline(SimpleImputer(), LogisticRegression(C=0.05)),
    ):
        found = _found(model)
        assert [one.feature for one in found[:3]] == [_name(3), _name(17), _name(29)]
        assert found[0].drop > 3 * found[1].drop > 0 or found[0].drop > found[1].drop + 0.05
        assert all(abs(one.drop) < 0.05 for one in found[3:])
        assert all(one.spread >= 0 for one in found)


def test_a_feature_that_the_model_cannot_use_is_not_listed() -> None:
    """A stump uses one feature: nothing else moves a probability, so nothing else is listed."""
    (only,) = _found(HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=2))
    assert only.feature == _name(3)
    assert only.drop > 0.1


def test_the_cost_is_bounded_whatever_the_size() -> None:
    """A model of a thousand features, all used, is called some dozen times on a sample, not once per feature."""
    model = Counting(make_pipeline(SimpleImputer(), LogisticRegression(C=10.0)))
    found = _found(model, vehicles=MAX_VEHICLES + 1000, features=1000)
    assert len(found) <= MAX_FEATURES
    assert [one.feature for one in found[:3]] == [_name(3), _name(17), _name(29)]
    assert len(model.vehicles) <= 55
    assert sum(model.vehicles) <= 60 * MAX_VEHICLES


def test_the_same_seed_gives_the_same_importances() -> None:
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0)
    assert _found(model) == _found(model)
    assert _found(model) != _found(model, seed=6)


def test_without_a_failure_or_without_use_there_is_nothing_to_tell() -> None:
    """Average precision is not defined without failures; a model of a constant leans on nothing."""
    learnt, labels = _plant(300, 30)
    features = list(learnt.columns)
    constant = DummyClassifier(strategy="prior").fit(learnt, labels)
    assert importance(constant, features, learnt, labels, 0) == ()
    tree = DecisionTreeClassifier(max_depth=2).fit(learnt, labels)
    assert importance(tree, features, learnt, labels, 0) != ()
    assert importance(tree, features, learnt, np.zeros(300, np.int8), 0) == ()
