"""Relations of a feature to the label: what only a leak explains stops a training, what can be honest is a warning."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.leaks.audit import audit
from failure_platform.domain.leaks.findings import Acceptance, Audit, Finding, LeakKind
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.split import time_split
from leak_plants import (
    Part,
    Plant,
    codes,
    codes_carry_the_signal,
    file_with_tests,
    flags,
    honest,
    lost,
    only_failed,
    scores,
    skipped_tests,
    two_lines,
    variant_that_never_fails,
)
from leaks import KINDS, SIZES, audited
from support.modelling_lake import SmallLake

LEAKY = "value:9:900001:0"
FLAGS = [f"value:9:90000{number}:0" for number in range(5)]


def _audit(*parts: Part, leak: Part | None = None, failures: int = 250, seed: int = 5, **accepted: Acceptance) -> Audit:
    plant = honest(failures, seed, *parts)
    if leak is not None:
        leak(plant)
    return _of(plant.frame(), accepted)


def _of(frame: pd.DataFrame, accepted: dict[str, Acceptance] | None = None) -> Audit:
    return audit(frame, frame, frame.head(0), feature_columns(frame), accepted or {})


def _about(found: tuple[Finding, ...], feature: str = LEAKY) -> list[Finding]:
    return [one for one in found if one.feature == feature]


@pytest.mark.parametrize("name", KINDS)
def test_the_small_version_of_the_benchmark_in_the_readme(name: str) -> None:
    """Honest plants are not stopped, and every leak is found where the failures prove it; two plants of each size."""
    kind = KINDS[name]
    for failures in SIZES:
        for seed in range(2):
            if kind.leak is None or failures in kind.proves:
                assert audited(name, failures, seed).stopped == (kind.leak is not None), (failures, seed)


@pytest.mark.fault(60)
def test_sparse_codes_that_carry_the_signal_warn_and_stop_nothing() -> None:
    """A code that comes before one failure in three and else hardly ever is what a model is for."""
    found = _audit(codes_carry_the_signal(0.06, 5.0))
    assert found.blocking == ()
    warned = {one.feature for one in found.warnings}
    assert warned
    assert warned <= {f"value:718:80000{number}:0" for number in range(5)}
    sentence = found.warnings[0].sentence
    assert "is missing less often for failed vehicles" in sentence
    assert "informative by being absent or present: look where it comes from. It stops nothing" in sentence


@pytest.mark.fault(60)
def test_a_variant_that_never_fails_warns() -> None:
    found = _audit(variant_that_never_fails(0.4))
    assert found.blocking == ()
    assert {one.kind for one in found.warnings} == {LeakKind.one_class_only, LeakKind.missing_by_label}


@pytest.mark.fault(60)
def test_vehicles_in_trouble_that_skip_tests_warn_at_most() -> None:
    assert _audit(skipped_tests(2.5)).blocking == ()


@pytest.mark.fault(62)
@pytest.mark.parametrize("failures", SIZES)
def test_results_that_are_lost_because_of_the_failure_stop_a_training(failures: int) -> None:
    """Nearly all vehicles have the test but the failed ones, within the same period and upload."""
    (finding,) = _about(_audit(leak=lost(0.6), failures=failures).blocking)
    assert finding.kind is LeakKind.missing_by_label
    assert "Within the same period and upload, 98 in 100 vehicles that did not fail have it" in finding.sentence
    assert "accepted_features" in finding.sentence


@pytest.mark.fault(62)
def test_what_the_upload_explains_is_not_decided_by_the_outcome() -> None:
    """A second line fails more often and loses a test; within each line's files, the gap says nothing."""

    def loses_a_test(plant: Plant) -> None:
        second = plant.facts["upload"].str.endswith("line 2").to_numpy()
        gone = plant.some(np.where(second, 0.95, 0.01))
        plant.features["value:2:700000:0"] = np.where(gone, np.nan, plant.rng.normal(size=plant.vehicles))

    found = _audit(two_lines(0.12, 3.5), loses_a_test)
    (finding,) = _about(found.findings, "value:2:700000:0")
    assert finding in found.warnings


