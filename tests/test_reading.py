"""Reading: whatever a file is called and however it is written, its rows come out as text, or it is refused."""

import codecs
import datetime as dt
import gzip
import hashlib
import hmac
import zipfile

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.layouts import UploadRefusedError
from failure_platform.resources.containers import Limits
from failure_platform.resources.reading import Received, read_upload
from failure_platform.resources.scratch import scratch

KEY = b"a key that nobody knows"
STATUS = ["KNR,STATUS,DATA", "2023-2056234,M700,2023-05-08 10:00:00", "2023-2056235,M710,2023-05-08 11:00:00"]
FALHAS = (
    "KNR,MODELO,COR,MOTOR,ESTACAO,USUARIO,HALLE,FALHA,S_GROUP_ID,DATA\n"
    "2023-2056234,T-CROSS,K2K2,DHS,PCEQS709,FHQWRAP,ROD,Ruído,5,2023-05-08 10:00:00\n"
)


@pytest.fixture
def read(tmp_path):
    """Write content to a file of any name and read it as a kind."""

    def reading(content, kind="status", name="upload.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_upload(path, CONTRACTS[kind], tmp_path / "work", person_key=KEY, **options)

    return reading


def placed(received):
    """Return (sheet, line, first column, ...) of each row, in order."""
    with scratch(received.folder) as con:
        rows = con.execute(f'SELECT * FROM ({received.placed_sql(received.rows_sql())}) ORDER BY "row"').fetchall()
    return [(*row[-2:], *row[1:-2]) for row in rows]


def rejected(received):
    return [tuple(line.values()) for line in pq.read_table(received.rejected).to_pylist()]


def test_rows_are_text_with_their_lines(read):
    """Nothing is typed or guessed, and each row knows the line that a person would look for."""
    received = read("\n".join(["Report", "", *STATUS]) + "\n")
    assert placed(received) == [
        (None, 4, "2023-2056234", "M700", "2023-05-08 10:00:00"),
        (None, 5, "2023-2056235", "M710", "2023-05-08 11:00:00"),
    ]
    assert received.rows_in == 2
    assert received.understood == {
        "container": "csv",
        "encoding": "utf-8",
        "separator": "comma",
        "quotes_in_order": True,
        "header_line": 3,
        "ignored_columns": [],
        "absent_columns": [],
        "blank_lines": 1,
        "last_line_complete": True,
        "rows": 2,
        "empty_rows": 0,
        "rejected_lines": 0,
    }


def test_what_was_read_can_be_taken_up_by_another_process(read):
    """The folder alone is enough to go on after a crash."""
    received = read("\n".join(STATUS))
    assert Received.load(received.folder) == received
    assert received.preview(1).to_dict("records") == [
        {"sheet": None, "line": 2, "KNR": "2023-2056234", "STATUS": "M700", "DATA": "2023-05-08 10:00:00"}
    ]
    assert list(received.preview(10)["line"]) == [2, 3]


def test_leading_zeros_and_number_like_texts_stay(read):
    """`012001`, `1E5` and `NA` are test codes, not numbers."""
    names = ["012001", "1E5", "NA", "00123", "12345678901234567890123"]
    lines = ["KNR,NAME,ID,STATUS,UNIT,VALUE_ID,VALUE,DATA", *(f"2023-2056234,{n},1,10,,0,,2023-05-08" for n in names)]
    assert [row[3] for row in placed(read("\n".join(lines), "resultados"))] == names


@pytest.mark.parametrize(
    ("encoding", "understood"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_change_nothing(read, encoding, understood, separator):
    """The same table gives the same rows, and what was understood is told."""
    text = FALHAS.replace(",", separator).replace("Ruído", "Größe: Ruído ção €" if "utf" in encoding else "Größe €")
    received = read(text.encode(encoding), "falhas")
    ((_, line, knr, *_, falha, _, data),) = placed(received)
    assert (line, knr, data) == (2, "2023-2056234", "2023-05-08 10:00:00")
    assert falha == ("Größe: Ruído ção €" if "utf" in encoding else "Größe €")
    assert received.understood["encoding"] == understood


def test_bytes_that_windows_1252_lacks_are_latin_1(read):
    """No byte makes a file unreadable as long as it is text."""
    assert read(FALHAS.encode("latin-1").replace(b"NOISE", b"") + b"", "falhas").understood["encoding"] == "cp1252"
    assert read(FALHAS.encode("latin-1").replace(b"Ru", b"\x81"), "falhas").understood["encoding"] == "latin-1"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_change_nothing(read, ending):
    """Windows, Unix and old Macintosh files give the same rows on the same lines."""
    assert [row[1] for row in placed(read(ending.join(STATUS) + ending))] == [2, 3]


def test_mixed_line_ends_change_nothing(read):
    """Files that were put together from two systems are read whole."""
    received = read(f"{STATUS[0]}\r\n{STATUS[1]}\n\n{STATUS[2]}\r\n")
    assert [row[1] for row in placed(received)] == [2, 4]


def test_structurally_bad_lines_are_set_aside_with_their_line(read):
    """Good rows beside them stay, and every line number is exact, also behind blank and rejected lines."""
    lines = [
        STATUS[0],
        "2023-2056234,M700",
        STATUS[1],
        "",
        '2023-2056236,"M7\n10",2023-05-08',
        "2023-2056234,M700,2023-05-08,more,and more",
        STATUS[2],
        ",,",
        '2023-2056234,"M700"x,2023-05-08',
        STATUS[1],
    ]
    received = read("\n".join(lines))
    assert [row[1] for row in placed(received)] == [3, 5, 8, 11]
    assert rejected(received) == [
        (None, 2, "line: fewer cells than the header has columns", '{"line": "2023-2056234,M700"}'),
        (None, 7, "line: more cells than the header has columns",
         '{"line": "2023-2056234,M700,2023-05-08,more,and more"}'),
        (None, 10, "line: a quote is not closed, or is followed by more text",
         '{"line": "2023-2056234,\\"M700\\"x,2023-05-08"}'),
    ]  # fmt: skip
    assert (received.rows_in, received.understood["empty_rows"]) == (7, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["good", "blank", "few", "many", "long", "crlf-free text"]), max_size=25),
    st.sampled_from(["\n", "\r\n"]),
)
def test_line_numbers_are_exact_whatever_stands_between(read, parts, ending):
    """Any mixture of rows, blank lines, rejected lines and values over two lines: each row's line is the file's."""
    lines, expected, bad = [STATUS[0]], [], []
    for number, part in enumerate(parts):
        line = len(ending.join(lines).split(ending)) + 1
        if part in ("good", "long", "crlf-free text"):
            expected.append((line, str(number)))
        if part in ("few", "many"):
            bad.append(line)
        lines.append(
            {
                "good": f"{number},M700,2023-05-08",
                "blank": "",
                "few": "1,2",
                "many": "1,2,3,4",
                "long": f'{number},"M7{ending}{ending}00",2023-05-08',
                "crlf-free text": f'{number},"M ""7"" 00",2023-05-08',
            }[part]
        )
    received = read(ending.join(lines) + ending)
    assert [(row[1], row[2]) for row in placed(received)] == expected
    assert [line[1] for line in rejected(received)] == bad


STRAY = ['"{},M700,2023-05-08', '{},"M700,2023-05-08', '{},M700,"2023-05-08', '{}",M700,2023-05-08',
         '{},M700",2023-05-08', '{},M700,2023-05-08"', '"{}"x,M700,2023-05-08']  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["good", "good", "good", "quoted", "blank", *STRAY]), max_size=25))
