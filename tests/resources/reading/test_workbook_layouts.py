"""Workbooks as people make them: merged cells, codes shown with zeros, and sheets of several kinds."""

import io

import openpyxl
import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.refusals import UploadRefusedError
from support.upload_files import lake_rows, quarantined, reader, workbook

NAMES = ["KNR", "ESTACAO", "HALLE", "FALHA", "DATA"]
DEFECTS = [
    NAMES,
    *(["2024-051600" + str(n), "PCEQS709", "ROD", f"RUIDO {n}", f"2024-01-29 10:07:0{n}"] for n in range(4)),
]
TABLES = {
    "resultados": ["2024-0516001", "012001", 2, 10, "Nm", 0, 1.5, "2024-01-29 10:07:03"],
    "falhas": ["2024-0516001", "T", "K", "D", "P7", "F700001", "ROD", "RUIDO", 5, "2024-01-29 10:07:03"],
    "status": ["2024-0516001", "M700", "2024-01-29 10:07:03"],
}


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    ("merged", "column"), [("C2:C4", "HALLE"), ("B3:B5", "ESTACAO"), ("E2:E5", "DATA"), ("A2:A3", "KNR")]
)
def test_a_value_merged_over_rows_belongs_to_each_of_them(read, merged, column):
    """Without it, a vehicle that failed the road test has no hall, and looks good."""
    received = read(workbook({"A": DEFECTS}, merged=[merged]), "falhas")
    values = lake_rows(received, column)
    rows = range(int(merged[1]) - 2, int(merged[4]) - 1)
    assert len(values) == 4
    assert len({values[row] for row in rows}) == 1
    assert None not in values


@pytest.mark.fault(57)
def test_a_value_merged_over_columns_is_set_aside(read):
    """Which column it belongs to is not known; the other rows are merged."""
    received = read(workbook({"A": DEFECTS}, merged=["B3:C3"]), "falhas")
    assert len(lake_rows(received, "KNR")) == 3
    assert quarantined(received)[0] == "row: the cells B3:C3 are merged over several columns"


@pytest.mark.fault(57)
def test_merged_cells_outside_the_table_change_nothing(read):
    """Titles above it and columns beside it."""
    rows = [["Export", None], *[[*row, "x", "y"] for row in DEFECTS]]
    received = read(workbook({"A": rows}, merged=["A1:E1", "F3:G5"]), "falhas")
    assert lake_rows(received, "HALLE") == ["ROD"] * 4


def formatted(number_format, *names):
    book = openpyxl.Workbook()
    book.active.append(list(CONTRACTS["resultados"].names))
    for place, name in enumerate(names):
        book.active.append(["2024-0516001", name, 2, 10, "Nm", 0, 12001, f"2024-01-29 10:07:0{place}"])
        book.active.cell(place + 2, 2).number_format = number_format
        book.active.cell(place + 2, 7).number_format = number_format
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    ("number_format", "names"), [("000000", ["012001", "130100"]), ("00000000", ["00012001", "00130100"])]
)
def test_a_code_is_what_its_cell_shows(read, number_format, names):
    """The number 12001 that is shown as 012001 is the test code 012001; a measured value stays a number."""
    received = read(formatted(number_format, 12001, 130100), "resultados")
    assert lake_rows(received, "NAME") == names
    assert lake_rows(received, "VALUE") == [12001, 12001]
    assert "codes_as_numbers" not in received.understood


@pytest.mark.fault(58)
def test_a_code_that_is_a_plain_number_is_told(read):
    """Its leading zeros are lost; the same test of another export would be another test."""
    assert read(formatted("General", 12001), "resultados").understood["codes_as_numbers"] == ["NAME"]
    assert "codes_as_numbers" not in read(formatted("General", "012001"), "resultados").understood


@pytest.mark.fault(59)
@pytest.mark.parametrize("kind", TABLES)
def test_a_workbook_of_all_kinds_is_read_in_every_folder(read, kind):
    """The sheet of this kind is taken; the others are named with their folders."""
    sheets = {name.title(): [list(CONTRACTS[name].names), row] for name, row in TABLES.items()}
    received = read(workbook(sheets), kind)
    assert lake_rows(received, "KNR") == ["2024-0516001"]
    assert received.understood["other_kind_sheets"] == {other.title(): other for other in TABLES if other != kind}


@pytest.mark.fault(59)
def test_a_workbook_of_other_kinds_only_is_sent_to_a_folder_that_takes_it(read):
    """The refusal names the folder of the first sheet; dropped there, that sheet is read."""
    sheets = {name: [list(CONTRACTS[name].names), TABLES[name]] for name in ("falhas", "resultados")}
    with pytest.raises(UploadRefusedError, match="Put it into uploads/falhas instead"):
        read(workbook(sheets), "status")
    assert lake_rows(read(workbook(sheets), "falhas"), "HALLE") == ["ROD"]


@pytest.mark.fault(51)
def test_an_error_cell_in_a_text_column_is_set_aside(read):
    """An error is no hall and no defect; the rows beside it are merged."""
    rows = [NAMES, [*DEFECTS[1][:2], "#REF!", *DEFECTS[1][3:]], [*DEFECTS[2][:3], "#NAME?", DEFECTS[2][4]], DEFECTS[3]]
    received = read(workbook({"A": rows}), "falhas")
    assert lake_rows(received, "HALLE") == ["ROD"]
    assert sorted(quarantined(received)) == [
        "FALHA: the error of a spreadsheet: '#NAME?'",
        "HALLE: the error of a spreadsheet: '#REF!'",
    ]
