"""Formula injection: exported texts run nothing in a spreadsheet, and are read back unchanged."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.rows.formulas import ESCAPED_FORMULA, escape_formula


def unescape_formula(text: str) -> str:
    return re.sub(ESCAPED_FORMULA, r"\1", text, count=1)


@pytest.mark.fault(35)
@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(1)", "\tx", "\rx", "'=1", "''@x", "-1+2"])
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe_and_loses_it_again(text):
    assert escape_formula(text) == "'" + text
    assert unescape_formula(escape_formula(text)) == text


@pytest.mark.fault(35)
@pytest.mark.parametrize("text", ["-5.3", "+5,3", "-1.234,50", "-5e-3", "-5.3   ", "012001", "'tis", "x=1", "", "a-b"])
def test_numbers_and_plain_texts_get_no_apostrophe(text):
    assert escape_formula(text) == text
    assert unescape_formula(text) == text


@pytest.mark.fault(35)
@given(st.text(alphabet="'=+-@\t\r01.,eE \nx", max_size=8))
def test_no_text_is_changed_by_an_export_and_its_way_back(text):
    """Every text is restored; an exported text is a number or does not begin with a formula sign."""
    assert unescape_formula(escape_formula(text)) == text
    assert not escape_formula(text).startswith(("=", "@", "\t", "\r"))
