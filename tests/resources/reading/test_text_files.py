"""Faults of text files: cut short, damaged or odd, they give the right rows and name the lines that are none."""

import gzip

import pytest

from failure_platform.domain.rows.refusals import UploadRefusedError
from support.upload_files import FALHAS, STATUS, placed, quarantine_ids, reader, rejected

CUT = "line: the last line has no line end, so it may be cut short; add a line end or export again"


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


@pytest.mark.fault(11)
def test_a_last_line_without_end_is_set_aside(read):
    """It may be cut short and still look valid: 10:1 is a time, and 1000 was 1000.5. The lines before it are rows."""
    text = "\n".join(STATUS)
    received = read(text)
    assert [row[1] for row in placed(received)] == [2]
    assert rejected(received) == [(None, 3, CUT, '{"line": "2023-2056235,M710,2023-05-08 11:00:00"}')]
    assert received.understood["last_line_complete"] is False
    assert (received.rows_in, read(text[:-4]).rows_in, read(text + "\n").rows_in) == (2, 2, 2)


@pytest.mark.fault(11)
def test_a_cut_line_names_no_person(read):
    """In a line without its end, a person's identifier may be in any cell: only vehicle and times are kept."""
    received = read(FALHAS + FALHAS.split("\n")[1][:50], "falhas")
    assert rejected(received) == [
        (None, 3, CUT, '{"cells": ["2023-2056234"], "withheld": "the rest may name a person"}')
    ]


RICH = (
    "Relatório de falhas; März\n"
    "KNR;MODELO;COR;MOTOR;ESTACAO;USUARIO;HALLE;FALHA;DATA\n"
    "2023-2056234;T-CROSS;K2K2;DHS;PCEQS709;FHQWRAP;ROD;Ruído no painel;2023-05-08 10:00:00\n"
    "\n"
    '2023-2056235;T-CROSS;;;PCEQS709;;ROD;"Vão; ""porta""";2023-05-08 10:15:01\n'
    '2023-2056236;T-CROSS;;;PCEQS709;;ROD;"zwei\nZeilen";2023-05-08 10:15:02\n'
    "2023-2056237;T-CROSS;;;PCEQS709;;ROD;Größe;2023-05-08 10:15:03\n"
)
FORMS = {
    "utf-8": RICH.encode(),
    "utf-8-sig, Windows": RICH.replace("\n", "\r\n").encode("utf-8-sig"),
    "cp1252": RICH.encode("cp1252"),
    "utf-16": RICH.encode("utf-16"),
    "utf-16-be": RICH.encode("utf-16-be"),
    "old Macintosh": RICH.replace("\n", "\r").encode(),
}


def cut_everywhere(read, content, places):
    """Read the file cut at each place; return how often it was refused, and the rows of each time that it was not."""
    whole = set(placed(read(content, "falhas")))
    assert len(whole) == 4
    refused, found = 0, []
    for place in places:
        try:
            found.append(placed(read(content[:place], "falhas")))
        except UploadRefusedError:
            refused += 1
            continue
        assert set(found[-1]) <= whole, place
    return refused, found


@pytest.mark.fault(11)
def test_a_file_cut_at_any_byte_gives_no_wrong_row(read):
    """Every byte of the last rows, among quotes, accents and line ends; the slow test takes every byte of the file."""
    content = FORMS["utf-8"]
    _, found = cut_everywhere(read, content, range(content.index(b"2023-2056236"), len(content)))
    assert max(map(len, found)) == 3


@pytest.mark.slow
@pytest.mark.fault(11, 20)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_in_any_encoding_cut_at_any_byte_gives_no_wrong_row(read, form):
    """Cut within a character too: the other rows keep their accents."""
    refused, found = cut_everywhere(read, FORMS[form], range(len(FORMS[form])))
    assert refused
    # Cut between a carriage return and its line feed, a line is whole.
    assert max(map(len, found)) == (4 if "Windows" in form else 3)


@pytest.mark.fault(11)
def test_a_gzip_cut_anywhere_is_refused(read):
    """Its checksum is at its end."""
    content = gzip.compress(FORMS["utf-8"])
    for place in range(1, len(content), 7):
        with pytest.raises(UploadRefusedError):
            read(content[:place], "falhas")


@pytest.mark.fault(20)
def test_a_damaged_character_does_not_change_how_the_others_are_read(read):
    """One bad byte does not make a UTF-8 file Windows-1252: only its line is set aside."""
    rows = ["2023-2056234,Ruído,2023-05-08", "2023-2056235,ção,2023-05-08", "2023-2056236,€,2023-05-08"]
    content = "\n".join([STATUS[0], *rows, ""]).encode().replace("ç".encode(), b"\xc3")
    received = read(content)
    assert [row[1:4:2] for row in placed(received)] == [(2, "Ruído"), (4, "€")]
    ((_, line, reason, raw),) = rejected(received)
    assert (line, reason) == (3, "line: holds bytes that are no character; export it again")
    assert "2023-2056235" in raw
    assert received.understood["encoding"] == "utf-8"


@pytest.mark.fault(20)
def test_damaged_utf_16_costs_only_its_line(read):
    """A lone half of a character is no reason to refuse the others."""
    content = "\n".join([*STATUS, "2023-2056236,x,2023-05-08", ""]).encode("utf-16").replace(b"x\0", b"\0\xd8")
    received = read(content)
    assert [row[1] for row in placed(received)] == [2, 3]
    assert [line[1] for line in rejected(received)] == [4]


