"""Promises about tests whose value never varies: that a vehicle has one is a feature, and is audited as any other."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from failure_platform.domain.features.names import explain
from failure_platform.domain.features.presence import with_presence
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.candidate import NoCandidate, make_candidate
from failure_platform.domain.training.fitting import score, train
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.split import time_split
from failure_platform.domain.training.trainable import FEWEST_VEHICLES, keep_features, model_columns
from support.modelling_lake import HOUR, T0, SmallLake, event, result
from support.training_plant import plant

CODE = "1:580301:0"
VALUE, PRESENT = f"value:{CODE}", f"present:{CODE}"


def _with_code(frame: pd.DataFrame, has: np.ndarray, value: float = 7.0) -> pd.DataFrame:
    return frame.assign(**{VALUE: np.where(has, value, np.nan).astype(np.float32)})


@cache
def _failing_with_code() -> pd.DataFrame:
    """Vehicles of which those with the code fail four times as often, and nothing else tells."""
    frame, _ = plant(1500, noise=4)
    rng = np.random.default_rng(3)
    has = rng.random(len(frame)) < 0.3
    failed = rng.random(len(frame)) < np.where(has, 0.4, 0.1)
    return _with_code(frame.assign(label=pd.array(failed.astype(int), dtype="Int8")), has)


@pytest.mark.fault(73)
@pytest.mark.parametrize("value", [7.0, 0.0, -1.5])
def test_presence_of_a_code_whose_value_never_varies_is_a_feature(value: float) -> None:
    """Whatever the value is; a code that all have, or that hardly any vehicle has or lacks, tells nothing."""
    frame, _ = plant(300, noise=3)
    some, none_lacks = np.arange(300) % 3 == 0, np.ones(300, dtype=bool)
    few, nearly_all = np.arange(300) < FEWEST_VEHICLES - 1, np.arange(300) >= FEWEST_VEHICLES - 1
    for has, kept in ((some, True), (none_lacks, False), (few, False), (nearly_all, False)):
        x = _with_code(frame, has, value).loc[:, [VALUE, "nok:2:041001"]]
        found = keep_features(x)
        assert (PRESENT in found.names) == kept
        assert VALUE not in found.names
        assert found.constant == (0 if has is not none_lacks else 1)
        if kept:
            columns = model_columns(found.names, x)
            assert columns[PRESENT].tolist() == has.astype(float).tolist()
            assert columns.equals(model_columns(found.names, columns)), "a model's own columns stay as they are"
    assert "has a value, else 0" in explain(PRESENT).description


def test_a_code_whose_value_varies_stays_a_value() -> None:
    """Trees see a missing value as it is; a second column of the same would only add noise to many."""
    frame, _ = plant(300, noise=3)
    x = frame[["value:2:000000:0"]]
    assert keep_features(x).names == ("value:2:000000:0",)
    assert with_presence(x, ["value:2:000000:0"]) is x


@pytest.mark.fault(73)
@pytest.mark.parametrize("family", ["logistic_regression", "histogram_gradient_boosting"])
def test_what_only_presence_tells_is_learnt(family: str) -> None:
    """A family that fills missing values learns it as well as one that does not."""
    split = time_split(_failing_with_code(), ROAD_TEST.horizon)
    model = train(split.training, ROAD_TEST.horizon, Recipe(families=("prior", family)))
    assert model.family == family
    assert PRESENT in model.features
    y = split.comparison["label"].to_numpy(dtype=np.int8)
    attainable = roc_auc_score(y, split.comparison[VALUE].notna())
    reached = roc_auc_score(y, score(model.pipeline, model.features, split.comparison))
    assert reached - 0.5 > 0.8 * (attainable - 0.5) > 0.1


@pytest.mark.fault(73)
def test_a_code_without_any_value_is_told_by_a_feature_of_its_own() -> None:
    """Fluid tests have no value at all; only rows before the prediction point count."""
    rows = [
        result("A", T0 - HOUR, None, "310200"), result("A", T0 - 2 * HOUR, None, "310200"),
        result("B", T0 + HOUR, None, "310200"), result("B", T0 - HOUR, float("nan"), "310201"),
        result("A", T0 - HOUR, 1.0),
    ]  # fmt: skip
    frame = SmallLake(status=[event("A", T0), event("B", T0)], resultados=rows).vehicles().set_index("KNR")
    assert frame["recorded:2:310200:0"].to_dict() == {"A": 1, "B": 0}
    assert frame["recorded:2:310201:0"].to_dict() == {"A": 0, "B": 1}
    assert "recorded:2:041001:0" not in frame
    assert "without a value" in explain("recorded:2:310200:0").description


@pytest.mark.fault(73)
def test_presence_that_gives_the_outcome_away_is_a_leak() -> None:
    """A code that only failed vehicles have is made after the failure: the audit sees it although no value varies."""
    frame, _ = plant(600, noise=3)
    texts = {name: pd.Series([None] * len(frame), dtype="str") for name in ("MODELO", "COR", "MOTOR", "upload")}
    frame = _with_code(frame.assign(**texts, failure_group=None), (frame["label"] == 1).to_numpy(dtype=bool))
    made = make_candidate(frame, ROAD_TEST, Recipe(families=("prior",)), None, ())
    assert isinstance(made, NoCandidate)
    assert made.blocked.check == "leak_audit"
    assert PRESENT in made.blocked.features
    assert PRESENT in made.blocked.what_to_do
