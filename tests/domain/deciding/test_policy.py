"""Each gate holds back what it is there for, says its number, and thin evidence is left to a person."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.comparison.result import ComparisonRecord, Confusion, Outcome, Slice
from failure_platform.domain.deciding.policy import Advice, Gates, ruling
from failure_platform.settings import Settings
from support.comparison_samples import finished

NOW = datetime(2026, 3, 4, 5, 6)
GATES = Gates(min_failures=100, most_uses=10, min_recall=0.3, max_calibration_error=0.05)
BROKEN = Slice(
    "MOTOR", "CHZ", 200, 40, "average_precision", old=0.5, new=0.38, difference=-0.12, low=-0.2, high=-0.04,
    judged=True, worse=True,
)  # fmt: skip


def compared(
    outcome: Outcome = "better",
    failures: int = 150,
    uses: int = 1,
    worst: Slice | None = None,
    **figures: float | None,
) -> ComparisonRecord:
    comparison = finished(
        outcome,
        "Rose by 0.05.",
        failures=failures,
        uses=uses,
        candidate={"recall": 0.4, "calibration_error": 0.02, **figures},
        worst_slice=worst,
    )
    return ComparisonRecord("road_test", "a", None, NOW, comparison)


@pytest.mark.parametrize(
    ("comparison", "advice", "gate", "says"),
    [
        (compared("no_evidence"), Advice.keep, "verdict", "The verdict is no_evidence: Rose by 0.05."),
        (compared(recall=0.2), Advice.keep, "recall", "0.200 of the failures; the policy asks for at least 0.300"),
        (compared(recall=None), Advice.keep, "recall", "undefined"),
        (compared(calibration_error=0.06), Advice.keep, "calibration error", "off by 0.060 on average"),
        (compared(worst=BROKEN), Advice.keep, "worst slice", "MOTOR CHZ: -0.120 (-0.200 to -0.040)"),
        (compared(failures=99), Advice.ask, "failures", "99 of the compared vehicles failed; the policy asks for"),
        (compared(uses=11), Advice.ask, "uses of the holdout", "comparison 11 on these vehicles, more than the 10"),
        (compared("worse", failures=99), Advice.ask, "failures", "99 of"),
    ],
)
def test_a_gate_that_is_not_passed_says_its_number(
    comparison: ComparisonRecord, advice: Advice, gate: str, says: str
) -> None:
    found = ruling(comparison, GATES)
    assert found.advice is advice
    failed = {one.gate: one.sentence for one in found.gates if not one.passed}
    assert says in failed[gate]
    assert says in found.reason


def test_everything_passed_is_a_promotion_with_every_number_shown() -> None:
    found = ruling(compared(worst=replace(BROKEN, worse=False)), GATES)
    assert (found.advice, found.reason) == (Advice.promote, "All 8 gates are passed.")
    assert {one.gate: (one.number, one.limit) for one in found.gates} == {
        "failures": (150, 100),
        "uses of the holdout": (1, 10),
        "verdict": (None, None),
        "recall": (0.4, 0.3),
        "calibration error": (0.02, 0.05),
        "precision lift": (pytest.approx(0.5 / 0.075), pytest.approx(1.5)),
        "alarm share": (0.075, 0.5),
        "worst slice": (-0.12, 0.0),
    }


def test_a_slice_gate_that_is_switched_off_holds_nothing_back() -> None:
    found = ruling(compared(worst=BROKEN), Gates(worst_slice=False))
    assert found.advice is Advice.promote
    assert "worst slice" not in {one.gate for one in found.gates}


@given(
    st.sampled_from(["better", "no_evidence", "worse", "no_signal", "not_judged"]),
    st.integers(0, 300),
    st.integers(1, 20),
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.floats(0, 1)),
    st.sampled_from([None, BROKEN, replace(BROKEN, worse=False, low=None, high=None)]),
)
def test_nothing_is_promoted_past_a_gate(
    outcome: Outcome, failures: int, uses: int, recall: float | None, error: float | None, worst: Slice | None
) -> None:
    found = ruling(compared(outcome, failures, uses, worst, recall=recall, calibration_error=error), GATES)
    enough = failures >= 100 and uses <= 10
    good = (
        outcome == "better"
        and recall is not None
        and recall >= 0.3
        and error is not None
        and error <= 0.05
        and worst is not BROKEN
    )
    assert found.advice is (Advice.ask if not enough else Advice.promote if good else Advice.keep)


def with_alarms(tp: int, fp: int, inspections: int | None) -> ComparisonRecord:
    """A comparison of 1,000 vehicles, 473 of them failed, as in the set on which a threshold alarmed nearly all."""
    alarms = Confusion(tp=tp, fp=fp, fn=473 - tp, tn=527 - fp)
    record = compared()
    made = replace(
        record.comparison, vehicles=1000, failures=473, confusions={"candidate": alarms}, inspections=inspections
    )
    return replace(record, comparison=made)


@pytest.mark.fault(70)
@pytest.mark.parametrize(
    ("record", "gate", "says"),
    [
        (with_alarms(473, 526, 1000), "precision lift", "47.3 of 100 cases, 1.00 times as often as alarms at random"),
        (with_alarms(0, 0, 1000), "precision lift", "It alarms none of the compared vehicles"),
        (
            with_alarms(300, 60, 200),
            "alarm share",
            "36 of 100 vehicles; 20 of 100 can be inspected (20 a day",
        ),
        (with_alarms(300, 60, None), "alarm share", "can be inspected is not known"),
    ],
)
def test_alarms_that_nobody_can_follow_or_that_tell_nothing_hold_a_version_back(
    record: ComparisonRecord, gate: str, says: str
) -> None:
    """Alarming every vehicle has the best recall of all, and is no use."""
    found = ruling(record, GATES)
    assert found.advice is Advice.keep
    assert {one.gate: one.sentence for one in found.gates if not one.passed}.keys() == {gate}
    assert says in found.reason


def test_capacity_is_not_exceeded_by_chance_alone_and_may_be_left_to_a_person() -> None:
    """A threshold that fits as many alarms as can be inspected has some more or some fewer on other vehicles."""
    assert ruling(with_alarms(190, 20, 200), GATES).advice is Advice.promote
    assert ruling(with_alarms(300, 60, 200), replace(GATES, within_capacity=False)).advice is Advice.promote
    # At a failure rate of 0.473, 1.5 times as often would be right in 71 of 100 cases, half-way to certainty in 74.
    assert ruling(with_alarms(69, 31, 200), GATES).advice is Advice.keep
    assert ruling(with_alarms(72, 28, 200), GATES).advice is Advice.promote


def test_the_gates_come_from_the_settings(settings: Settings) -> None:
    assert settings.policy_gates == Gates()
    given = Settings(home=settings.home, gates={"min_recall": 0.5, "worst_slice": False}, comparisons_per_holdout=3)
    assert given.policy_gates == Gates(most_uses=3, min_recall=0.5, worst_slice=False)