@pytest.mark.fault(26)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_with_a_nul_is_set_aside(read, ending):
    """Also where values go over several lines: each line number is exact, and no row is cut at the NUL."""
    lines = [STATUS[0], STATUS[1], '2023-2056236,"M7\n\0",2023-05-08', STATUS[2], '2023-2056237,"a\nb",2023-05-08',
             "2023-2056238,M700\0,2023-05-08", STATUS[1], ""]  # fmt: skip
    received = read("\n".join(lines).replace("\n", ending))
    assert [row[1] for row in placed(received)] == [2, 5, 6, 9]
    reason = "line: holds a NUL, which no one can see; export it again"
    assert [line[1:3] for line in rejected(received)] == [(3, reason), (8, reason)]
    assert rejected(received)[1][3] == '{"line": "2023-2056238,M700␀,2023-05-08"}'


@pytest.mark.fault(22, 26)
def test_a_nul_beside_a_stray_quote_hides_no_line(read):
    """Read again with quotes as plain signs, each bad line is named with the reason that it has."""
    lines = [STATUS[0], '2023-2056234,"M700,2023-05-08', STATUS[1], "2023-2056235,M7\0,2023-05-08", STATUS[2], ""]
    received = read("\n".join(lines))
    assert [row[1] for row in placed(received)] == [3, 5]
    assert [line[1] for line in rejected(received)] == [2, 4]


@pytest.mark.fault(22, 26)
def test_a_nul_among_swallowed_lines_takes_none_of_them_along(read):
    """A quote too many makes one record of three lines: only the lines at fault are set aside."""
    lines = [STATUS[0], '2023-2056234,"M7\0,2023-05-08', STATUS[1], 'x",2023-05-08', STATUS[2], ""]
    received = read("\n".join(lines))
    assert [row[1] for row in placed(received)] == [3, 5]
    assert [line[1] for line in rejected(received)] == [2, 4]


@pytest.mark.fault(26)
@pytest.mark.parametrize("before", [0, 30])
def test_a_huge_line_is_set_aside(read, before):
    """Twenty megabytes without a line end fill no memory and cost no other row; among the first lines too."""
    good = [STATUS[1]] * before
    lines = [STATUS[0], *good, f"2023-2056239,{'x' * 20_000_000},2023-05-08", STATUS[2], ""]
    received = read("\n".join(lines))
    assert [row[1] for row in placed(received)] == [*range(2, before + 2), before + 3]
    ((_, line, reason, raw),) = rejected(received)
    assert (line, reason, len(raw) < 3_000) == (before + 2, "line: longer than 2,000,000 bytes", True)


@pytest.mark.fault(25)
def test_a_column_may_change_its_kind_late(read):
    """No first rows decide what a column is: row 30,001 is a row as the others."""
    rows = [f"2023-{number:07d},700,2023-05-08" for number in range(30_000)]
    received = read("\n".join([STATUS[0], *rows, "2023-2056234,M700,soon", ""]))
    assert placed(received)[-1] == (None, 30_002, "2023-2056234", "M700", "soon")


@pytest.mark.parametrize("between", ["", ",", ",Unnamed: 3"])
def test_blocks_side_by_side_are_read_one_after_another(read, between):
    """The first block's rows, then the next one's, each on its line; where a block is shorter, nothing is counted."""
    gap = between and ","
    lines = [
        f"KNR,STATUS,DATA{between},knr,status,data",
        f"1,A,a{gap},4,D,d",
        "",
        f'2,"B\nb",b{gap},5,"E, e",e',
        "bad",
        f"3,C,c{gap},,,",
        "",
    ]
    received = read("\n".join(lines))
    assert [row[1:4] for row in placed(received)] == [
        (2, "1", "A"), (4, "2", "B\nb"), (7, "3", "C"), (2, "4", "D"), (4, "5", "E, e")]  # fmt: skip
    assert [line[1] for line in rejected(received)] == [6]
    assert (received.rows_in, received.understood["side_by_side_blocks"]) == (6, 2)


def test_persons_in_every_block_are_hashed(read):
    """No block of a table that overflowed names a person in clear."""
    header, row, _ = FALHAS.split("\n")
    received = read(f"{header},,{header}\n{row},,{row.replace('FHQWRAP', 'ABC1234')}\n", "falhas")
    first, second = (row[7] for row in placed(received))
    assert len({first, second, "FHQWRAP", "ABC1234"}) == 4


def test_a_file_may_correct_rows_in_quarantine(read):
    """The column QUARANTINE_ID is stored with the rows and noted in the findings; other files have no such column."""
    received = read("KNR,Quarantine_ID,STATUS,DATA\n2023-2056234,0badc0de-1,M700,2023-05-08\n,0badc0de-2,,\n")
    assert quarantine_ids(received) == ["0badc0de-1", "0badc0de-2"]
    assert received.understood["corrects_quarantine"] is True
    assert received.understood["ignored_columns"] == []
    assert (received.rows_in, received.understood["empty_rows"]) == (1, 1)
    plain = read("\n".join([*STATUS, ""]))
    assert quarantine_ids(plain) is None
    assert "corrects_quarantine" not in plain.understood
