"""Numbers: a point or comma before three digits separates what the column's other numbers show, or the row is bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.examples import examples
from support.upload_files import lake_rows, quarantined, reader, workbook

NAMES = ["KNR", "NAME", "ID", "STATUS", "UNIT", "VALUE_ID", "VALUE", "DATA"]


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


def rows(*values):
    return [
        ["2024-0516001", f"A{n}", "2", "10", "N", "0", value, f"2024-01-29 14:00:{n:02}"]
        for n, value in enumerate(values)
    ]


def csv(*values):
    return "\n".join(";".join(row) for row in [NAMES, *rows(*values), [""]])


@pytest.mark.fault(49)
@pytest.mark.parametrize(
    ("values", "read_as"),
    [
        (["1.234", "1.234,5", "987,4"], [1234, 1234.5, 987.4]),
        (["1,234", "1,234.5", "987.4"], [1234, 1234.5, 987.4]),
        (["1.234", "1.234.567"], [1234, 1234567]),
        (["-1.234", "12.345,6"], [-1234, 12345.6]),
        (["1.234", "12.5"], [1.234, 12.5]),
        (["1,234", "12,5"], [1.234, 12.5]),
        (["1.234"], [1.234]),
        (["1,234", "5"], [1.234, 5]),
        (["0.234", "1234.567", "12,5"], [0.234, 1234.567, 12.5]),
    ],
)
def test_the_column_shows_what_a_sign_separates(read, values, read_as):
    """1.234 is 1234 beside 1.234,5; alone it is a number with decimals."""
    assert lake_rows(read(csv(*values), "resultados"), "VALUE") == read_as


@pytest.mark.fault(49)
@pytest.mark.parametrize(
    ("values", "sure"),
    [(["1.234", "987,4"], [987.4]), (["1,234", "987.4"], [987.4]), (["1.234", "2.345,5", "12.5"], [2345.5, 12.5])],
)
def test_what_the_column_does_not_show_is_set_aside(read, values, sure):
    """Neither 1.234 nor 1234 is guessed."""
    received = read(csv(*values), "resultados")
    assert lake_rows(received, "VALUE") == sure
    assert quarantined(received) == [f"VALUE: cannot be told whether decimals or thousands: '{values[0]}'"]


@pytest.mark.fault(49)
def test_the_number_of_a_workbook_is_what_its_cell_holds(read):
    """A cell with the number 1.234 is no text with a separator, whatever the texts beside it are."""
    cells = [NAMES, *rows("1.234,5", 1.234, 2.5, "3.456")]
    received = read(workbook({"S": cells}), "resultados")
    assert lake_rows(received, "VALUE")[:3] == [1234.5, 1.234, 2.5]
    assert 3.456 not in lake_rows(received, "VALUE")


@pytest.mark.fault(49)
@examples(30)
@given(
    st.lists(st.integers(-9_999_999, 9_999_999).map(lambda number: number / 1000), min_size=1, max_size=8),
    st.sampled_from([("", "."), ("", ","), (",", "."), (".", ",")]),
)
def test_no_number_is_ever_read_wrong(tmp_path_factory, numbers, signs):
    """Numbers with or without separators, written by one system: each is right or set aside."""
    thousands, decimal = signs
    written = [
        f"{number:,}".removesuffix(".0").translate({ord(","): thousands, ord("."): decimal}) for number in numbers
    ]
    received = reader(tmp_path_factory.mktemp("read"))(csv(*written), "resultados")
    found = dict(lake_rows(received, "NAME", "VALUE"))
    unclear = thousands and not any(decimal in text and thousands in text for text in written)
    for place, number in enumerate(numbers):
        value = found.get(f"A{place}", number)
        # Where no number of the column has both signs, thousands without decimals look like decimals.
        assert value == number or (unclear and value == number / 1000)
