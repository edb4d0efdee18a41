"""Layouts: the header is found on any of the first lines, or the file is refused with what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.delimited import find_separator, split_line
from failure_platform.domain.rows.layouts import find_header
from failure_platform.domain.rows.line_numbers import row_lines
from failure_platform.domain.rows.refusals import UploadRefusedError

STATUS = CONTRACTS["status"]
FALHAS = CONTRACTS["falhas"]
RESULTADOS = CONTRACTS["resultados"]


def header(lines, contract, where="csv"):
    separator = find_separator(lines, contract)
    return find_header([split_line(line, separator) for line in lines], contract, where)


@pytest.mark.fault(21)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_the_one_that_names_the_columns(separator):
    """Decimal commas or commas in texts do not win against the separator of the header."""
    lines = ["Export, of, many, commas, everywhere", separator.join(FALHAS.names), "a,b,c,d"]
    assert find_separator(lines, FALHAS) == separator


def test_title_and_blank_lines_stand_before_the_header():
    """The header is found among the first 20 lines, and the lines before it are no rows."""
    found = header(["Report 2026", "", "KNR;STATUS;DATA", "2023-2056234;M700;2023-05-08"], STATUS)
    assert (found.row, found.width, found.blocks) == (2, 3, ({"KNR": 0, "STATUS": 1, "DATA": 2},))


@pytest.mark.fault(18, 19)
def test_case_blanks_order_and_compatibility_forms_do_not_matter():
    """Columns are mapped by name, however it is written."""
    found = header([" data ,Knr,ＳＴＡＴＵＳ"], STATUS)
    assert found.blocks == ({"KNR": 1, "STATUS": 2, "DATA": 0},)


@pytest.mark.fault(18)
def test_extra_columns_are_ignored_and_named():
    """Columns that are not in the contract are ignored and listed in the findings."""
    found = header(["Unnamed: 0,KNR,STATUS,,DATA,Note"], STATUS)
    assert found.extra == ("Unnamed: 0", "column 4", "Note")
    assert found.blocks == ({"KNR": 1, "STATUS": 2, "DATA": 4},)


def test_absent_optional_columns_are_named():
    """Older falhas exports have no S_GROUP_ID; they are taken."""
    found = header(["KNR,ESTACAO,HALLE,FALHA,DATA"], FALHAS)
    assert found.absent == ("MODELO", "COR", "MOTOR", "USUARIO", "S_GROUP_ID")


def refusal(lines, contract):
    with pytest.raises(UploadRefusedError) as caught:
        header(lines, contract)
    return str(caught.value)


@pytest.mark.fault(18)
def test_a_missing_required_column_is_refused_with_a_guess():
    """The refusal names the column, the line, the columns of the file, and the one that is probably meant."""
    assert refusal(["title", "KNR,NAME,ID,STATUS,UNIT,VALUEID,VALUE,DATE"], RESULTADOS) == (
        "The required columns VALUE_ID, DATA of resultados are missing (csv, line 2). The header has: 'KNR', 'NAME', "
        "'ID', 'STATUS', 'UNIT', 'VALUEID', 'VALUE', 'DATE'. Perhaps 'VALUEID' is meant as VALUE_ID and 'DATE' is "
        "meant as DATA: then rename it. A resultados file needs KNR, NAME, ID, STATUS, VALUE_ID, VALUE, DATA."
    )


@pytest.mark.fault(19)
def test_a_header_with_a_nul_is_not_taken_for_the_column():
    """`KNR` with an invisible character only looks right; the refusal shows it, also for an optional column."""
    assert "'KNR\\x00'" in refusal(["KNR\0,STATUS,DATA"], STATUS)
    message = refusal(["KNR,ESTACAO,HALLE,FALHA,DATA,COR\0"], FALHAS)
    assert message.startswith("The header names 'COR\\x00' (csv, line 1). It holds a NUL, which no one can see")


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


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "line", ["KNR,STATUS,DATA,Status", "KNR,STATUS,DATA,DATA,STATUS,KNR", "KNR,STATUS,DATA,KNR,STATUS"]
)
def test_a_column_named_twice_is_refused(line):
    """`STATUS` and `Status` are one name; that is ambiguous, unless all columns are repeated in order."""
    message = refusal([line], STATUS)
    assert message.startswith("The header names ")
    assert "STATUS more than once (csv, line 1)." in message
    assert "Keep one of the columns, or rename the others; only all 3 together, in the same order" in message


@pytest.mark.parametrize(
    ("line", "second"),
    [
        ("KNR,STATUS,DATA,KNR,STATUS,DATA", {"KNR": 3, "STATUS": 4, "DATA": 5}),
        ("KNR,STATUS,DATA,,Knr, status ,DATA", {"KNR": 4, "STATUS": 5, "DATA": 6}),
        ("KNR,STATUS,DATA,Unnamed: 3,KNR.1,STATUS.1,DATA.1", {"KNR": 4, "STATUS": 5, "DATA": 6}),
    ],
)
def test_whole_blocks_may_stand_side_by_side(line, second):
    """A table that overflowed to the right is one table, also when pandas wrote it once more."""
    assert header([line], STATUS).blocks == ({"KNR": 0, "STATUS": 1, "DATA": 2}, second)


def test_a_name_with_a_number_behind_it_is_no_block():
    """`STATUS.1` alone is a column that is not in the contract, and replaces no missing one."""
    assert header(["KNR,STATUS,DATA,STATUS.1"], STATUS).extra == ("STATUS.1",)
    assert "DATA of status is missing" in refusal(["KNR,STATUS,DATA.1"], STATUS)


def test_a_correction_file_names_its_rows_in_quarantine():
    """The column is part of the table at any position; a duplicate is refused like any other."""
    found = header(["QUARANTINE_ID,KNR,STATUS,DATA"], STATUS)
    assert (found.corrects, found.extra, found.blocks[0]["quarantine_id"]) == (True, (), 0)
    assert "quarantine_id more than once" in refusal(["KNR,STATUS,DATA,QUARANTINE_ID,quarantine_id"], STATUS)


@pytest.mark.fault(26)
def test_a_header_of_very_many_columns_is_refused():
    """Each would cost memory and time; the refusal does not print them all."""
    message = refusal([",".join(["KNR,STATUS,DATA", *(f"c{place}" for place in range(2_000))])], STATUS)
    assert message.startswith("The header has 2,003 columns (csv, line 1). At most 2,000 are read.")


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