def test_a_stray_quote_swallows_no_line(read, parts):
    """Wherever quotes are missing or too many, every good line is a row on its line, and no line is unaccounted for."""
    lines = [STATUS[0]]
    good = []
    for number, part in enumerate(parts, 2):
        if part == "good":
            good.append((number, str(number)))
        whole = {"good": "{},M700,2023-05-08", "quoted": '"{}","M700",2023-05-08', "blank": ""}
        lines.append(whole.get(part, part).format(number))
    received = read("\n".join(lines) + "\n")
    found = {(row[1], row[2]) for row in placed(received)}
    assert set(good) <= found
    accounted = {line for line, _ in found} | {line[1] for line in rejected(received)}
    assert received.understood["quotes_in_order"] or accounted == {
        number for number, part in enumerate(parts, 2) if part != "blank"
    }


def test_a_large_file_keeps_its_order_and_lines(read):
    """Also where several threads read it: line numbers do not depend on who read which part."""
    rows = [f"2023-{number:07d},M700,2023-05-08 10:00:00" for number in range(400_000)]
    rows[123_456:123_456] = ["bad"]
    rows[300_000:300_000] = [""]
    received = read("\n".join([STATUS[0], *rows]), threads=2)
    with scratch(received.folder) as con:
        wrong = con.execute(
            f"""SELECT count(*) FROM ({received.placed_sql(received.rows_sql())})
            WHERE line <> CAST(right(KNR, 7) AS BIGINT) + 2 + (line > 123458)::INT + (line > 300002)::INT"""
        ).fetchone()
    assert (received.rows_in, wrong) == (400_001, (0,))
    assert rejected(received)[0][1] == 123_458


