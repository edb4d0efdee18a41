"""What a version keeps of its leak audit: it can be read again, and says who accepted what and why."""

import json

import pytest
from pydantic import ValidationError

from failure_platform.domain.leaks.findings import (
    NOTHING_FOUND,
    Acceptance,
    AcceptedFeature,
    Audit,
    Finding,
    LeakKind,
    Severity,
    audit_of,
)

BLOCKS = Finding(LeakKind.near_certain_rule, "value:9:1:0", 1.0, "It is 1.")
WARNS = Finding(LeakKind.missing_by_label, "value:718:1:0", -0.4, "It is missing.", Severity.warns)


def _accepted(feature: str, who: str = "Ana", why: str = "it is measured before") -> AcceptedFeature:
    return AcceptedFeature(feature, (BLOCKS,), who, why)


def test_an_audit_is_read_again_as_it_was_stored() -> None:
    audit = Audit((BLOCKS, WARNS), 12, (_accepted("value:9:2:0"),))
    assert audit_of({"leak_audit": json.loads(json.dumps(audit.as_dict()))}) == audit
    assert audit_of({}) == NOTHING_FOUND
    assert (audit.blocking, audit.warnings) == ((BLOCKS,), (WARNS,))


def test_of_very_many_warnings_the_largest_are_stored_and_nothing_that_blocks_is_left_out() -> None:
    many = tuple(Finding(LeakKind.missing_by_label, f"value:1:{i}:0", i / 1000, "", Severity.warns) for i in range(999))
    stored = Audit.from_dict(Audit((*many, BLOCKS), 999).as_dict())
    assert stored.blocking == (BLOCKS,)
    assert len(stored.warnings) == 200
    assert stored.warnings[0].number == 0.998


@pytest.mark.fault(63)
def test_the_trace_names_features_people_and_reasons() -> None:
    four = (
        *(_accepted(f"value:9:{i}:0") for i in range(3)),
        _accepted("nok:9:7", "Rui", "a code of the line."),
    )
    assert Audit((WARNS,), 9, four).summary == (
        "Trained with 4 features that the leak audit named: value:9:0:0, value:9:1:0, value:9:2:0; accepted by Ana "
        "because it is measured before. And nok:9:7; accepted by Rui because a code of the line. "
        "The leak audit warns of 1 feature: value:718:1:0."
    )
    assert NOTHING_FOUND.summary == NOTHING_FOUND.acceptance == ""
    listed = Audit(accepted=tuple(_accepted(f"value:9:{i}:0") for i in range(15))).acceptance
    assert "value:9:9:0 and 5 more" in listed


@pytest.mark.fault(63)
def test_what_was_accepted_is_a_part_of_the_origin() -> None:
    assert Audit(accepted=(_accepted("nok:9:7"),)).as_recipe() == {
        "accepted_features": [{"feature": "nok:9:7", "who": "Ana", "why": "it is measured before"}]
    }
    assert Audit((WARNS,), 3).as_recipe() == {}


@pytest.mark.fault(63)
def test_another_acceptance_of_what_was_named_is_another_record() -> None:
    """So that `process` trains again; an acceptance that concerns nothing that was named changes nothing."""
    audit = Audit((WARNS,), 9, (_accepted("nok:9:7"),))
    ana = Acceptance("Ana", "it is measured before")
    assert audit.same_acceptance({"nok:9:7": ana, "nok:1:1": ana})
    assert not audit.same_acceptance({})
    assert not audit.same_acceptance({"nok:9:7": Acceptance("Rui", ana.why)})
    assert not audit.same_acceptance({"nok:9:7": ana, "value:718:1:0": ana})


@pytest.mark.parametrize("wrong", [{"who": "", "why": "x"}, {"who": "x", "why": "  "}, {"who": "x"}])
def test_an_acceptance_says_who_and_why(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Acceptance(**wrong)
