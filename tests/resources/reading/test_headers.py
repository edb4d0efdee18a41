"""Headers in files: no row is lost above one, and no value gets the name of another column below a second one."""

import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.refusals import UploadRefusedError
from support.upload_files import lake_rows, placed, quarantined, reader, rejected, workbook

ROWS = {
    "resultados": [
        "2024-0516001;012001;2;10;Nm;0;12,5;2024-01-29 10:00:07",
        "2024-0516002;A;2;13;;1;7;2024-01-29 11:00:01",
    ],
    "falhas": [
        "2024-0516001;T;K;D;P7;F700001;ROD;RUIDO;5;2024-01-29 10:00:07",
        "2024-0516002;;;;P7;;ROD;RISCO;;2024-01-29 13:00:00",
    ],
    "status": ["2024-0516001;M700;2024-01-29 10:00:07", "2024-0516002;M710;2024-01-29 11:00:01"],
}


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


def header(kind):
    return ";".join(CONTRACTS[kind].names)


def as_workbook(lines):
    return workbook({"Export": [line.split(";") for line in lines]})


@pytest.mark.fault(44)
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("above", [1, 2])
def test_rows_above_the_header_are_refused(read, kind, form, above):
    """Rows that were sorted above their header would vanish as titles."""
    lines = [*ROWS[kind][:above], header(kind), *ROWS[kind][above:]]
    with pytest.raises(UploadRefusedError, match="Rows stand above the header") as refused:
        read("\n".join([*lines, ""]) if form == "csv" else as_workbook(lines), kind)
    assert f"line {above + 1})" in str(refused.value)
    assert "F700001" not in str(refused.value)


@pytest.mark.fault(44)
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_every_line_is_a_row_a_title_or_a_header(read, kind, form):
    """The lines of the file add up, and the page shows the titles unless they may name a person."""
    lines = ["Relatorio de F700001", "", header(kind), *ROWS[kind]]
    received = read("\n".join([*lines, ""]) if form == "csv" else as_workbook(lines), kind)
    assert received.rows_in == 2
    shown = [] if kind == "falhas" else ["Relatorio de F700001"]
    assert received.understood["title_lines"] == {"lines": 1, "texts": shown}
    assert received.rows_in + 1 + 1 + received.understood.get("blank_lines", 1) == len(lines)


@pytest.mark.fault(45)
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_second_header_in_another_order_is_refused(read, kind, form):
    """The values below it would get the names of the first header's columns."""
    names = list(CONTRACTS[kind].names)
    swapped = [*names[:-3], names[-2], names[-3], names[-1]]
    lines = [header(kind), ROWS[kind][0], ";".join(swapped), ROWS[kind][1]]
    with pytest.raises(UploadRefusedError, match="A second header names other columns") as refused:
        read("\n".join([*lines, ""]) if form == "csv" else as_workbook(lines), kind)
    assert ("line 3" if form == "csv" else "sheet 'Export', row 3") in str(refused.value)


@pytest.mark.fault(45)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_second_header_with_a_column_that_the_first_lacks_is_refused(read, form):
    """An optional column in the place of one that is not read, or behind the others, would be lost without a word."""
    first = "KNR;ESTACAO;HALLE;FALHA;DATA;LINHA"
    second = "KNR;ESTACAO;HALLE;FALHA;DATA;S_GROUP_ID"
    row = "2024-0516001;P7;ROD;RUIDO;2024-01-29 10:00:07;5"
    lines = [first, row, second, row.replace("001;", "002;")]
    with pytest.raises(UploadRefusedError, match="A second header names other columns"):
        read("\n".join([*lines, ""]) if form == "csv" else as_workbook(lines), "falhas")


@pytest.mark.fault(45)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_same_header_again_is_counted_and_no_row(read, form):
    """Glued exports of one form are read as one; the further headers are told."""
    lines = [header("status"), ROWS["status"][0], header("status").lower(), ROWS["status"][1]]
    received = read("\n".join([*lines, ""]) if form == "csv" else as_workbook(lines), "status")
    assert lake_rows(received, "STATUS") == ["M700", "M710"]
    assert received.understood["repeated_headers"] == 1
    assert len(quarantined(received)) == 3


@pytest.mark.fault(45)
def test_glued_lines_of_another_width_name_no_person(read):
    """Lines of another export, whose header names people, are in quarantine without them."""
    received = read(f"{header('status')}\n{ROWS['status'][0]}\n{header('falhas')}\n{ROWS['falhas'][0]}\n", "status")
    assert lake_rows(received, "KNR") == ["2024-0516001"]
    assert "F700001" not in str(rejected(received))
    assert "2024-0516001" in str(rejected(received))


@pytest.mark.fault(46)
@pytest.mark.parametrize(
    "names",
    ['KNR;STATUS;"Estacao\n(linha)";DATA', 'KNR;STATUS;"Estacao\r\n(linha)";" DATA\n"', '"KNR";"Status\n";x;DATA'],
)
def test_a_line_end_inside_a_header_is_part_of_its_name(read, names):
    """Alt+Enter in a cell of the header, as spreadsheets write it."""
    received = read(f"{names}\n2024-0516001;M700;L1;2024-01-29 10:00:07\n")
    assert [row[2:4] for row in placed(received)] == [("2024-0516001", "M700")]
    assert placed(received)[0][1] == names.count("\n") + 2


@pytest.mark.fault(46)
def test_a_quote_that_is_not_closed_above_the_header_takes_no_header(read):
    """A title with a stray quote."""
    received = read('"Export;x\nKNR;STATUS;DATA\n2024-0516001;M700;2024-01-29 10:00:07\n')
    assert [row[2:4] for row in placed(received)] == [("2024-0516001", "M700")]
