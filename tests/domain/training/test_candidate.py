"""Promises about making a candidate: a leak or a refusal gives a reason and no model; otherwise everything to save."""

import numpy as np
import pandas as pd
import pytest

from failure_platform.domain.families.family import RecipeRefusedError
from failure_platform.domain.features.wide import FACT_COLUMNS, data_version
from failure_platform.domain.leaks.findings import Acceptance
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.candidate import Candidate, NoCandidate, make_candidate
from failure_platform.domain.training.fitting import Recipe, score
from support.training_plant import plant

QUICK = Recipe(families=("logistic_regression",))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    vehicles, _ = plant(900, 8)
    return vehicles.assign(
        **{name: pd.Series([None] * len(vehicles), dtype="str") for name in FACT_COLUMNS if name not in vehicles}
    )


def test_a_candidate_holds_what_the_registry_saves_and_the_page_shows(frame: pd.DataFrame) -> None:
    progress: list[str] = []
    made = make_candidate(frame, ROAD_TEST, QUICK, None, {}, lambda step: progress.append(str(step)))
    assert isinstance(made, Candidate)
    assert made.audit.findings == ()
    assert len(progress) == made.model.facts.search["trials"] == len(made.search_table)
    assert made.search_png.startswith(b"\x89PNG")
    saved = made.to_save("road_test", "7", {"scikit-learn": "1"})
    assert (saved.origin.data_version, saved.origin.code_version) == (data_version(frame), "7")
    assert saved.origin.recipe == QUICK.as_dict()
    assert saved.vehicles == len(made.split.training)
    assert saved.facts == {**made.model.facts.as_dict(), "leak_audit": made.audit.as_dict()}
    assert tuple(saved.sample.columns) == saved.features
    assert set(saved.sample.dtypes) == {np.dtype("float32")}
    newest = made.split.training.tail(len(saved.sample))
    assert np.array_equal(
        score(saved.pipeline, saved.features, saved.sample), score(saved.pipeline, saved.features, newest)
    )


def test_a_leak_is_the_reason_and_nothing_is_trained(frame: pd.DataFrame) -> None:
    copied = frame["label"].astype("float32") + np.random.default_rng(0).normal(scale=0.05, size=len(frame))
    leaky = frame.assign(**{"value:2:777777:0": copied.astype("float32")})
    made = make_candidate(leaky, ROAD_TEST, QUICK, None, {})
    assert isinstance(made, NoCandidate)
    assert made.audit is not None
    assert [one.feature for one in made.audit.findings] == ["value:2:777777:0"]
    accepted = make_candidate(leaky, ROAD_TEST, QUICK, None, {"value:2:777777:0": Acceptance("Ana", "measured before")})
    assert isinstance(accepted, Candidate)
    origin = accepted.to_save("road_test", "7", {}).origin
    assert origin.recipe["accepted_features"] == [
        {"feature": "value:2:777777:0", "who": "Ana", "why": "measured before"}
    ]


def test_too_little_to_learn_from_is_a_reason_without_findings(frame: pd.DataFrame) -> None:
    made = make_candidate(frame, ROAD_TEST, Recipe(min_failures=10_000), None, {})
    assert isinstance(made, NoCandidate)
    assert made.audit is None
    assert "at least 10000 are needed" in made.reason


def test_a_recipe_that_cannot_be_followed_is_an_error(frame: pd.DataFrame) -> None:
    with pytest.raises(RecipeRefusedError):
        make_candidate(frame, ROAD_TEST, Recipe(families=("forest",)), None, {})
