"""Spreadsheets: every row of every sheet is read as text with its line, wherever the table is."""

import datetime as dt
import gzip

import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.pseudonyms import pseudonyms
from support.upload_files import (
    FALHAS,
    KEY,
    STATUS,
    in_sheet,
    placed,
    quarantine_ids,
    reader,
    rezipped,
    with_shared_strings,
    workbook,
)

MOMENT = dt.datetime(2023, 5, 8, 10, 0, 0)
HEADER = ["KNR", "STATUS", "DATA"]
ROW = ["2023-2056234", "M700", MOMENT]
READ = ("2023-2056234", "M700", "2023-05-08 10:00:00")
MEASURED = list(CONTRACTS["resultados"].names)


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


@pytest.mark.fault(28)
def test_every_sheet_of_a_workbook_is_read(read):
    """Only the first has a header; a later one may go on with data, or have its own in another order."""
    content = workbook(
        {
            "Cover": [["Report 2026"], ["made by", "someone"]],
            "A": [[], ["Report"], [None, "KNR", "STATUS", "DATA"], [None, "2023-2056234", "M700", MOMENT]],
            "B": [[None, "2023-2056235", "M710", MOMENT], [], [None, "2023-2056236", "M720", MOMENT]],
            "C": [["DATA", "STATUS", "KNR"], [MOMENT, "M800", "2023-2056237"]],
            "Empty": [],
            "Old": [["KNR", "STATUS", "DATA"], ["2023-2056238", "M700", MOMENT]],
        },
        hidden=["Old"],
    )
    received = read(content, name="wrong.csv")
    assert placed(received) == [
        ("A", 4, "2023-2056234", "M700", "2023-05-08 10:00:00"),
        ("B", 1, "2023-2056235", "M710", "2023-05-08 10:00:00"),
        ("B", 3, "2023-2056236", "M720", "2023-05-08 10:00:00"),
        ("C", 2, "2023-2056237", "M800", "2023-05-08 10:00:00"),
    ]
    assert received.understood["sheets"] == {"A": 1, "B": 3, "C": 1}
    assert received.understood["passed_sheets"] == ["Cover", "Empty"]
    assert received.understood["hidden_sheets"] == ["Old"]
    assert received.understood["container"] == "xlsx"


LAYOUTS = {
    "as pandas wrote it": ([["Unnamed: 0", *HEADER, "Unnamed: 4"], [0, *ROW, None]], 2, ["Unnamed: 0", "Unnamed: 4"]),
    "an empty first column": ([[None, *HEADER], [None, *ROW]], 2, ["column 1"]),
    "a count above the header": ([[None, None, 4_350_000], HEADER, ROW], 3, []),
    "a title, a blank row": ([["Report of status, week 19"], [], HEADER, ROW], 4, []),
    "empty rows and columns first": ([[], [], [None, None, None, *HEADER], [None, None, None, *ROW]], 4, None),
    "an empty column within": ([["KNR", None, "STATUS", "DATA"], [ROW[0], None, *ROW[1:]]], 2, ["column 2"]),
    "nineteen lines of text": ([["x"]] * 19 + [HEADER, ROW], 21, []),
}


@pytest.mark.fault(29)
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_table_is_found_wherever_it_stands(read, name):
    """Whatever is above and next to the header, the row has the line that Excel shows."""
    rows, line, ignored = LAYOUTS[name]
    received = read(workbook({"A": rows}))
    assert placed(received) == [("A", line, *READ)]
    assert received.understood["header_line"] == line - 1
    assert ignored is None or received.understood["ignored_columns"] == ignored


@pytest.mark.parametrize("above", [[], [["Report"]] * 15])
def test_texts_that_stand_in_a_part_of_their_own_are_read(read, above):
    """Excel keeps each text once, apart from the cells; a title's formatting and its pronunciation do not count."""
    content = with_shared_strings(workbook({"A": [*above, HEADER, ROW, ["2023-2056235", "M710", MOMENT]]}))
    rich = rezipped(
        content,
        lambda name, part: part.replace(
            b"<si><t>STATUS</t></si>",
            b"<si><r><t>STA</t></r><r><rPr><b/></rPr><t>TUS</t></r><rPh sb='0' eb='1'><t>x</t></rPh></si>",
        ),
    )
    line = len(above) + 2
    for file in (content, rich):
        assert placed(read(file)) == [("A", line, *READ), ("A", line + 1, "2023-2056235", "M710", READ[2])]


