"""Promises about uploads whose run ended without an answer."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.arrivals import PAUSES_SECONDS, PendingRun, Receipt, State, fate, pause_seconds, unanswered

WHEN = datetime(2026, 11, 2, 6, 30)


@pytest.mark.parametrize(
    ("status", "reason", "meaning"),
    [
        ("QUEUED", None, "under_way"),
        ("NOT_STARTED", None, "under_way"),
        ("STARTED", None, "under_way"),
        ("CANCELING", None, "under_way"),
        ("SUCCESS", None, "answered"),
        ("FAILURE", "STEP_FAILURE", "failed"),
        ("FAILURE", "UNKNOWN", "died"),
        ("FAILURE", "START_TIMEOUT", "died"),
        ("FAILURE", None, "died"),
        ("CANCELED", None, "cancelled"),
    ],
)
def test_only_a_step_that_said_no_waits_for_a_person(status: str, reason: str | None, meaning: str) -> None:
    assert fate(status, reason) == meaning


def test_the_first_repetition_is_at_once_and_later_ones_leave_room() -> None:
    """A kill costs no time; an upload whose run dies each time does not keep the others waiting."""
    pauses = [pause_seconds("died", attempt) for attempt in range(1, 9)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSES_SECONDS[-1]
    assert pause_seconds("cancelled", 1) == PAUSES_SECONDS[-1], "who cancels a run does not see it start again at once"


def test_a_run_names_its_uploads_by_the_first_and_the_last() -> None:
    known = ["a", "b", "c", "d"]
    assert list(PendingRun("b", "d", 1).uploads(known)) == ["b", "c", "d"]
    assert list(PendingRun("b", "b", 1).uploads(known)) == ["b"]
    assert list(PendingRun("b", "gone", 1).uploads(known)) == []


@given(st.lists(st.sampled_from(["received", "merged", "refused", "withdrawn", None])))
def test_every_unanswered_upload_is_in_one_stretch_and_no_other_is(states: list[State | None]) -> None:
    """Stretches stand together, in order, and hold what is open and nothing else; each is one more try."""
    keys = [str(number) for number in range(len(states))]
    receipts = {
        key: Receipt(key, "falhas", key, "ab" * 32, 1, WHEN, state)
        for key, state in zip(keys, states, strict=True)
        if state is not None
    }
    stretches = unanswered(keys, receipts)
    assert [int(r.key) for s in stretches for r in s] == [n for n, state in enumerate(states) if state == "received"]
    for stretch in stretches:
        assert [int(r.key) for r in stretch] == list(range(int(stretch[0].key), int(stretch[-1].key) + 1))
        assert all(r.attempt == 2 and r.state == "received" for r in stretch)