@pytest.mark.fault(64)
def test_a_test_that_only_files_put_together_by_outcome_have_is_named() -> None:
    found = _audit(leak=file_with_tests(0.8))
    (finding,) = _about(found.blocking)
    assert finding.kind is LeakKind.missing_by_label
    assert "the files were put together by outcome" in finding.sentence
    assert LeakKind.upload_effect in {one.kind for one in found.blocking}


@pytest.mark.fault(61)
@pytest.mark.parametrize("failures", SIZES)
def test_flags_that_each_mark_one_way_to_fail_are_named_one_by_one(failures: int) -> None:
    """Each flag alone is far from good enough; together they are the outcome."""
    found = _audit(leak=flags(0.95), failures=failures).blocking
    named = {one.feature for one in found}
    assert named <= set(FLAGS)
    assert len(named) >= (3 if failures == 60 else 4)
    for one in found:
        assert one.kind is LeakKind.near_certain_rule
        assert f"{one.feature} is 1: " in one.sentence
        assert "counted in periods that the rule was not chosen in" in one.sentence


@pytest.mark.fault(61)
def test_the_flags_of_the_failure_modes_of_a_real_set_are_named(real_data: Callable[[str], Path]) -> None:
    """Measured: with them a model has an average precision of 0.96; none alone is good enough to be noticed."""
    frame = SmallLake.of_real_set(real_data("ai4i")).vehicles().assign(upload="one")
    modes = ["1", "2", "4", "5"]
    planted = frame.assign(
        **{f"value:9:90000{mode}:0": (frame["failure_group"] == mode).astype("float32") for mode in modes}
    )
    sides = time_split(planted, ROAD_TEST.horizon)
    found = audit(planted, sides.training, sides.comparison, feature_columns(planted), {})
    assert {one.feature for one in found.blocking} == {f"value:9:90000{mode}:0" for mode in modes}


@pytest.mark.fault(61)
def test_scores_with_noise_and_codes_are_found_as_flags_are() -> None:
    for leak, says in ((scores(0.8, 0.1), " or more: "), (codes(0.95), " was recorded, whatever its value: ")):
        found = _audit(leak=leak).blocking
        assert {one.feature for one in found} <= set(FLAGS)
        assert len({one.feature for one in found}) >= 4
        rules = [one for one in found if one.kind is LeakKind.near_certain_rule]
        assert rules
        assert all(says in one.sentence for one in rules)


def test_accepting_one_flag_leaves_the_others_in_the_way() -> None:
    """The group is judged whole, and every feature of it needs somebody who looked."""
    plant = honest(250, 5)
    flags(0.95)(plant)
    ana = Acceptance("Ana", "it is set on the line")
    found = _of(plant.frame(), {FLAGS[0]: ana})
    assert {one.feature for one in found.blocking} == set(FLAGS[1:])
    assert [(one.feature, one.who, one.why) for one in found.accepted] == [(FLAGS[0], ana.who, ana.why)]
    every = _of(plant.frame(), dict.fromkeys(FLAGS, ana))
    assert every.blocking == ()
    assert [one.feature for one in every.accepted] == FLAGS


def test_whether_a_test_was_made_can_be_as_good_as_the_outcome() -> None:
    """Made after nearly every failure and once in a thousand else: the value does not matter."""

    def made(plant: Plant) -> None:
        there = plant.some(np.where(plant.failed, 0.97, 0.001))
        plant.features[LEAKY] = np.where(there, plant.rng.normal(size=plant.vehicles), np.nan)

    kinds = {one.kind for one in _about(_audit(leak=made).blocking)}
    assert LeakKind.too_good_feature in kinds


def test_a_test_of_failed_vehicles_only_stays_one_class_only() -> None:
    assert LeakKind.one_class_only in {one.kind for one in _about(_audit(leak=only_failed(0.6)).blocking)}
