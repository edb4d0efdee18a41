"""Validation: texts become the right values, and the compiled contract agrees with pandera."""

import math
import re
from datetime import datetime

import pandas as pd
import pandera.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS, check_words
from failure_platform.domain.rows.cell_texts import is_blank
from support.examples import examples
from support.validated_texts import GOOD, changed, one, validate


@pytest.mark.parametrize("kind", list(GOOD))
def test_a_good_row_has_no_reason(kind):
    """Reasons are only given where something is wrong."""
    ((_, reasons),) = validate(kind, [GOOD[kind]])
    assert reasons == []


@pytest.mark.parametrize("blank", ["", "   ", "\u00a0", "NaN", "nan", " NULL ", "None", "#N/A", None])
def test_whatever_stands_for_nothing_is_nothing(blank):
    """Every spelling of a missing value becomes NULL; a row without a value is a good row."""
    assert one("resultados", "VALUE", blank) == (None, [])
    assert one("resultados", "UNIT", blank) == (None, [])
    assert one("falhas", "HALLE", blank) == (None, [])
    assert is_blank(blank or "")


def test_a_word_that_merely_holds_a_blank_word_stays():
    """`NANA` is a text."""
    assert one("falhas", "FALHA", "nana") == ("NANA", [])
    assert not is_blank("nana")


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("UNIT", "Nm        ", "Nm"),
        ("UNIT", "\\u00B0", "°"),
        ("UNIT", "\u00a0Grad ", "Grad"),
        ("NAME", "012001", "012001"),
        ("NAME", "1E5", "1E5"),
        ("VALUE_ID", "", 0),
        ("VALUE_ID", "NULL", 0),
        ("STATUS", "13.0", 13),
        ("STATUS", " 10 ", 10),
        ("ID", "+2", 2),
        ("ID", "2,0", 2),
        ("ID", "007", 7),
        ("ID", "2147483647.0", 2147483647),
        ("VALUE", "2,5", 2.5),
        ("VALUE", "2.345,75", 2345.75),
        ("VALUE", "1.234.567,5", 1234567.5),
        ("VALUE", "1,234.5", 1234.5),
        ("VALUE", "-,5", -0.5),
        ("VALUE", "1e-3", 0.001),
        ("DATA", "2023-05-08T10:00:00.923", datetime(2023, 5, 8, 10, 0, 0)),
        ("DATA", "2023-05-08", datetime(2023, 5, 8)),
        ("DATA", "8/5/2023 9:07", datetime(2023, 5, 8, 9, 7)),
        ("DATA", "08/05/2023 09:07:01", datetime(2023, 5, 8, 9, 7, 1)),
    ],
)
def test_texts_of_the_exports_become_values(column, text, value):
    """Padding, degree codes, decimal commas and both date forms are read."""
    assert one("resultados", column, text) == (value, [])


@pytest.mark.parametrize(
    ("kind", "column", "text", "reason"),
    [
        ("resultados", "VALUE", "12,x", "VALUE: not a number: '12,x'"),
        ("resultados", "VALUE", "1_000", "VALUE: not a number: '1_000'"),
        ("resultados", "VALUE", "1.234.567", "VALUE: not a number: '1.234.567'"),
        ("resultados", "VALUE", "12,34.5", "VALUE: not a number: '12,34.5'"),
        ("resultados", "VALUE", "inf", "VALUE: not a number: 'inf'"),
        ("resultados", "VALUE", "-1e999", "VALUE: not a number: '-1e999'"),
        ("resultados", "ID", "2.5", "ID: not a whole number: '2.5'"),
        ("resultados", "ID", "3000000000", "ID: not a whole number: '3000000000'"),
        ("resultados", "ID", "0x1F", "ID: not a whole number: '0x1F'"),
        ("resultados", "ID", "-1", "ID: not at least 0: '-1'"),
        ("resultados", "STATUS", "11", "STATUS: not one of 10, 13: '11'"),
        ("resultados", "STATUS", "", "STATUS: missing"),
        ("resultados", "KNR", "2023-205623", "KNR: does not match ^[0-9]{4}-[0-9]{7}$: '2023-205623'"),
        ("resultados", "KNR", None, "KNR: missing"),
        ("resultados", "DATA", "05/13/2023 10:00", "DATA: not a date and time: '05/13/2023 10:00'"),
        ("resultados", "DATA", "2023-06-31 08:00:00", "DATA: not a date and time: '2023-06-31 08:00:00'"),
        ("resultados", "DATA", "2023-05-08 10:00:00+02", "DATA: not a date and time: '2023-05-08 10:00:00+02'"),
        ("resultados", "DATA", "45054.5", "DATA: not a date and time: '45054.5'"),
        ("resultados", "DATA", "2023-05-08 10:00:0Z", "DATA: not a date and time: '2023-05-08 10:00:0Z'"),
        ("resultados", "DATA", "20230-05-08 10:00:00", "DATA: not a date and time: '20230-05-08 10:00:00'"),
        ("resultados", "DATA", "0044-03-15 (BC)", "DATA: not a date and time: '0044-03-15 (BC)'"),
        ("resultados", "DATA", "infinity", "DATA: not a date and time: 'infinity'"),
        ("resultados", "DATA", "2023/05/08", "DATA: not a date and time: '2023/05/08'"),
        ("resultados", "ID", "1_0", "ID: not a whole number: '1_0'"),
        ("resultados", "DATA", "1900-01-01", "DATA: not at least 2000-01-01 00:00:00: '1900-01-01'"),
        ("status", "STATUS", "700", "STATUS: does not match ^[A-Z][A-Z0-9]{3}$: '700'"),
    ],
)
def test_what_is_wrong_is_said(kind, column, text, reason):
    """A bad cell gives its column, what is wrong and the value."""
    assert one(kind, column, text)[1] == [reason]


