"""A version is there whole or not at all, is what was saved or refused, and production moves one decision at a time."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from failure_platform.domain.deciding.decisions import DecisionRefusedError
from failure_platform.domain.deciding.log import Choice
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.resources.registry.model_files import MODEL, ModelRefusedError, failure_probabilities
from failure_platform.resources.registry.registry import ComparisonRefusedError, Registry
from support.model_samples import (
    NOW,
    compared,
    forest,
    logistic,
    promote_unverified,
    registry_in,
    set_hash,
    trained,
    vehicles,
    wanted,
)

TESTS = Path(__file__).parents[2]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return registry_in(tmp_path)


def production_of_two(registry: Registry) -> tuple[str, str]:
    """Put a first version in production and return it with a second one that was compared with it."""
    first = registry.save(trained(0), NOW).version
    second = registry.save(trained(1, pipeline=forest()), NOW + timedelta(hours=1)).version
    registry.record_comparison(compared(first, None))
    registry.record_comparison(compared(second, first, uses=2))
    promote_unverified(registry, first, None)
    return first, second


# --- a version is what made it -------------------------------------------------------------------------------------


def test_a_version_keeps_everything_that_made_it_and_predicts_what_the_trained_model_does(registry: Registry) -> None:
    model = trained()
    row = registry.save(model, NOW)
    assert row.version == model.origin.version
    for name, value in vars(model.origin).items():
        assert name == "version" or getattr(row, name) == value
    for name in (
        "family",
        "features",
        "threshold",
        "base_rate",
        "trained_from",
        "trained_until",
        "vehicles",
        "failures",
    ):
        assert getattr(row, name) == getattr(model, name)
    assert (row.metrics, row.facts, row.created_at) == (model.metrics, model.facts, NOW)
    frame, _ = vehicles()
    loaded = registry.load(row.version)
    assert loaded.row == row
    assert np.array_equal(failure_probabilities(loaded.pipeline, frame), failure_probabilities(model.pipeline, frame))


@pytest.mark.parametrize(
    "change",
    [
        {"target": "doors"},
        {"data_version": "e" * 16},
        {"recipe": {"families": ["logistic_regression"], "folds": 5}},
        {"seed": 1},
        {"code_version": "2"},
        {"libraries": {"scikit-learn": "1.9.2"}},
    ],
)
def test_anything_that_makes_the_model_makes_another_version(change: dict[str, Any]) -> None:
    origin = trained().origin
    assert replace(origin, **change).version != origin.version
    assert replace(origin, recipe=dict(reversed(origin.recipe.items()))).version == origin.version


def test_saving_the_same_origin_again_changes_nothing(registry: Registry) -> None:
    row = registry.save(trained(), NOW)
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in registry.folder(row.version).iterdir()}
    assert registry.save(trained(), NOW + timedelta(days=1)) == row
    assert {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in registry.folder(row.version).iterdir()} == before
    assert registry.versions("road_test") == [row]


def test_versions_come_newest_first_and_belong_to_one_target(registry: Registry) -> None:
    assert (registry.versions("road_test"), registry.newest("road_test"), registry.current("road_test")) == (
        [],
        None,
        None,
    )
    old = registry.save(trained(0), NOW)
    new = registry.save(trained(1), NOW + timedelta(hours=1))
    doors = registry.save(trained(0, "doors"), NOW + timedelta(hours=2))
    assert registry.versions("road_test") == [new, old]
    assert (registry.newest("road_test"), registry.newest("doors")) == (new, doors)


def test_a_known_version_that_is_trained_again_is_the_newest_candidate_again(registry: Registry) -> None:
    """The comparison that follows a training judges what it gave, also when the recipe and the data are old ones."""
    old = registry.save(trained(0), NOW)
    new = registry.save(trained(1), NOW + timedelta(hours=1))
    registry.save(trained(0), NOW + timedelta(hours=2))
    assert registry.newest("road_test") == old
    assert registry.versions("road_test") == [new, old]
    registry.save(trained(1), NOW + timedelta(hours=3))
    assert registry.newest("road_test") == new


def test_times_with_a_zone_are_kept_as_utc(registry: Registry) -> None:
    row = registry.save(trained(), NOW.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-3))))
    assert row.created_at == NOW


def test_an_unknown_version_is_named(registry: Registry) -> None:
    with pytest.raises(KeyError, match="no model version 'ffffff'"):
        registry.load("ffffff")


def test_a_target_cannot_lead_out_of_the_models_folder(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot name a folder"):
        registry.save(trained(target="../outside"), NOW)
    assert list(tmp_path.iterdir()) == []


# --- whole or not at all ------------------------------------------------------------------------------


def test_rolling_back_to_a_model_that_says_something_else_now_is_refused(registry: Registry) -> None:
    first, second = production_of_two(registry)
    promote_unverified(registry, second, first)
    other = skops.io.dumps(logistic().fit(*vehicles(150)))
    (registry.folder(first) / MODEL).write_bytes(other)
    set_hash(registry, first, other)
    with pytest.raises(ModelRefusedError, match=r"fresh process.*other probabilities.*train a new candidate"):
        registry.decide(wanted(Choice.roll_back, first, second), NOW, Policy.manual, Gates())
    assert [line.production_version for line in registry.history("road_test")] == [first, second]


def in_forks(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "support.forked_saves", *arguments],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        text=True,
        # Threads do not survive a fork.
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.mark.fault(2)
def test_a_save_killed_at_any_step_leaves_no_version_and_the_next_save_a_whole_one(
    registry: Registry, tmp_path: Path
) -> None:
    found_then_ended = in_forks("kill", str(tmp_path)).communicate(timeout=120)[0].split()
    assert len(found_then_ended) > 20
    assert found_then_ended == [*["0", "killed"] * (len(found_then_ended) // 2 - 1), "0", "0"]
    (row,) = registry.versions("road_test")
    registry.load(row.version)
    assert {p.name for p in registry.folder(row.version).parent.iterdir()} == {".lock", row.version}


# --- comparisons ---------------------------------------------------------------------------------------------------


def test_the_same_comparison_again_is_not_another_use_of_the_holdout(registry: Registry) -> None:
    first, second = (registry.save(trained(seed), NOW).version for seed in (0, 1))
    assert registry.uses("road_test", first, None, "newest quarter") == 1
    kept = registry.record_comparison(compared(first, None))
    registry.record_comparison(compared(second, None, uses=registry.uses("road_test", second, None, "newest quarter")))
    assert registry.uses("road_test", first, None, "newest quarter") == 1
    again = registry.record_comparison(compared(first, None, compared_at=NOW + timedelta(days=1), outcome="worse"))
    assert again == kept
    assert [c.candidate for c in registry.comparisons("road_test")] in ([second, first], [first, second])
    assert registry.uses("road_test", second, first, "newest quarter") == 3
    assert registry.uses("road_test", second, first, "another holdout") == 1


def test_a_comparison_comes_back_as_it_was(registry: Registry) -> None:
    record = compared(registry.save(trained(), NOW).version, None)
    registry.record_comparison(record)
    assert registry.comparisons("road_test") == [record]


def test_a_comparison_made_at_too_generous_a_level_is_refused(registry: Registry) -> None:
    first, second = (registry.save(trained(seed), NOW).version for seed in (0, 1))
    registry.record_comparison(compared(first, None))
    with pytest.raises(ComparisonRefusedError, match=r"use 1 of its holdout, and it is use 2.*again"):
        registry.record_comparison(compared(second, None, uses=1))
    assert len(registry.comparisons("road_test")) == 1


def test_only_versions_of_the_target_are_compared(registry: Registry) -> None:
    doors = registry.save(trained(target="doors"), NOW).version
    with pytest.raises(ComparisonRefusedError, match="no version of 'road_test'"):
        registry.record_comparison(compared(doors, None))


# --- decisions -----------------------------------------------------------------------------------------------------


def test_production_is_the_last_line_of_the_log(registry: Registry) -> None:
    first, second = production_of_two(registry)
    kept = registry.decide(wanted(Choice.keep, second, first), NOW, Policy.manual, Gates())
    promoted = registry.decide(wanted(Choice.promote, second, first), NOW.replace(tzinfo=UTC), Policy.manual, Gates())
    log = registry.history("road_test")
    assert log[1:] == [kept, promoted]
    assert [(line.seq, str(line.decision), line.production_version) for line in log] == [
        (1, "promote", first),
        (2, "keep", first),
        (3, "promote", second),
    ]
    assert promoted.evidence is not None
    assert promoted.evidence["reason"] == "Average precision rose by 0.05 to 0.11."
    current = registry.current("road_test")
    assert current is not None
    assert current.version == second
    assert registry.history("doors") == []


def test_a_refusal_leaves_the_log_as_it_was(registry: Registry) -> None:
    first, second = production_of_two(registry)
    before = registry.history("road_test")
    for request, policy in [
        (wanted(Choice.promote, second, None), Policy.manual),
        (wanted(Choice.promote, "ffffffffffff", first), Policy.manual),
        (wanted(Choice.roll_back, second, first), Policy.manual),
        (replace(wanted(Choice.promote, second, first), who=""), Policy.manual),
        (replace(wanted(Choice.promote, second, first), target="doors"), Policy.manual),
        (wanted(Choice.promote, first, first), Policy.automatic),
    ]:
        with pytest.raises(DecisionRefusedError):
            registry.decide(request, NOW, policy, Gates())
    assert registry.history("road_test") == before


@pytest.mark.fault(42)
def test_of_two_processes_that_decide_at_once_one_wins_the_other_is_told_and_readers_see_old_or_new(
    registry: Registry, tmp_path: Path
) -> None:
    first, second = production_of_two(registry)
    third = registry.save(trained(2), NOW).version
    registry.record_comparison(compared(third, first, uses=3))
    race = in_forks("race", str(tmp_path), first, f"promote:{second}", f"promote:{third}")
    seen = []
    while race.poll() is None:
        current = registry.current("road_test")
        assert current is not None
        seen.append(current.version)
        time.sleep(0.2)  # a reader that hardly pauses keeps writers waiting for the lake
    told = race.communicate()[0].splitlines()
    log = registry.history("road_test")
    assert [line.production_version for line in log] == [first, log[-1].version]
    assert log[-1].version in (second, third)
    assert len(told) == 1
    assert f"You expected {first} in production, but {log[-1].version} is in production since" in told[0]
    assert list(dict.fromkeys(seen)) in ([first], [first, log[-1].version])


def test_a_retired_version_stays_readable_and_cannot_be_used_again(registry: Registry) -> None:
    first, second = production_of_two(registry)
    registry.decide(wanted(Choice.retire, second, first), NOW, Policy.manual, Gates())
    assert registry.load(second).row.version == second
    current = registry.current("road_test")
    assert current is not None
    assert current.version == first
    with pytest.raises(DecisionRefusedError, match="was retired"):
        registry.decide(wanted(Choice.promote, second, first), NOW, Policy.manual, Gates())


@pytest.mark.fault(42)
def test_of_two_processes_one_promoting_and_one_retiring_a_version_at_once_only_one_has_its_way(
    registry: Registry, tmp_path: Path
) -> None:
    first, second = production_of_two(registry)
    race = in_forks("race", str(tmp_path), first, f"promote:{second}", f"retire:{second}")
    (told,) = race.communicate()[0].splitlines()
    log = registry.history("road_test")
    assert len(log) == 2
    if log[-1].decision is Choice.retire:
        assert log[-1].production_version == first
        assert f"{second} was retired" in told
    else:
        assert log[-1].production_version == second
        assert f"You expected {first} in production, but {second} is" in told