@pytest.mark.fault(29)
def test_a_merged_title_is_no_header(read):
    """A title over several columns is stored in one cell; the header below it is found."""
    rows = [["Export status"], [], HEADER, ROW]
    assert placed(read(workbook({"A": rows}, merged=["A1:C2"]))) == [("A", 4, *READ)]


@pytest.mark.parametrize("between", [[], [None], ["Unnamed: 3"]])
@pytest.mark.parametrize("again", [HEADER, ["KNR.1", "STATUS.1", "DATA.1"]])
def test_a_sheet_that_overflowed_to_the_right_is_read_block_by_block(read, between, again):
    """The next block's rows follow, each on its line; where a block is shorter, nothing is counted or in quarantine."""
    blank = [None] * len(between)
    later = dt.datetime(2023, 5, 9)
    content = workbook(
        {
            "A": [
                [*HEADER, *between, *again],
                [*ROW, *blank, "2023-2056236", "M720", later],
                ["2023-2056235", "M710", MOMENT],
            ],
            "B": [["2023-2056237", "M800", later, *blank, "2023-2056238", "M810", later]],
        }
    )
    received = read(content)
    assert [row[:4] for row in placed(received)] == [
        ("A", 2, "2023-2056234", "M700"),
        ("A", 3, "2023-2056235", "M710"),
        ("A", 2, "2023-2056236", "M720"),
        ("B", 1, "2023-2056237", "M800"),
        ("B", 1, "2023-2056238", "M810"),
    ]
    assert (received.rows_in, received.understood["side_by_side_blocks"]) == (5, 2)


@pytest.mark.fault(23, 31)
def test_cells_become_the_text_that_a_person_would_type(read):
    """Whole numbers lose the point that the file format adds; a date that lost its format is still a date."""
    rows = [
        ["2023-2056234", "012001", 2, 10.0, "Nm", 0, 2.5, MOMENT],
        ["2023-2056234", 130100, 2, "13", None, 1, -1e-9, dt.date(2023, 5, 8)],
        ["2023-2056234", "x", 2, 10, True, 2, 12345678.5, 45054.416666666664],
        ["2023-2056234", "1E5", 2, 10, " Nm ", 2, " 1,50 ", " 2023-05-25 10:00 "],
        ["2023-2056234", "NA", 2, 10, "NULL", 2, "NaN", MOMENT.replace(microsecond=506_000)],
    ]
    assert [row[3:] for row in placed(read(workbook({"A": [MEASURED, *rows]}), "resultados"))] == [
        ("012001", "2", "10", "Nm", "0", "2.5", "2023-05-08 10:00:00"),
        ("130100", "2", "13", None, "1", "-1e-9", "2023-05-08 00:00:00"),
        ("x", "2", "10", "TRUE", "2", "12345678.5", "2023-05-08 10:00:00"),
        ("1E5", "2", "10", " Nm ", "2", " 1,50 ", " 2023-05-25 10:00 "),
        ("NA", "2", "10", "NULL", "2", "NaN", "2023-05-08 10:00:00.506"),
    ]


@pytest.mark.parametrize("value", ["4.7E-11", "-3e-12", "1.23456789012", "29.020000000000003", "0", "1E+300"])
@pytest.mark.parametrize("beside", [2.5, "1,5", " 2.50 "])
def test_no_digit_of_a_measured_value_is_lost(read, value, beside):
    """The native reader rounds to nine decimals, which makes a tiny value zero; ours gives what was stored."""
    rows = [["k", "n", 2, 10, "F", 0, cell, MOMENT] for cell in (beside, 7.25)]
    content = in_sheet(workbook({"A": [MEASURED, *rows]}), b"<v>7.25</v>", f"<v>{value}</v>".encode())
    first, second = (row[-2] for row in placed(read(content, "resultados")))
    assert (first, float(second)) == (str(beside), float(value))


