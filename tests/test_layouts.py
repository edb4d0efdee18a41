"""Layouts: the header is found wherever it stands, or the file is refused with what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.layouts import UploadRefusedError, find_header, find_separator, split_line
from failure_platform.domain.line_numbers import row_lines

STATUS = CONTRACTS["status"]
FALHAS = CONTRACTS["falhas"]
RESULTADOS = CONTRACTS["resultados"]


def header(lines, contract, where="csv"):
    separator = find_separator(lines, contract)
    return find_header([split_line(line, separator) for line in lines], contract, where)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_the_one_that_names_the_columns(separator):
    """Decimal commas or commas in texts do not win against the separator of the header."""
    lines = ["Export, of, many, commas, everywhere", separator.join(FALHAS.names), "a,b,c,d"]
    assert find_separator(lines, FALHAS) == separator


def test_title_and_blank_lines_stand_before_the_header():
    """The header is found among the first 20 lines, and the lines before it are no rows."""
    found = header(["Report 2026", "", "KNR;STATUS;DATA", "2023-2056234;M700;2023-05-08"], STATUS)
    assert (found.row, found.width, found.positions) == (2, 3, {"KNR": 0, "STATUS": 1, "DATA": 2})


def test_case_blanks_order_and_compatibility_forms_do_not_matter():
    """Columns are mapped by name, however it is written."""
    found = header([" data ,Knr,ＳＴＡＴＵＳ"], STATUS)
    assert found.positions == {"KNR": 1, "STATUS": 2, "DATA": 0}


def test_extra_columns_are_ignored_and_named():
    """What the contract does not know is passed over and told."""
    found = header(["Unnamed: 0,KNR,STATUS,,DATA,Note"], STATUS)
    assert found.extra == ("Unnamed: 0", "column 4", "Note")
    assert found.cells(["0", "2023-2056234", "M700", "", "2023-05-08"]) == {
        "KNR": "2023-2056234",
        "STATUS": "M700",
        "DATA": "2023-05-08",
    }


def test_absent_optional_columns_are_named():
    """Older falhas exports have no S_GROUP_ID; they are taken."""
    found = header(["KNR,ESTACAO,HALLE,FALHA,DATA"], FALHAS)
    assert found.absent == ("MODELO", "COR", "MOTOR", "USUARIO", "S_GROUP_ID")


def refusal(lines, contract):
    with pytest.raises(UploadRefusedError) as caught:
        header(lines, contract)
    return str(caught.value)


def test_a_missing_required_column_is_refused_with_a_guess():
    """The refusal says which column, on which line, what there is, and what is probably meant."""
    assert refusal(["title", "KNR,NAME,ID,STATUS,UNIT,VALUEID,VALUE,DATE"], RESULTADOS) == (
        "The required columns VALUE_ID, DATA of resultados are missing (csv, line 2). The header has: 'KNR', 'NAME', "
        "'ID', 'STATUS', 'UNIT', 'VALUEID', 'VALUE', 'DATE'. Perhaps 'VALUEID' is meant as VALUE_ID and 'DATE' is "
        "meant as DATA: then rename it. A resultados file needs KNR, NAME, ID, STATUS, VALUE_ID, VALUE, DATA."
    )


def test_a_header_with_a_nul_is_not_taken_for_the_column():
    """`KNR` with an invisible sign looks right and is not; the refusal shows the sign."""
    assert "'KNR\\x00'" in refusal(["KNR\0,STATUS,DATA"], STATUS)


def test_no_header_is_refused_without_showing_data():
    """A file of data only is refused; its lines, which may name people, are not repeated."""
    message = refusal(["2023-2056234,T-CROSS,K2K2,DHS,HCEQS506,FHQWRAP,ROD,NOISE,5,2023-05-08"], FALHAS)
    assert message.startswith("No header of falhas was found (csv). None of the first 20 lines names")
    assert "Put a line with the column names above the data: KNR, MODELO" in message
    assert "FHQWRAP" not in message


@pytest.mark.parametrize(
    ("dropped", "really"),
    [("resultados", "falhas"), ("resultados", "status"), ("falhas", "resultados"), ("falhas", "status"),
     ("status", "resultados"), ("status", "falhas")],
)  # fmt: skip
def test_a_file_in_the_wrong_folder_is_sent_to_the_right_one(dropped, really):
    """Also where all columns of the wrong kind are there by chance: resultados has KNR, STATUS and DATA too."""
    message = refusal([",".join(CONTRACTS[really].names)], CONTRACTS[dropped])
    assert message.startswith(f"This looks like a {really} file, not {dropped} (csv).")
    assert message.endswith(f"Put it into uploads/{really} instead.")


def test_a_column_named_twice_is_refused():
    """`STATUS` and `Status` are one name; which of them is meant cannot be known."""
    message = refusal(["KNR,STATUS,DATA,Status"], STATUS)
    assert message.startswith("The header names STATUS more than once (csv, line 1).")
    assert message.endswith("Keep one of the columns, or rename the others.")


def test_a_header_below_the_twentieth_line_is_not_looked_for():
    """The search ends, so that data is never taken for a header."""
    assert "No header" in refusal([""] * 20 + ["KNR,STATUS,DATA"], STATUS)


@given(st.integers(0, 5), st.lists(st.tuples(st.sampled_from(["row", "gap"]), st.integers(1, 3)), max_size=30))
def test_every_row_is_found_on_its_line(header_line, parts):
    """Whatever lines are blank or rejected and whatever rows take several lines, each row's line is exact."""
    line, truth, gaps, long_rows = header_line + 1, [], [], []
    for what, size in parts:
        if what == "row":
            if size > 1:
                long_rows.append((len(truth), size - 1))
            truth.append(line)
        else:
            gaps.extend(range(line, line + size))
        line += size
    pairs = row_lines(header_line, gaps, long_rows)

    def line_of(row):
        start, first = max(pair for pair in pairs if pair[0] <= row)
        return first + row - start

    assert [line_of(row) for row in range(len(truth))] == truth
