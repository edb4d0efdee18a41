"""Promises of `predict` and `decide` in the terminal: an answer for each state of a vehicle, never by an old model."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from rich.console import Console

from failure_platform.cli import drawing
from failure_platform.cli.flow import decide
from failure_platform.cli.model_commands import NotKnownError, history, prediction
from failure_platform.cli.model_drawing import draw_models
from failure_platform.resources.lake.target_tables import replace_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from support.model_samples import NOW, compared, promote_unverified, trained, vehicles

# Known good, known failed, unknown, and trained on: the outcomes as the vehicles table has them, empty ones as NA.
VEHICLES = {"2026-0110001": 0, "2026-0110002": 1, "2026-0110003": pd.NA, "2025-0110004": 0}


@pytest.fixture
def home_with_vehicles(settings: Settings) -> Platform:
    platform = Platform(settings)
    features, _ = vehicles(len(VEHICLES))
    points = [pd.Timestamp("2025-06-01") if knr.startswith("2025") else pd.Timestamp("2026-01-05") for knr in VEHICLES]
    facts = pd.DataFrame(
        {"KNR": list(VEHICLES), "predicted_at": points, "label": pd.array(list(VEHICLES.values()), dtype="Int8")}
    )
    replace_table(platform.lake, vehicles_table("road_test"), pd.concat([facts, features], axis=1))
    return platform


def promote(platform: Platform, seed: int, expected: str = "") -> str:
    version = platform.registry.save(trained(seed), NOW).version
    platform.registry.record_comparison(compared(version, expected or None, uses=2 if expected else 1))
    form = {
        "decision": "promote",
        "version": version,
        "expected_version": expected,
        "who": "Ana",
        "why": "fewer misses",
    }
    decide(platform.settings, "road_test", {"decision": "promote", **form})
    return version


def told(found: dict[str, object]) -> str:
    out = Console(width=300)
    with out.capture() as text:
        drawing.draw_prediction(found, out)
    return text.get()


def test_predict_answers_for_every_state_of_a_vehicle(home_with_vehicles: Platform) -> None:
    """A vehicle whose outcome is unknown is what it is for; and what is known is never left out."""
    version = promote(home_with_vehicles, 0)
    settings = home_with_vehicles.settings
    found = {knr: prediction(settings, "road_test", knr) for knr in VEHICLES}
    assert [one["outcome"] for one in found.values()] == [0, 1, None, 0]
    assert [one["trained_on"] for one in found.values()] == [False, False, False, True]
    assert {one["version"] for one in found.values()} == {version}
    good, failed, unknown, seen = map(told, found.values())
    assert "it did not fail" in good
    assert "it failed" in failed
    assert "outcome" not in unknown
    assert "trained on this vehicle" in seen
    with pytest.raises(NotKnownError, match="has no prediction"):
        prediction(settings, "road_test", "2026-0110009")
    with pytest.raises(NotKnownError, match="no target 'other'"):
        prediction(settings, "other", "2026-0110001")


def test_a_promotion_in_the_terminal_brings_the_predictions_up_to_date(home_with_vehicles: Platform) -> None:
    """No sensor runs: without this, `predict` would answer with the model of before."""
    settings, knr = home_with_vehicles.settings, "2026-0110003"
    with pytest.raises(NotKnownError, match="No model is in production"):
        prediction(settings, "road_test", knr)
    first = promote(home_with_vehicles, 0)
    assert prediction(settings, "road_test", knr)["version"] == first
    second = promote(home_with_vehicles, 1, first)
    assert prediction(settings, "road_test", knr)["version"] == second
    form = {"version": first, "expected_version": second, "who": "Ana", "why": "alarms too often"}
    decide(settings, "road_test", {"decision": "roll_back", **form})
    assert prediction(settings, "road_test", knr)["version"] == first


def test_predictions_of_another_version_are_no_answer(home_with_vehicles: Platform) -> None:
    """Promoted where nothing predicts at once: told, instead of an answer by the model of before."""
    first = promote(home_with_vehicles, 0)
    second = home_with_vehicles.registry.save(trained(1), NOW).version
    home_with_vehicles.registry.record_comparison(compared(second, first, uses=2))
    promote_unverified(home_with_vehicles.registry, second, first)
    with pytest.raises(NotKnownError, match=f"{second} is in production and has not predicted yet"):
        prediction(home_with_vehicles.settings, "road_test", "2026-0110003")


def test_predict_names_the_verdict_of_the_model_that_answers(home_with_vehicles: Platform) -> None:
    """A person who asks about one vehicle learns whether the model may be believed at all."""
    version = promote(home_with_vehicles, 0)
    settings, knr = home_with_vehicles.settings, "2026-0110003"
    assert prediction(settings, "road_test", knr)["verdict"]["outcome"] == "better"
    few = {"outcome": "not_judged", "reason": "Only 4 of the vehicles failed."}
    later = compared(version, None, holdout_id="newer", compared_at=NOW + timedelta(hours=1), **few)
    home_with_vehicles.registry.record_comparison(later)
    assert "This model was not judged: Only 4 of the vehicles failed." in told(prediction(settings, "road_test", knr))


def listed(platform: Platform) -> str:
    out = Console(width=80)
    with out.capture() as text:
        draw_models(history(platform.settings, "road_test"), out)
    return text.get()


def test_figures_of_different_vehicles_are_not_lined_up_without_saying_so(settings: Settings) -> None:
    """0.81 on one quarter and 0.79 on the next do not say which version is better; on the same vehicles they do."""
    platform = Platform(settings)
    first, second = (platform.registry.save(trained(seed), NOW + timedelta(hours=seed)).version for seed in (0, 1))
    platform.registry.record_comparison(compared(first, None, holdout_id="older"))
    alone = listed(platform)
    assert "Figures measured on 500 vehicles, 60 failed" in alone
    assert "different vehicles" not in alone
    newer = compared(second, None, holdout_id="newer", vehicles=700, compared_at=NOW + timedelta(hours=2))
    platform.registry.record_comparison(newer)
    text = listed(platform)
    assert "a: 700 vehicles, 60 failed" in text
    assert "b: 500 vehicles, 60 failed" in text
    assert "of different vehicles: they do not say which version is better" in " ".join(text.split())
    marks = {line.split()[0]: line for line in text.splitlines() if line[:12] in (first, second)}
    assert " a " in marks[second]
    assert " b " in marks[first]
    assert max(map(len, text.splitlines())) <= 80
    told = {one["version"]: one["compared_on"] for one in history(settings, "road_test")["versions"]}
    assert (told[first]["holdout_id"], told[second]["vehicles"]) == ("older", 700)


def test_production_is_shown_by_its_figures_on_the_newest_vehicles(settings: Settings) -> None:
    """The candidate met it on vehicles newer than those it was promoted on: these figures can be set side by side."""
    platform = Platform(settings)
    first, second = (platform.registry.save(trained(seed), NOW + timedelta(hours=seed)).version for seed in (0, 1))
    platform.registry.record_comparison(compared(first, None, figures={"roc_auc": 0.9}, holdout_id="older"))
    record = compared(second, first, figures={"roc_auc": 0.8}, compared_at=NOW + timedelta(hours=2))
    both = replace(record.comparison, production={"roc_auc": 0.7}, reference="production")
    platform.registry.record_comparison(replace(record, comparison=both))
    versions = {one["version"]: one for one in history(settings, "road_test")["versions"]}
    assert [versions[name]["metrics"]["roc_auc"] for name in (first, second)] == [0.7, 0.8]
    assert {one["compared_on"]["holdout_id"] for one in versions.values()} == {"newest quarter"}
    assert versions[first]["verdict"] == "better", "the verdict is that of the comparison as a candidate"


def test_a_holdout_that_is_spent_is_told_in_a_sentence(settings: Settings) -> None:
    """11 of 10 is no number of anything."""
    few = settings.model_copy(update={"comparisons_per_holdout": 1})
    platform = Platform(few)
    for seed in (0, 1):
        version = platform.registry.save(trained(seed), NOW + timedelta(hours=seed)).version
        at = NOW + timedelta(hours=seed)
        platform.registry.record_comparison(compared(version, None, uses=seed + 1, compared_at=at))
    text = " ".join(listed(platform).split())
    assert "number 2 on these vehicles, more than the 1 that comparisons_per_holdout allows" in text
    assert "2 of 1" not in text
