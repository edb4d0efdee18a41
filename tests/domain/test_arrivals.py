"""Promises of the arrival rules: identity, settling, and what a tick decides."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.arrivals import (
    Receipt,
    Sighting,
    batches,
    groups,
    is_upload,
    plan,
    received_between,
    settled,
    unhandled,
    upload_key,
    within_budget,
)

WHEN = datetime(2026, 11, 2, 6, 30)


def receipt(key: str, state: str = "received", attempt: int = 1) -> Receipt:
    return Receipt(key, "falhas", f"{key}.csv", "ab" * 32, 10, WHEN, state, attempt)  # type: ignore[arg-type]


@pytest.mark.fault(36)
@given(st.text(max_size=300))
def test_any_file_name_gives_a_key_of_plain_characters(name: str) -> None:
    """The UI gives commas, brackets and dots a meaning of their own; no file name may reach it as one."""
    key = upload_key("falhas", name, "0123456789abcdef", WHEN)
    assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert key.startswith("20261102T063000_falhas_")
    assert key.endswith("_01234567")
    assert len(key) <= 110


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), min_size=1))
def test_the_keys_of_uploads_tell_when_they_were_received(times: list[datetime]) -> None:
    """The ledger is searched by this time: a line outside it would not be found."""
    first, last = received_between([upload_key("falhas", "a.csv", "ab" * 32, at) for at in times]) or (WHEN, WHEN)
    assert first <= min(times) <= max(times) < last
    assert received_between(["another_key"]) is received_between([]) is None


@pytest.mark.fault(10)
def test_unfinished_and_lock_files_are_no_uploads() -> None:
    """What a program still writes is not picked up."""
    assert not any(map(is_upload, [".x.csv", "~$x.xlsx", "x.csv.part", "x.tmp", "x.CRDOWNLOAD", "x.csv.filepart"]))
    assert all(map(is_upload, ["x.csv", "Relatório (1).xlsx", "x.csv.gz", "no extension"]))


@pytest.mark.fault(10)
def test_a_file_that_changes_between_two_looks_is_not_settled() -> None:
    """Only what stands unchanged in both looks is taken; what vanished is not."""
    still, grew, gone = Sighting("a", 1, 1, 1), Sighting("b", 1, 1, 2), Sighting("c", 1, 1, 3)
    assert settled([still, grew, gone], [still, Sighting("b", 2, 1, 2)]) == [still]


@pytest.mark.fault(15)
def test_a_changed_file_under_an_old_name_is_looked_at_again() -> None:
    """The name is no identity: other size, time or inode means another look."""
    old = Sighting("a", 1, 1, 1)
    assert unhandled([old], {"a": old}) == []
    for changed in (Sighting("a", 2, 1, 1), Sighting("a", 1, 2, 1), Sighting("a", 1, 1, 2)):
        assert unhandled([changed], {"a": old}) == [changed]


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_look_takes_some_and_in_time_all(sizes: list[int], budget: int) -> None:
    """A large backlog never blocks: each look takes at least one file, and the looks together take every file once."""
    rest = [Sighting(str(i), size, 0, i) for i, size in enumerate(sizes)]
    taken: list[Sighting] = []
    while rest:
        now = within_budget(rest, budget)
        assert now
        assert len(now) == 1 or sum(s.size for s in now) <= budget
        taken, rest = taken + now, rest[len(now) :]
    assert [s.inode for s in taken] == list(range(len(sizes)))


@given(st.lists(st.integers(0, 50)), st.integers(1, 100))
def test_groups_hold_every_receipt_once_and_stay_within_the_budget(sizes: list[int], budget: int) -> None:
    """Small uploads share a transaction, a large one has its own, and none is left out."""
    receipts = [replace(receipt(str(i)), size=size) for i, size in enumerate(sizes)]
    cut = groups(receipts, budget)
    assert [r for group in cut for r in group] == receipts
    assert all(len(group) == 1 or sum(r.size for r in group) <= budget for group in cut)


def test_what_a_tick_decides() -> None:
    """New content is new, merged content is already in, refused or unfinished content is tried again."""
    new, merged = receipt("new"), receipt("merged", "merged")
    refused, unfinished = receipt("refused", "refused", 2), receipt("unfinished")
    decided = plan([new, merged, refused, unfinished, new], known={"merged", "refused", "unfinished"})
    assert decided.new == (new,)
    assert [r.key for r in decided.again] == ["refused", "unfinished"]
    assert decided.already_in == (merged, new)


def test_a_retry_asks_under_a_key_that_dagster_has_not_seen() -> None:
    """Dagster drops a request whose key it knows, even of a failed run."""
    tried = receipt("k", "refused")
    (again,) = plan([tried], known={"k"}).again
    assert again.run_key != tried.run_key
    assert again.state == "received"


@given(st.integers(0, 1200), st.integers(1, 500))
def test_a_backlog_is_a_few_runs(files: int, most: int) -> None:
    """Every upload is in one batch, in order, and no batch is longer than allowed."""
    receipts = [receipt(str(i)) for i in range(files)]
    cut = batches(receipts, most)
    assert [r for batch in cut for r in batch] == receipts
    assert len(cut) == -(-files // most)
