"""Reading: whatever a text file is called and however it is written, its rows come out as text, with their lines."""

import gzip

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from failure_platform.resources.reading.pseudonyms import pseudonyms
from failure_platform.resources.reading.upload import ParsedUpload
from failure_platform.resources.storage.scratch_database import scratch
from support.examples import examples
from support.upload_files import FALHAS, KEY, STATUS, placed, reader, rejected


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


def test_rows_are_text_with_their_lines(read):
    """Nothing is typed or guessed, and each row has the line number of the file."""
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
        "title_lines": {"lines": 1, "texts": ["Report"]},
        "blank_lines": 1,
        "last_line_complete": True,
        "rows": 2,
        "empty_rows": 0,
        "rejected_lines": 0,
        "dates": "ISO",
    }


def test_what_was_read_can_be_taken_up_by_another_process(read):
    """The folder alone is enough to go on after a crash."""
    received = read("\n".join([*STATUS, ""]))
    assert ParsedUpload.load(received.folder) == received
    assert received.preview(1).to_dict("records") == [
        {"sheet": None, "line": 2, "KNR": "2023-2056234", "STATUS": "M700", "DATA": "2023-05-08 10:00:00"}
    ]
    assert list(received.preview(10)["line"]) == [2, 3]


@pytest.mark.fault(23, 25)
def test_leading_zeros_and_number_like_texts_stay(read):
    """`012001`, `1E5` and `NA` are test codes, not numbers."""
    names = ["012001", "1E5", "NA", "00123", "12345678901234567890123"]
    lines = [
        "KNR,NAME,ID,STATUS,UNIT,VALUE_ID,VALUE,DATA",
        *(f"2023-2056234,{n},1,10,,0,,2023-05-08" for n in names),
        "",
    ]
    assert [row[3] for row in placed(read("\n".join(lines), "resultados"))] == names


@pytest.mark.fault(20, 21)
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
    """The same table gives the same rows, and the findings name the encoding."""
    text = FALHAS.replace(",", separator).replace("Ruído", "Größe: Ruído ção €" if "utf" in encoding else "Größe €")
    received = read(text.encode(encoding), "falhas")
    ((_, line, knr, *_, falha, _, data),) = placed(received)
    assert (line, knr, data) == (2, "2023-2056234", "2023-05-08 10:00:00")
    assert falha == ("Größe: Ruído ção €" if "utf" in encoding else "Größe €")
    assert received.understood["encoding"] == understood


@pytest.mark.fault(20)
def test_bytes_that_windows_1252_lacks_are_latin_1(read):
    """No byte makes a file unreadable as long as it is text."""
    assert read(FALHAS.encode("latin-1").replace(b"NOISE", b"") + b"", "falhas").understood["encoding"] == "cp1252"
    assert read(FALHAS.encode("latin-1").replace(b"Ru", b"\x81"), "falhas").understood["encoding"] == "latin-1"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_change_nothing(read, ending):
    """Windows, Unix and old Macintosh files give the same rows on the same lines."""
    lines = [*STATUS, '2023-2056236,"M7', '20",2023-05-08', ""]
    rows = placed(read(ending.join(lines)))
    assert [row[1] for row in rows] == [2, 3, 4]
    assert rows[-1][3] == "M7\n20"


def test_mixed_line_ends_change_nothing(read):
    """Files that were put together from two systems are read completely."""
    received = read(f"{STATUS[0]}\r\n{STATUS[1]}\n\n{STATUS[2]}\r\n")
    assert [row[1] for row in placed(received)] == [2, 4]


@pytest.mark.fault(22)
def test_structurally_bad_lines_are_set_aside_with_their_line(read):
    """Good rows between them stay, and every line number is exact, also behind blank and rejected lines."""
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
    received = read("\n".join(lines) + "\n")
    assert [row[1] for row in placed(received)] == [3, 5, 8, 11]
    assert rejected(received) == [
        (None, 2, "line: fewer cells than the header has columns", '{"line": "2023-2056234,M700"}'),
        (None, 7, "line: more cells than the header has columns",
         '{"line": "2023-2056234,M700,2023-05-08,more,and more"}'),
        (None, 10, "line: a quote is not closed, or is followed by more text",
         '{"line": "2023-2056234,\\"M700\\"x,2023-05-08"}'),
    ]  # fmt: skip
    assert (received.rows_in, received.understood["empty_rows"]) == (7, 1)


@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.fault(22)
@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    received = read("\n".join([STATUS[0], *rows, ""]), threads=2)
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
    received = read("\n".join([FALHAS.split("\n")[0], *rows, ""]), "falhas", threads=2)
    with scratch(received.folder) as con:
        wrong = con.execute(
            f"""SELECT count(*), count(DISTINCT USUARIO) FILTER (length(USUARIO) = 25)
            FROM ({received.placed_sql(received.rows_sql())}) WHERE line = CAST(right(KNR, 7) AS BIGINT) + 2"""
        ).fetchone()
    assert wrong == (300_000, 450)


@pytest.mark.parametrize("name", ["upload.csv", "upload.xlsx", "upload", "[a]*?'b'.csv"])
def test_the_name_says_nothing(read, name):
    """Gzip under a csv's name, csv under an xlsx's name: the first bytes decide."""
    received = read(gzip.compress("\n".join([*STATUS, ""]).encode()), name=name)
    assert received.understood["container"] == "csv in gzip"
    assert received.rows_in == 2


@pytest.mark.fault(13)
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
    pseudonym = pseudonyms(KEY)("FHQWRAP")
    assert [row[7] for row in placed(received)] == [pseudonym, pseudonym, None]
    assert [line[3] for line in rejected(received)] == [
        f'{{"cells": [{cells}], "withheld": "the rest may name a person"}}'
        for cells in ('"2023-2056237", "2023-05-08"', '"2023-2056238", "2023-05-08"', '"2023-2056239"')
    ]
    for left in (tmp_path / "work").rglob("*"):
        assert left.is_dir() or b"fhqwrap" not in left.read_bytes().lower(), left
    for table in (received.rows, received.rejected):
        assert "fhqwrap" not in str(pq.read_table(table).to_pylist()).lower()
