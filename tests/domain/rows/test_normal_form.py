"""Codes: what looks the same is the same code, in every text column of every kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.cell_texts import normal_text
from support.examples import examples
from support.validated_texts import changed, one, validate

UNSEEN = {
    "zero width space": "{}\u200b",
    "byte order mark": "\ufeff{}",
    "narrow no-break space": "{}\u202f",
    "no-break space": "\u00a0{}",
    "soft hyphen": "{}\u00ad",
    "direction mark": "\u200e{}",
    "word joiner": "{}\u2060",
    "ideographic space": "{}\u3000",
    "formula": '="{}"',
    "formula in blanks": ' ="{}" ',
    "escaped line end": "{}_x000D_",
    "line end": "{}\r\n",
}
TEXTS = [
    (kind, column.name) for kind, contract in CONTRACTS.items() for column in contract.columns if column.type == "text"
]


@pytest.mark.fault(50)
@pytest.mark.parametrize(("kind", "column"), TEXTS)
@pytest.mark.parametrize("form", UNSEEN.values(), ids=UNSEEN.keys())
def test_what_nobody_sees_makes_no_other_code(kind, column, form):
    """A code that was pasted from a web page or protected from a spreadsheet is the same code."""
    plain = {"KNR": "2023-2056234", "STATUS": "M700"}.get(column, "012001")
    assert one(kind, column, form.format(plain)) == (plain, [])


@pytest.mark.fault(50)
def test_an_accent_has_one_form():
    """A letter with an accent, or a letter and an accent: macOS writes the second."""
    assert one("falhas", "FALHA", "Rui\u0301do") == one("falhas", "FALHA", "Ruído") == ("RUÍDO", [])


@pytest.mark.fault(50)
@pytest.mark.parametrize("written", ["a\nb", "a\r\nb", "a\rb", "a_x000D_\nb", "a_x000d_\r\nb"])
def test_a_line_end_inside_a_cell_has_one_form(written):
    """Workbooks and text files write it differently."""
    assert one("falhas", "FALHA", written) == ("A\nB", [])


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    ("written", "group"), [("5,0", "5"), ("9830946,0", "9830946"), ("5.00", "5"), ("5", "5"), ("5,5", "5,5")]
)
def test_a_group_is_a_whole_number_however_it_is_printed(written, group):
    """A number column prints groups with decimals, in the decimal sign of its locale."""
    assert one("falhas", "S_GROUP_ID", written)[0] == group


@pytest.mark.fault(51)
@pytest.mark.parametrize(("kind", "column"), [pair for pair in TEXTS if pair[1] != "USUARIO"])
@pytest.mark.parametrize("error", ["#REF!", "#NAME?", "#VALOR!", "#BEZUG!", "#div/0!"])
def test_the_error_of_a_spreadsheet_is_no_code(kind, column, error):
    """It is set aside in every column, not stored as a hall or a defect."""
    assert f"{column}: the error of a spreadsheet" in " ".join(one(kind, column, error)[1])


@pytest.mark.fault(51)
def test_what_only_looks_like_an_error_is_a_code():
    """Groups of the exports begin with the same sign."""
    assert one("falhas", "S_GROUP_ID", "#MULTIVALUE") == ("#MULTIVALUE", [])


@pytest.mark.fault(52)
def test_the_same_event_in_another_precision_is_the_same_event():
    """Exports have milliseconds or not; times are kept to the second."""
    texts = ["2024-01-29 10:00:36.279", "2024-01-29 10:00:36", "29/01/2024 10:00:36", "29.01.2024 10:00:36"]
    rows = validate("falhas", [changed("falhas", DATA=text) for text in texts])
    assert len({values["DATA"] for values, _ in rows}) == 1


@examples(30)
@given(st.text(max_size=20))
def test_one_text_has_one_normal_form_in_both_languages(text):
    """People are normalised in Python and codes in the engine; both by one rule, and once is enough."""
    text = text.replace("\0", "")
    value, _ = one("falhas", "MODELO", text)
    assert normal_text(normal_text(text)) == normal_text(text)
    if value is not None and text.isascii():
        assert value == normal_text(text).upper()