def test_bare_serial_dates_follow_the_workbooks_calendar(read):
    """Day 0 of a workbook from an old Macintosh is four years later."""
    content = workbook({"A": [HEADER, ["2023-2056234", "M700", 45054.5]]})
    old = rezipped(content, lambda name, part: part.replace(b"<workbookPr ", b'<workbookPr date1904="1" '))
    assert placed(read(content))[0][-1] == "2023-05-08 12:00:00"
    assert placed(read(old))[0][-1] == "2027-05-09 12:00:00"


def test_a_gzipped_workbook_is_read_and_its_persons_hashed(read):
    """Containers nest, and persons in cells are hashed as those in lines are."""
    header, row = (line.split(",") for line in FALHAS.strip().split("\n"))
    received = read(gzip.compress(workbook({"A": [header, row]})), "falhas")
    assert received.understood["container"] == "xlsx in gzip"
    assert placed(received)[0][7] == pseudonyms(KEY)("FHQWRAP")


def test_a_workbook_may_correct_rows_in_quarantine(read):
    """The column QUARANTINE_ID goes along with the rows and is no column that is passed over."""
    received = read(workbook({"A": [[*HEADER, "Quarantine_Id"], [*ROW, "0badc0de-1"]], "B": [[*ROW, "0badc0de-2"]]}))
    assert quarantine_ids(received) == ["0badc0de-1", "0badc0de-2"]
    assert received.understood["corrects_quarantine"] is True
    assert received.understood["ignored_columns"] == []
    assert quarantine_ids(read(workbook({"A": [HEADER, ROW]}))) is None


def test_quarantine_ids_in_a_later_sheet_alone_are_not_lost(read):
    """Whether a file is a correction is decided by its first table; one with ids only in a later table is refused."""
    with pytest.raises(UploadRefusedError, match=r"Only a later sheet has the column quarantine_id \(sheet 'B'\)"):
        read(workbook({"A": [HEADER, ROW], "B": [[*HEADER, "QUARANTINE_ID"], [*ROW, "0badc0de-1"]]}))


@pytest.mark.fault(30)
@pytest.mark.parametrize("place", [1, 2])
def test_a_formula_without_its_value_is_refused(read, place):
    """Its row would lose the cell, or vanish; the refusal names the cells as Excel does."""
    row = [*ROW[:place], '="M"&700', *ROW[place + 1 :]]
    with pytest.raises(UploadRefusedError, match="formulas without their values") as caught:
        read(workbook({"Cover": [["x"]], "A": [["Title"], HEADER, ROW, row, row]}))
    letter = "ABC"[place]
    assert caught.value.where == f"sheet 'A', cells {letter}4, {letter}5"
    assert "Open it in Excel and save it" in caught.value.what_to_do


@pytest.mark.fault(30)
def test_formulas_that_were_calculated_or_do_not_matter_are_taken(read):
    """A stored value counts, an empty text too; a count above the header and a note next to it are not in the table."""
    content = workbook({"A": [["=COUNTA(A3:A9)"], [*HEADER, "Note"], [*ROW[:1], "=B9", ROW[2], "=1+1"]]})
    content = rezipped(content, lambda name, part: part.replace(b' fullCalcOnLoad="1"', b""))
    for old, new, status in [
        (b'r="B3"><f>B9</f><v />', b'r="B3" t="str"><f>B9</f><v>M700</v>', "M700"),
        (b'r="B3"><f>B9</f><v />', b'r="B3" t="str"><f>B9</f><v></v>', None),
        (b'r="B3"><f>B9</f><v />', b'r="B3"><f>B9</f><v>7</v>', "7"),
    ]:
        assert placed(read(in_sheet(content, old, new))) == [("A", 3, "2023-2056234", status, "2023-05-08 10:00:00")]