def test_all_reasons_of_a_row_are_given():
    """A person corrects a row once, so they must see everything that is wrong with it."""
    ((_, reasons),) = validate("resultados", [changed("resultados", KNR="x", STATUS="7", DATA="ontem")])
    assert [reason.split(":")[0] for reason in reasons] == ["KNR", "STATUS", "DATA"]


@pytest.mark.fault(17)
def test_a_row_from_the_future_is_set_aside():
    """A wrong year would leak into features and stretch what the labels cover."""
    latest = datetime(2023, 5, 8)
    assert one("status", "DATA", "2023-05-08", latest)[1] == []
    assert one("status", "DATA", "2032-05-08", latest)[1] == ["DATA: in the future when it was received: '2032-05-08'"]


@pytest.mark.fault(23)
def test_identifiers_stay_the_text_that_they_are():
    """Leading zeros, an E and many digits are part of a name; an invalid KNR is shown as in the file."""
    assert [one("resultados", "NAME", text)[0] for text in ("00123", "1E5", "1" * 23)] == ["00123", "1E5", "1" * 23]
    for text in ("00123", "1E5", "1" * 23):
        assert one("status", "KNR", text)[1] == [f"KNR: does not match ^[0-9]{{4}}-[0-9]{{7}}$: '{text}'"]
    assert one("falhas", "FALHA", "NA") == ("NA", [])


@pytest.mark.fault(27)
@pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "+inf", "1e999", "-1e999", "nan(1)", "1n"])
def test_what_is_beyond_all_numbers_is_none(text):
    """One infinite value would spoil every mean that it enters."""
    assert one("resultados", "VALUE", text)[1] == [f"VALUE: not a number: '{text}'"]
    assert one("resultados", "VALUE", "NaN") == (None, [])


@examples(10)
@given(st.data(), st.sampled_from(["", " ", "  ", "\u00a0", "\t"]), st.sampled_from(["", " ", " \u00a0"]))
def test_padding_changes_nothing(data, before, after):
    """A cell with padding is validated like the cell alone: the canonical and the irregular path agree."""
    moments = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda at: str(at)[:19])
    texts = {"DATA": moments, "VALUE": numberish, "ID": st.integers(-9, 2**33).map(str), "NAME": st.just("012001")}
    rows = data.draw(st.lists(st.fixed_dictionaries(texts), min_size=1, max_size=20))
    bare = validate("resultados", [changed("resultados", **{k: v.strip(" ") for k, v in row.items()}) for row in rows])
    padded = [changed("resultados", **{k: before + v.strip(" ") + after for k, v in row.items()}) for row in rows]
    assert validate("resultados", padded) == bare


def test_case_and_whole_group_numbers_are_folded():
    """The two casings of one defect become one row, and a group that passed through a float stays itself."""
    assert one("falhas", "FALHA", " Porta dianteira: Ruído ") == ("PORTA DIANTEIRA: RUÍDO", [])
    assert one("falhas", "S_GROUP_ID", "9830946.0") == ("9830946", [])
    assert one("falhas", "S_GROUP_ID", "#MULTIVALUE") == ("#MULTIVALUE", [])
    assert one("status", "STATUS", "m700") == ("M700", [])


