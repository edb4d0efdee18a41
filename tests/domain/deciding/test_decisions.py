"""What may become production, what is refused and how, and that the log alone says what is in production."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.comparison.result import ComparisonRecord, Outcome
from failure_platform.domain.deciding.decisions import DecisionRefusedError, NoDecision, apply_policy, decide
from failure_platform.domain.deciding.log import Choice, DecisionLine, DecisionRequest, production, version_state
from failure_platform.domain.deciding.policy import Gates, Policy, ruling
from failure_platform.domain.leaks.findings import AcceptedFeature, Audit
from support.comparison_samples import finished

NOW = datetime(2026, 3, 4, 5, 6)
A, B, C, DOORS = "aaaaaa111111", "aaaaaa222222", "cccccc333333", "dddddd444444"
VERSIONS = {A: "road_test", B: "road_test", C: "road_test", DOORS: "doors"}


def compared(
    candidate: str, production: str | None, outcome: Outcome = "better", failures: int = 120
) -> ComparisonRecord:
    figures = {"recall": 0.4, "calibration_error": 0.01}
    comparison = finished(outcome, f"It is {outcome}.", failures=failures, candidate=figures)
    return ComparisonRecord("road_test", candidate, production, NOW, comparison)


def request(
    decision: Choice, version: str, expected: str | None = None, who: str = "Ana", why: str = "fewer misses"
) -> DecisionRequest:
    return DecisionRequest("road_test", decision, version, expected, who, why)


DECIDED = NoDecision("Nothing to decide: this comparison was decided on already.")
EVIDENCE = [compared(A, None), compared(B, A), compared(B, None)]


def take(
    asked: DecisionRequest,
    log: list[DecisionLine],
    comparisons: list[ComparisonRecord] = EVIDENCE,
    policy: Policy = Policy.manual,
) -> DecisionLine:
    return decide(asked, log, VERSIONS, comparisons, NOW + timedelta(hours=len(log)), policy, Gates())


def promoted(*versions: str) -> list[DecisionLine]:
    log: list[DecisionLine] = []
    for version in versions:
        current = production(log)
        log.append(take(request(Choice.promote, version, current), log, [compared(version, current)]))
    return log


def refusal(asked: DecisionRequest, log: list[DecisionLine], **given: object) -> str:
    with pytest.raises(DecisionRefusedError) as refused:
        take(asked, log, **given)  # type: ignore[arg-type]
    return str(refused.value)


def test_a_promotion_leaves_a_line_with_who_why_and_the_evidence_it_rests_on() -> None:
    line = take(request(Choice.promote, B, A, who=" Ana ", why=" fewer misses "), promoted(A))
    assert (line.seq, line.decided_at, line.decision) == (2, NOW + timedelta(hours=1), Choice.promote)
    assert (line.version, line.previous_version, line.production_version) == (B, A, B)
    assert (line.who, line.why, line.policy) == ("Ana", "fewer misses", Policy.manual)
    assert line.evidence == {
        "comparison": compared(B, A).id,
        "candidate": B,
        "production": A,
        "holdout": "holdout",
        "outcome": "better",
        "reason": "It is better.",
        "advice": "promote",
        "gates": ruling(compared(B, A), Gates()).as_list(),
        "leak_audit": "",
    }


@pytest.mark.fault(63)
def test_a_decision_says_what_was_accepted_against_the_leak_audit_and_by_whom() -> None:
    """Whoever reads the log later sees it without the version."""
    comparison = compared(A, None)
    accepted = AcceptedFeature("nok:9:7", (), "Rui", "the line writes it")
    audited = replace(comparison, comparison=replace(comparison.comparison, leak_audit=Audit(accepted=(accepted,))))
    line = take(request(Choice.promote, A), [], [audited])
    assert line.evidence is not None
    assert line.evidence["leak_audit"] == (
        "Trained with 1 feature that the leak audit named: nok:9:7; accepted by Rui because the line writes it."
    )


def test_keeping_leaves_production_as_it_is_and_marks_the_candidate_as_turned_down() -> None:
    log = promoted(A)
    log.append(take(request(Choice.keep, B, A), log))
    assert production(log) == A
    assert [version_state(v, log) for v in (A, B, C)] == ["production", "kept", "candidate"]


def test_the_first_decision_may_keep_when_nothing_is_in_production() -> None:
    line = take(request(Choice.keep, A), [])
    assert (line.previous_version, line.production_version) == (None, None)


def test_rolling_back_needs_no_new_comparison_and_names_what_was_left() -> None:
    log = promoted(A, B)
    log.append(take(request(Choice.roll_back, A, B, why="alarms doubled"), log, comparisons=[]))
    assert (log[-1].production_version, log[-1].previous_version, log[-1].evidence) == (A, B, None)
    assert version_state(B, log) == "earlier production"


@pytest.mark.parametrize("outcome", ["no_evidence", "worse", "no_signal", "not_judged"])
def test_a_person_may_promote_against_the_verdict_and_the_line_keeps_the_verdict(outcome: str) -> None:
    line = take(
        request(Choice.promote, A, why="the old one reads a test that is gone"), [], [compared(A, None, outcome)]
    )
    assert line.production_version == A
    assert line.evidence is not None
    assert line.evidence["outcome"] == outcome


@pytest.mark.parametrize("expected", ["", None, " "])
def test_an_empty_expectation_says_that_nothing_is_in_production(expected: str | None) -> None:
    assert take(request(Choice.promote, A, expected), []).production_version == A


def test_versions_may_be_given_by_a_prefix_that_fits_only_one() -> None:
    line = take(request(Choice.promote, "CCCCCC", "aaaaaa1"), promoted(A), comparisons=[compared(C, A)])
    assert (line.version, line.previous_version) == (C, A)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (request(Choice.promote, B, A, who=" "), ["`who` is empty", "who decides"]),
        (request(Choice.promote, B, A, why=""), ["`why` is empty", "the reason"]),
        (request(Choice.promote, "", A), ["`version` is empty", A, B, C]),
        (request(Choice.promote, "cccc99999999", A), ["no version 'cccc99999999'", f"Did you mean {C}?"]),
        (request(Choice.promote, "ffffff", A), ["no version 'ffffff'", A, "first 6 digits"]),
        (request(Choice.promote, "cccc", A), ["no version 'cccc'", "Did you mean", C]),
        (request(Choice.promote, "aaaaaa", A), [f"fits {A}, {B}", "more digits"]),
        (request(Choice.promote, DOORS, A), ["'doors', not 'road_test'", A]),
        (request(Choice.promote, B, None), ["expected nothing", f"{A} is in production since 2026-03-04 05:06", "Ana"]),
        (request(Choice.promote, B, C), [f"expected {C}", f"decide again with expected_version '{A}'"]),
        (request(Choice.promote, A, A), ["in production already"]),
        (request(Choice.promote, C, A), [f"never compared with what is in production now ({A})", "model_comparison"]),
        (request(Choice.roll_back, A, A), ["in production already"]),
        (request(Choice.roll_back, C, A), ["never in production", "Promote it instead", "none yet"]),
    ],
)
def test_a_refusal_says_what_why_and_what_to_do(asked: DecisionRequest, says: list[str]) -> None:
    message = refusal(asked, promoted(A))
    assert [part for part in says if part not in message] == []


def test_an_expectation_that_is_too_short_is_no_match() -> None:
    assert "expected aaaaa in production" in refusal(request(Choice.keep, B, "aaaaa"), promoted(A))


def test_a_stale_expectation_names_the_decision_that_set_production_and_not_a_later_keep() -> None:
    log = promoted(A)
    log.append(take(request(Choice.keep, B, A, who="Rui", why="too few failures"), log))
    message = refusal(request(Choice.promote, B, None), log)
    assert "2026-03-04 05:06 UTC (promote, Ana: fewer misses)" in message
    assert "Rui" not in message


def test_evidence_against_another_production_version_does_not_count() -> None:
    message = refusal(request(Choice.promote, C, A), promoted(A), comparisons=[compared(C, None)])
    assert "only with nothing" in message


def test_an_earlier_production_version_is_pointed_to_roll_back() -> None:
    assert "roll_back is possible" in refusal(request(Choice.promote, A, B), promoted(A, B), comparisons=[])


def test_without_versions_the_refusal_points_to_training() -> None:
    with pytest.raises(DecisionRefusedError, match="materialise candidate_model first"):
        decide(request(Choice.promote, A), [], {}, [], NOW, Policy.manual, Gates())


@pytest.mark.parametrize(
    ("verdict", "says"),
    [(compared(A, None, "worse"), "worse: It is worse."), (compared(A, None, failures=99), "at least 100")],
)
def test_the_automatic_policy_cannot_promote_against_the_gates(verdict: ComparisonRecord, says: str) -> None:
    message = refusal(request(Choice.promote, A), [], comparisons=[verdict], policy=Policy.automatic)
    assert says in message
    assert "A person can decide otherwise" in message


def test_the_manual_policy_never_decides() -> None:
    assert isinstance(apply_policy(Policy.manual, compared(A, None), [], Gates()), NoDecision)


def test_the_automatic_policy_leaves_it_to_a_person_where_the_evidence_is_too_thin() -> None:
    found = apply_policy(Policy.automatic, compared(B, A, failures=99), promoted(A), Gates())
    assert isinstance(found, NoDecision)
    assert "A person decides. 99 of the compared vehicles failed" in found.reason
    assert f"promote or keep {B}" in found.reason


def test_the_automatic_policy_promotes_on_better_once() -> None:
    asked = apply_policy(Policy.automatic, compared(B, A), promoted(A), Gates())
    why = "better: All 8 gates are passed."
    assert asked == DecisionRequest("road_test", Choice.promote, B, A, "policy automatic", why)
    log = [*promoted(A), take(asked, promoted(A), policy=Policy.automatic)]
    assert production(log) == B
    assert apply_policy(Policy.automatic, compared(B, A), log, Gates()) == DECIDED


@pytest.mark.parametrize("outcome", ["no_evidence", "worse", "no_signal", "not_judged"])
def test_the_automatic_policy_keeps_on_every_other_outcome_with_the_reason_and_once(outcome: str) -> None:
    verdict = compared(B, A, outcome)
    asked = apply_policy(Policy.automatic, verdict, promoted(A), Gates())
    assert isinstance(asked, DecisionRequest)
    assert (asked.decision, asked.why) == (Choice.keep, f"{outcome}: The verdict is {outcome}: It is {outcome}.")
    log = [*promoted(A), take(asked, promoted(A), [verdict], Policy.automatic)]
    assert production(log) == A
    assert apply_policy(Policy.automatic, verdict, log, Gates()) == DECIDED


def test_the_automatic_policy_does_not_overrule_a_person_on_the_same_comparison() -> None:
    log = [*promoted(A), take(request(Choice.keep, B, A), promoted(A))]
    assert apply_policy(Policy.automatic, compared(B, A), log, Gates()) == DECIDED


def retired(version: str, log: list[DecisionLine]) -> list[DecisionLine]:
    return [*log, take(request(Choice.retire, version, production(log), why="reads a test that lies"), log)]


def test_a_retired_version_leaves_production_alone_and_cannot_be_used_again() -> None:
    log = retired(A, promoted(A, B))
    assert (production(log), log[-1].production_version, log[-1].version) == (B, B, A)
    assert [version_state(v, log) for v in (A, B, C)] == ["retired", "production", "candidate"]
    for choice in Choice:
        message = refusal(request(choice, A, B), log, comparisons=[compared(A, B)])
        assert "was retired on 2026-03-04" in message
        assert "Ana: reads a test that lies" in message
        assert "Name another version" in message


def test_a_candidate_that_was_never_in_production_can_be_retired() -> None:
    log = retired(C, promoted(A))
    assert version_state(C, log) == "retired"
    assert "cannot be used again" in refusal(request(Choice.promote, C, A), log, comparisons=[compared(C, A)])


def test_the_version_in_production_cannot_be_retired() -> None:
    message = refusal(request(Choice.retire, A, A), promoted(A))
    assert "in production and cannot be retired. Promote another version or roll back first" in message


def test_who_retires_must_have_seen_what_is_in_production() -> None:
    assert "expected" in refusal(request(Choice.retire, C, A), promoted(A, B))


def test_the_automatic_policy_leaves_a_retired_candidate_alone() -> None:
    found = apply_policy(Policy.automatic, compared(C, A), retired(C, promoted(A)), Gates())
    assert found == NoDecision("Nothing to decide: the candidate is retired.")


ANY_VERSION = st.sampled_from([A, B, C, DOORS, "aaaaaa", "cccccc", "nothing", ""])
ANY_REQUEST = st.builds(
    DecisionRequest,
    target=st.just("road_test"),
    decision=st.sampled_from(Choice),
    version=ANY_VERSION,
    expected_version=st.one_of(st.none(), ANY_VERSION, st.just("as it is")),
    who=st.sampled_from(["Ana", "Rui", " "]),
    why=st.sampled_from(["reason", "\t"]),
)
ANY_COMPARISON = st.builds(
    compared,
    st.sampled_from([A, B, C]),
    st.sampled_from([None, A, B, C]),
    st.sampled_from(["better", "no_evidence", "worse", "no_signal", "not_judged"]),
    st.sampled_from([10, 120]),
)


@given(st.lists(ANY_REQUEST, max_size=30), st.lists(ANY_COMPARISON, max_size=8), st.sampled_from(Policy))
def test_whatever_is_asked_the_log_only_grows_and_its_last_line_is_production(
    requests: list[DecisionRequest], comparisons: list[ComparisonRecord], policy: Policy
) -> None:
    log: list[DecisionLine] = []
    for asked in requests:
        if asked.expected_version == "as it is":
            asked = request(asked.decision, asked.version, production(log), asked.who, asked.why)
        before = list(log)
        try:
            line = take(asked, log, comparisons, policy)
        except DecisionRefusedError as refused:
            assert len(str(refused)) > 20
            assert log == before
            continue
        log.append(line)
        assert log[:-1] == before
        assert line.seq == len(log)
        assert line.previous_version == production(before)
        assert production(log) == line.production_version
        assert not any(earlier.decision is Choice.retire and earlier.version == line.version for earlier in before)
        if line.decision in (Choice.keep, Choice.retire):
            assert line.production_version == line.previous_version
            assert line.decision is Choice.keep or line.version != line.production_version
        else:
            assert line.production_version == line.version != line.previous_version
        if line.decision is Choice.roll_back:
            assert line.version in {earlier.production_version for earlier in before}
        if line.decision is Choice.promote:
            assert line.evidence is not None
            assert (line.evidence["candidate"], line.evidence["production"]) == (line.version, line.previous_version)
            assert policy is Policy.manual or line.evidence["advice"] == "promote"
        assert VERSIONS[line.version] == "road_test"
        assert line.who.strip()
        assert line.why.strip()
