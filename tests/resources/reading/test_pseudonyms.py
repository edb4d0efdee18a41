"""Personal data: one person has one pseudonym, and a pseudonym that is read again is unchanged."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.resources.reading.pseudonyms import pseudonyms

KEY = b"a key that nobody knows"
IDENTIFIERS = st.text(min_size=1, max_size=40)


@pytest.fixture(scope="module")
def pseudonym():
    return pseudonyms(KEY)


@pytest.mark.parametrize("written", ["FHQWRAP", "fhqwrap", "  FHQWRAP  ", "Fhqwrap\t"])
def test_one_person_has_one_pseudonym(pseudonym, written):
    """Case and padding differ between exports and do not make a new person."""
    assert pseudonym(written) == pseudonym("FHQWRAP")


@pytest.mark.parametrize("nothing", [None, "", "   ", "NaN", "NULL"])
def test_nobody_has_no_pseudonym(pseudonym, nothing):
    assert pseudonym(nothing) is None


@given(st.lists(st.from_regex(r"[A-Z0-9]{7}", fullmatch=True), unique=True, min_size=2))
def test_a_pseudonym_cannot_be_taken_for_an_identifier(identifiers):
    """It is longer than the plant's seven characters and no number to a spreadsheet; two people never share one."""
    made = [pseudonyms(KEY)(identifier) for identifier in identifiers]
    assert len(set(made)) == len(made)
    for one in made:
        assert one is not None
        assert re.fullmatch(r"P[0-9A-F]{24}", one)


@given(IDENTIFIERS)
def test_a_pseudonym_that_comes_in_again_stays_itself(identifier):
    """A corrected row keeps its person, however often it goes round and whatever an editor did to case and padding."""
    pseudonym = pseudonyms(KEY)
    first = pseudonym(identifier)
    assert pseudonym(first) == first
    if first is not None:
        assert pseudonym(f" {first.lower()} ") == first


@given(IDENTIFIERS, st.from_regex(r"P[0-9A-F]{24}", fullmatch=True))
def test_what_only_looks_like_a_pseudonym_is_hashed(identifier, forged):
    """Only this home's own key makes a pseudonym that passes; nobody's identifier slips through in clear."""
    pseudonym = pseudonyms(KEY)
    assert pseudonym(forged) != forged
    elsewhere = pseudonyms(b"another key")(identifier)
    if elsewhere is not None:
        assert pseudonym(elsewhere) != elsewhere