@pytest.mark.fault(30)
def test_values_that_their_writer_left_to_be_calculated_are_refused(read):
    """Some programs write 0 for every formula and ask Excel to calculate: such a 0 is no measured value."""
    content = workbook({"A": [MEASURED, ["k", "n", 2, 10, "Nm", 0, "=1+1", MOMENT]]})
    zero = in_sheet(content, b"<f>1+1</f><v />", b"<f>1+1</f><v>0</v>")
    with pytest.raises(UploadRefusedError, match=r"sheet 'A', cells G2"):
        read(zero, "resultados")


@pytest.mark.fault(30)
@pytest.mark.parametrize("spelling", [(b't="e"', b"t='e'"), (b't="e"', b't="e"')])
def test_an_error_in_a_cell_is_no_empty_cell(read, spelling):
    """The native reader gives #N/A as nothing, which in VALUE would be a good row; ours keeps what Excel shows."""
    rows = [["k", "n", 2, 10, "Nm", 0, value, MOMENT] for value in (1, "#N/A", 3)]
    content = in_sheet(workbook({"A": [["title"], MEASURED, *rows]}), *spelling)
    assert [row[-2] for row in placed(read(content, "resultados"))] == ["1", "#N/A", "3"]


@pytest.mark.fault(30)
@pytest.mark.parametrize("before_the_cut", [0, 1, 5])
def test_an_error_is_found_wherever_the_pieces_end_that_are_looked_through(read, before_the_cut):
    """A part is searched in chunks of a MiB: the cell's type may end one chunk, and its value begin the next."""
    rows = [["k", "n", 2, 10, "Nm", 0, value, MOMENT] for value in (1, "#N/A", 3)]

    def moved(name, part):
        if not name.endswith("sheet1.xml"):
            return part
        missing = (1 << 20) - before_the_cut - part.index(b'"><v>#N/A')
        return part.replace(b"<sheetData>", b"<!--" + b"x" * (missing - 7) + b"--><sheetData>")

    content = rezipped(workbook({"A": [MEASURED, *rows]}), moved)
    assert [row[-2] for row in placed(read(content, "resultados"))] == ["1", "#N/A", "3"]


def test_rows_and_cells_need_not_say_where_they_stand(read):
    """Then each follows the one before; a formula without value is found there too."""
    sheet = b'<row><c t="str"><v>KNR</v></c><c t="str"><v>STATUS</v></c><c t="str"><v>DATA</v></c></row>'
    content = rezipped(
        workbook({"A": [["x"]]}),
        lambda name, part: (
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            + sheet
            + b"<row><c><v>1</v></c><c><f>A1</f></c></row></sheetData></worksheet>"
            if name.endswith("sheet1.xml")
            else part
        ),
    )
    with pytest.raises(UploadRefusedError, match=r"sheet 'A', cells B2"):
        read(content)


@pytest.mark.fault(28)
def test_a_sheet_with_half_a_header_is_not_passed_over(read):
    """Rows under a header with a misspelt column would be lost in silence."""
    content = workbook({"A": [s.split(",") for s in STATUS], "B": [["KNR", "STATUS", "DATE"], ["a", "b", "c"]]})
    with pytest.raises(UploadRefusedError, match=r"column DATA of status is missing \(sheet 'B', line 1\)"):
        read(content)


@pytest.mark.fault(28)
def test_a_workbook_without_the_header_lists_its_sheets(read):
    """So that a person sees which workbook was meant."""
    with pytest.raises(UploadRefusedError, match=r"No sheet has the header of status \(visible sheets: A, B\)"):
        read(workbook({"A": [["x"]], "B": [["y"]]}))


def test_a_large_sheet_keeps_its_order_and_lines(read):
    """Written in several batches, the rows still have the lines that Excel shows."""
    rows = [[f"2023-{number:07d}", "M700", "2023-05-08"] for number in range(30_000)]
    received = read(workbook({"A": [HEADER, *rows]}))
    assert [row[:3] for row in placed(received)] == [
        ("A", number + 2, f"2023-{number:07d}") for number in range(30_000)
    ]