def test_a_long_bad_value_is_cut():
    """Reasons stay readable, whatever a cell holds."""
    assert len(one("resultados", "VALUE", "x" * 500)[1][0]) < 100


def expected_number(text):
    """The written form of numbers, as one regular expression each: the slow way that validation must agree with."""
    text = text.strip(" ")
    plain = re.fullmatch(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?", text)
    if plain:
        number = float(text.replace(",", "."))
        return None if math.isinf(number) else number
    if re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+", text):
        return float(text.replace(".", "").replace(",", "."))
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+", text):
        return float(text.replace(",", ""))
    return None


numberish = st.one_of(
    st.text("0123456789.,+-eE_ xinfa", min_size=1, max_size=12),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).map(lambda value: f"{value:,.2f}"),
    st.floats(-1e6, 1e6).map(lambda value: f"{value:.3f}".replace(".", ",")),
)


@examples(12)
@given(st.lists(numberish, min_size=1, max_size=60))
def test_numbers_are_those_that_are_written_like_numbers(texts):
    """The fast way through a cast takes exactly the written forms of numbers, and gives their values."""
    for text, (values, reasons) in zip(
        texts, validate("resultados", [changed("resultados", VALUE=t) for t in texts]), strict=True
    ):
        expected = expected_number(text)
        assert values["VALUE"] == expected or reasons, text
        assert bool(reasons) == (expected is None and not is_blank(text)), text


def cell(column):
    """Values of a column, right and wrong, that a typed frame can hold."""
    match column.type:
        case "integer":
            return st.one_of(st.none(), st.sampled_from([0, 10, 13]), st.integers(-3, 2**31 - 1))
        case "number":
            return st.one_of(st.none(), st.floats(-1e9, 1e9))
        case "timestamp":
            return st.one_of(st.none(), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)))
    texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=6)
    like = st.from_regex(r"\A[0-9]{4}-[0-9]{6,8}\Z|\A[A-Z][A-Z0-9]{2,4}\Z")
    return st.one_of(st.none(), like, texts)


def as_text(value):
    return value if value is None or isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)


def pandera_failures(contract, frame):
    """Return (row, column, what is wrong) as pandera finds it on pandas."""
    schema = contract.model.to_schema()
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return set()
    found = set()
    for case in cases.itertuples():
        if case.check == "not_nullable":
            words = "missing"
        else:
            check = schema.columns[case.column].checks[int(case.check_number)]
            words = check_words(check.name, check.statistics)
        found.add((int(case.index), case.column, words))
    return found


def compiled_failures(contract, validated):
    """Return (row, column, what is wrong) as the compiled contract finds it."""
    words = {
        f"{name}: {wrong}": (name, right)
        for name, spec in contract.model.to_schema().columns.items()
        for right in ["missing", *(check_words(check.name, check.statistics) for check in spec.checks)]
        for wrong in [
            right
            if right == "missing"
            else right.replace("matches", "does not match")
            if right.startswith("matches")
            else f"not {right}"
        ]
    }
    return {
        (row, *next(meant for start, meant in words.items() if reason.startswith(start)))
        for row, (_, reasons) in enumerate(validated)
        for reason in reasons
        # The contract does not know these; they have tests of their own.
        if ": the error of a spreadsheet" not in reason and ": written in another encoding" not in reason
    }


@pytest.mark.parametrize("kind", list(CONTRACTS))
@examples(6)
@given(data=st.data())
def test_the_compiled_contract_finds_what_pandera_finds(kind, data):
    """On the typed rows, both name the same rows, columns and checks: there is one contract, not two."""
    contract = CONTRACTS[kind]
    rows = data.draw(st.lists(st.tuples(*(cell(column) for column in contract.columns)), min_size=1, max_size=20))
    validated = validate(kind, [tuple(as_text(value) for value in row) for row in rows])
    dtypes = {"text": "str", "integer": "Int32", "number": "float64", "timestamp": "datetime64[ns]"}
    frame = pd.DataFrame(
        {c.name: pd.array([values[c.name] for values, _ in validated], dtype=dtypes[c.type]) for c in contract.columns}
    )
    assert compiled_failures(contract, validated) == pandera_failures(contract, frame)