def test_a_large_file_with_persons_keeps_its_order_and_lines(read):
    """Replacing persons does not shuffle the rows."""
    rows = [f"2023-{number:07d},,,,,u{number % 450},ROD,x,,2023-05-08" for number in range(300_000)]
    received = read("\n".join([FALHAS.split("\n")[0], *rows]), "falhas", threads=2)
    with scratch(received.folder) as con:
        wrong = con.execute(
            f"""SELECT count(*), count(DISTINCT USUARIO) FILTER (length(USUARIO) = 16)
            FROM ({received.placed_sql(received.rows_sql())}) WHERE line = CAST(right(KNR, 7) AS BIGINT) + 2"""
        ).fetchone()
    assert wrong == (300_000, 450)


def test_a_cut_last_line_is_told(read):
    """The row is kept, and the page says that the file may be incomplete."""
    assert read("\n".join(STATUS)).understood["last_line_complete"] is False


@pytest.mark.parametrize("name", ["upload.csv", "upload.xlsx", "upload", "[a]*?'b'.csv"])
def test_the_name_says_nothing(read, name):
    """Gzip under a csv's name, csv under an xlsx's name: the first bytes decide."""
    received = read(gzip.compress("\n".join(STATUS).encode()), name=name)
    assert received.understood["container"] == "csv in gzip"
    assert received.rows_in == 2


def test_a_header_alone_is_no_rows(read):
    """An export of a day without events is taken, with nothing in it."""
    assert read(STATUS[0] + "\n").rows_in == 0


def test_persons_are_hashed_before_anything_is_stored(read, tmp_path):
    """USUARIO is nowhere in clear: not in the rows, not in rejected lines, not in files left behind."""
    lines = FALHAS + (
        "2023-2056235,T-CROSS,,,, fhqwrap ,ROD,A,,2023-05-08\n"
        "2023-2056236,T-CROSS,,,,   ,ROD,B,,2023-05-08\n"
        "2023-2056237,T-CROSS,,,,FHQWRAP,ROD,B,with,a comma,,2023-05-08\n"
        "2023-2056238,T-CROSS,,FHQWRAP,ROD,B,,2023-05-08\n"
        '2023-2056239,"T-CROSS,,,,FHQWRAP,ROD,B,,2023-05-08\n'
    )
    received = read(gzip.compress(lines.encode()), "falhas")
    pseudonym = hmac.new(KEY, b"FHQWRAP", hashlib.sha256).hexdigest()[:16]
    assert [row[7] for row in placed(received)] == [pseudonym, pseudonym, None]
    assert [line[3] for line in rejected(received)] == [
        '{"cells": ["2023-2056237", "T-CROSS", "", "", ""], "withheld": "the rest may name a person"}',
        '{"cells": [], "withheld": "the rest may name a person"}',
        '{"cells": [], "withheld": "the rest may name a person"}',
    ]
    for left in (tmp_path / "work").rglob("*"):
        assert left.is_dir() or b"fhqwrap" not in left.read_bytes().lower(), left
    for table in (received.rows, received.rejected):
        assert "fhqwrap" not in str(pq.read_table(table).to_pylist()).lower()


def workbook(tmp_path, sheets, hidden=()):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        if title in hidden:
            sheet.sheet_state = "hidden"
        for row in rows:
            sheet.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path.read_bytes()


MOMENT = dt.datetime(2023, 5, 8, 10, 0, 0)


def test_every_sheet_of_a_workbook_is_read(read, tmp_path):
    """Only the first has a header; a later one may go on with data, or have its own in another order."""
    content = workbook(
        tmp_path,
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


def test_cells_become_the_text_that_a_person_would_type(read, tmp_path):
    """Whole numbers lose the point that the file format adds; a date that lost its format is still a date."""
    names = ["KNR", "NAME", "ID", "STATUS", "UNIT", "VALUE_ID", "VALUE", "DATA"]
    rows = [
        ["2023-2056234", "012001", 2, 10.0, "Nm", 0, 2.5, MOMENT],
        ["2023-2056234", 130100, 2, "13", None, 1, -1e-9, dt.date(2023, 5, 8)],
        ["2023-2056234", "x", 2, 10, True, 2, 12345678901.5, 45054.416666666664],
    ]
    read_rows = placed(read(workbook(tmp_path, {"A": [names, *rows]}), "resultados"))
    assert [row[3:] for row in read_rows] == [
        ("012001", "2", "10", "Nm", "0", "2.5", "2023-05-08 10:00:00"),
        ("130100", "2", "13", None, "1", "-1e-09", "2023-05-08"),
        ("x", "2", "10", "TRUE", "2", "12345678901.5", "2023-05-08 10:00:00"),
    ]


def test_a_gzipped_workbook_is_read_and_its_persons_hashed(read, tmp_path):
    """Containers nest, and persons in cells are hashed as those in lines are."""
    header, row = (line.split(",") for line in FALHAS.strip().split("\n"))
    received = read(gzip.compress(workbook(tmp_path, {"A": [header, row]})), "falhas")
    assert received.understood["container"] == "xlsx in gzip"
    assert placed(received)[0][7] == hmac.new(KEY, b"FHQWRAP", hashlib.sha256).hexdigest()[:16]


def zipped(**entries):
    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name.replace("__", "/").replace("_bin", ".bin").replace("_xml", ".xml"), content)
        return path.read_bytes()

    return write


REFUSALS = {
    "empty": (b"", r"The file is empty \(0 bytes\)\. .* Export it again"),
    "blank": (b"\n  \r\n\n", r"The file is empty \(3 blank lines\)"),
    "xls": (
        codecs.decode("d0cf11e0a1b11ae1", "hex") + b"x" * 99,
        r"old Excel file .* Save it as \.xlsx without a password",
    ),
    "broken gzip": (gzip.compress(b"x" * 99)[:20], r"gzip file cannot be unpacked \(gzip\)\. It is damaged or was cut"),
    "broken zip": (b"PK\x03\x04" + b"x" * 99, r"Excel file cannot be read \(xlsx\)\..*save it again as \.xlsx"),
    "no text": (bytes(range(256)) * 40, r"No header of status was found"),
    "undecodable": (codecs.BOM_UTF16_LE + b"\x00\xd8\x00\xd8" * 99, r"not readable text \(read as utf-16\)"),
    "zip of csv": (zipped(a="KNR"), r"zip file is not an Excel workbook .* Unpack it and drop the files inside"),
    "macros": (zipped(xl__workbook_xml="", xl__vbaProject_bin=""), r"contains macros .* Save it as \.xlsx"),
    "xlsb": (zipped(xl__workbook_bin=""), r"binary Excel file \(\.xlsb\)"),
    "not really xlsx": (zipped(xl__workbook_xml="<nothing/>"), r"Excel file cannot be read"),
}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_unreadable_files_are_refused_with_what_to_do(read, tmp_path, name):
    """Each refusal says what, where, why and what to do next."""
    content, message = REFUSALS[name]
    with pytest.raises(UploadRefusedError, match=message) as caught:
        read(content if isinstance(content, bytes) else content(tmp_path / "made.zip"))
    refused = caught.value
    assert all((refused.what, refused.where, refused.why, refused.what_to_do))
    assert not (tmp_path / "work" / "received.json").exists()


def test_a_sheet_with_half_a_header_is_not_passed_over(read, tmp_path):
    """Rows under a header with a misspelt column would be lost in silence."""
    content = workbook(
        tmp_path, {"A": [s.split(",") for s in STATUS], "B": [["KNR", "STATUS", "DATE"], ["a", "b", "c"]]}
    )
    with pytest.raises(UploadRefusedError, match=r"column DATA of status is missing \(sheet 'B', line 1\)"):
        read(content)


def test_a_workbook_without_the_header_lists_its_sheets(read, tmp_path):
    """So that a person sees which workbook was meant."""
    with pytest.raises(UploadRefusedError, match=r"No sheet has the header of status \(visible sheets: A, B\)"):
        read(workbook(tmp_path, {"A": [["x"]], "B": [["y"]]}))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(unpacked_bytes=1000), r"unpacks to far more than it is .* allowed are 200 times as many, and 1,000"),
        (Limits(ratio=2), r"unpacks to far more than it is"),
    ],
)
def test_what_unpacks_without_end_is_refused(read, limits, message):
    """The bytes that really come out are counted; no size in a header is believed."""
    with pytest.raises(UploadRefusedError, match=message):
        read(gzip.compress(b"\0" * (70 << 20), compresslevel=1), limits=limits)


def test_a_zip_of_very_many_files_is_refused(read, tmp_path):
    """A workbook holds a few dozen parts."""
    content = zipped(**{f"x{number}": "" for number in range(30)})(tmp_path / "many.zip")
    with pytest.raises(UploadRefusedError, match="The zip file holds 30 files"):
        read(content, limits=Limits(entries=29))
