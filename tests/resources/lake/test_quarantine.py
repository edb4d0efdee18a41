"""Quarantine: a bad row waits with its place and reason, is exported, corrected, submitted again, and closed."""

import csv
import datetime as dt
import io

import openpyxl
import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.lake import quarantine
from failure_platform.resources.reading.pseudonyms import pseudonyms
from support.merging_plant import Plant, measured
from support.merging_plant import csv as csv_text

RESULTADOS = CONTRACTS["resultados"]
TEN = "2023-05-08 10:00:00"


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


def exported(plant, kind="resultados", name="to_correct.csv", **options):
    """Export, and return the file with its rows as dictionaries."""
    file = plant.folder / name
    with plant.lake.read() as con:
        quarantine.export(con, CONTRACTS[kind], file, **options)
    with file.open(encoding="utf-8-sig", newline="") as text:
        return file, list(csv.DictReader(text))


def rewritten(rows, separator=",", encoding="utf-8"):
    """Return rows as the bytes of a csv file that a person saved."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def still_open(plant):
    return plant.see(quarantine.open_rows)


def in_lake(plant, columns="NAME, VALUE", kind="resultados"):
    return plant.rows(f"SELECT {columns} FROM {kind} ORDER BY ALL")


@pytest.mark.fault(17, 22, 25, 27)
def test_a_good_row_beside_bad_ones_is_merged_and_each_bad_one_says_where_it_stands_and_why(plant):
    """File, sheet, line, column, value and reason of every bad row; not one good row waits with it."""
    line = plant.merge(
        csv_text(
            measured(1),
            measured("abc", "012002"),
            measured(2, "012003"),
            measured("inf", "012004"),
            measured(3, "012005", data="2099-01-01 00:00:00"),
            measured("4,surplus", "012006"),
            measured(5, "012007", knr="12"),
            measured(6, "012008"),
        )
    )
    assert in_lake(plant) == [("012001", 1.0), ("012003", 2.0), ("012008", 6.0)]
    assert (line.rows_in, line.merged, line.quarantined) == (8, 3, 5)
    listed = plant.see(quarantine.listing, 10)
    assert set(listed["file"]) == {"resultados.csv"}
    assert [tuple(row) for row in listed[["line", "column", "value"]].itertuples(index=False)] == [
        (3, "VALUE", "abc"),
        (5, "VALUE", "inf"),
        (6, "DATA", "2099-01-01 00:00:00"),
        (7, "", "2023-2056234,012006,1,1…"),
        (8, "KNR", "12"),
    ]
    assert list(listed["reason"][:4]) == [
        "VALUE: not a number", "VALUE: not a number", "DATA: in the future when it was received",
        "line: more cells than the header has columns",
    ]  # fmt: skip


def test_open_rows_are_counted_by_reason(plant):
    """The most frequent reason first; its uploads, its newest time, and where an example stands with its value."""
    plant.merge(csv_text(measured("a"), measured("b", "012002", knr="no")))
    plant.merge(csv_text(measured(1, "012003"), measured("c", "012004")))
    reasons = plant.see(quarantine.by_reason)
    assert [(r.kind, r.reason.split(":")[0], r.rows, r.uploads) for r in reasons] == [
        ("resultados", "VALUE", 3, 2), ("resultados", "KNR", 1, 1),
    ]  # fmt: skip
    assert reasons[0].example == "resultados.csv, line 2: a"
    assert still_open(plant) == 3
    assert plant.see(quarantine.open_rows, "falhas") == 0
    assert [r.rows for r in plant.see(quarantine.by_reason, "resultados", "u002")] == [1]
    assert plant.see(quarantine.by_reason, "status") == []


def test_the_export_has_the_contracts_columns_first_and_then_where_each_row_stands(plant):
    """Texts are as they were read; a line that is no row has empty cells and is shown whole."""
    plant.merge(csv_text(measured('" 1,5x "'), measured("4,surplus", "012002")))
    file, rows = exported(plant)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel knows UTF-8 by its mark"
    assert list(rows[0]) == [*RESULTADOS.names, *quarantine.CORRECTION_COLUMNS]
    row, line = rows
    assert [row[name] for name in RESULTADOS.names] == ["2023-2056234", "012001", "1", "10", "Nm", "0", " 1,5x ", TEN]
    assert (row["QUARANTINE_ID"], row["FILE"], row["SHEET"], row["LINE"], row["AS_READ"]) == (
        "u001-2", "resultados.csv", "", "2", "",
    )  # fmt: skip
    assert row["REASONS"] == "VALUE: not a number: '1,5x'"
    assert {line[name] for name in RESULTADOS.names} == {""}
    assert (line["LINE"], line["AS_READ"]) == ("3", measured("4,surplus", "012002"))


def test_an_export_takes_what_was_asked_for(plant):
    """By part of a reason or by upload; asked for nothing that is open, no file is made."""
    plant.merge(csv_text(measured("VALUE: missing"), measured(1, "012002", knr="no")))
    plant.merge(csv_text(measured("b", "012003")))
    assert [row["NAME"] for row in exported(plant, name="1.csv", reason="value: NOT a number")[1]] == [
        "012001",
        "012003",
    ]
    assert [row["NAME"] for row in exported(plant, name="2.csv", upload="u002")[1]] == ["012003"]
    for options in ({"reason": "VALUE: missing"}, {"upload": "u009"}):
        with pytest.raises(quarantine.NotExportedError, match="quarantine list"):
            exported(plant, name="3.csv", **options)
    assert not (plant.folder / "3.csv").exists()


def test_an_export_never_replaces_a_file(plant):
    """A second export under the same name would wipe out an afternoon of corrections."""
    plant.merge(csv_text(measured("a")))
    file, _ = exported(plant)
    file.write_text("corrected")
    with pytest.raises(quarantine.NotExportedError, match="may hold corrections"):
        exported(plant)
    assert file.read_text() == "corrected"
    with pytest.raises(quarantine.NotExportedError, match="cannot be made"):
        exported(plant, name="no such folder/a.csv")
    with pytest.raises(quarantine.NotExportedError, match=r"ends in \.csv"):
        exported(plant, name="a.xlsx")


@pytest.mark.fault(35)
def test_the_export_carries_no_formula(plant):
    """Cells, file names and reasons of a hostile upload are texts to a spreadsheet; numbers are still numbers."""
    facts = plant.facts()
    object.__setattr__(facts, "name", "=cmd.csv")
    plant.merge(csv_text(measured("-5.3", '"=HYPERLINK(""x"")"', knr="@no")), facts=facts)
    _, [row] = exported(plant)
    assert (row["KNR"], row["NAME"], row["VALUE"], row["FILE"]) == ("'@no", '\'=HYPERLINK("x")', "-5.3", "'=cmd.csv")


@pytest.mark.fault(35)
def test_the_apostrophe_does_not_reach_the_lake(plant):
    """The text that looked like a formula is in the lake as it was; the same text in a usual file is left alone."""
    plant.merge(csv_text(measured("a", '"=1+1"')))
    _, [row] = exported(plant)
    line = plant.merge(rewritten([row | {"VALUE": "1,5"}]))
    assert (line.merged, line.quarantined) == (1, 0)
    plant.merge(csv_text(measured(2, "'=1+1")))
    assert in_lake(plant) == [("'=1+1", 2.0), ("=1+1", 1.5)]


@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-16")])
def test_a_corrected_file_is_merged_and_its_rows_are_closed(plant, separator, encoding):
    """However the person's program wrote it. The row is in the lake, from the new upload; nothing is open any more."""
    plant.merge(csv_text(measured("1..5"), measured(2, "012002")))
    _, [row] = exported(plant)
    line = plant.merge(rewritten([row | {"VALUE": "1,5"}], separator, encoding))
    assert (line.rows_in, line.merged, line.quarantined) == (1, 1, 0)
    assert in_lake(plant, "NAME, VALUE, upload") == [("012001", 1.5, "u002"), ("012002", 2.0, "u001")]
    assert still_open(plant) == 0
    assert plant.rows("SELECT id, corrected_by, corrected_at IS NOT NULL FROM quarantine") == [("u001-2", "u002", True)]
    assert plant.see(quarantine.disagreements) == []
    assert line.understood["corrects_quarantine"] is True
    assert not set(line.understood["ignored_columns"]) & {"QUARANTINE_ID"}


def test_a_workbook_of_corrections_closes_its_rows(plant):
    """Excel saves as xlsx by itself."""
    plant.merge(csv_text(measured("a")))
    _, [row] = exported(plant)
    book = openpyxl.Workbook()
    book.active.append(list(row))
    book.active.append([*(row | {"VALUE": 1.5}).values()])
    book.save(plant.folder / "corrected.xlsx")
    line = plant.merge((plant.folder / "corrected.xlsx").read_bytes())
    assert (line.merged, still_open(plant)) == (1, 0)
    assert in_lake(plant) == [("012001", 1.5)]


@pytest.mark.fault(24)
def test_a_date_keeps_its_meaning_when_its_row_comes_in_alone(plant):
    """What 03/04 means was told by the whole file; the export writes it so that the few rows of it need no evidence."""
    plant.merge(
        csv_text(
            measured("a", data="03/04/2023 10:00:00"),
            measured(1, "012002", data="25/04/2023 10:00:00"),
            measured(2, "012003", data="26/04/2023 10:00:00"),
        )
    )
    _, [row] = exported(plant)
    assert row["DATA"] == "2023-04-03 10:00:00"
    plant.merge(rewritten([row | {"VALUE": "1"}]))
    assert in_lake(plant, "DATA")[0] == (dt.datetime(2023, 4, 3, 10),)


def test_what_is_still_wrong_is_open_anew_and_what_was_left_out_stays_open(plant):
    """Each row is open once: under its first upload until it comes in again, then under the correction file."""
    plant.merge(csv_text(measured("a"), measured("b", "012002"), measured("c", "012003")))
    _, rows = exported(plant)
    plant.merge(rewritten([rows[0] | {"VALUE": "1"}, rows[1] | {"VALUE": "worse"}]))
    assert plant.rows("SELECT id FROM quarantine WHERE corrected_by IS NULL ORDER BY id") == [("u001-4",), ("u002-3",)]
    _, again = exported(plant, name="again.csv")
    plant.merge(rewritten([row | {"VALUE": "2"} for row in again]))
    assert still_open(plant) == 0
    assert in_lake(plant) == [("012001", 1.0), ("012002", 2.0), ("012003", 2.0)]


def test_a_line_that_was_no_row_is_closed_once_its_cells_are_filled(plant):
    """Submitted as it was exported, empty, it says nothing and stays open."""
    plant.merge(csv_text(measured("4,surplus", "012002"), measured(1)))
    _, [line] = exported(plant)
    cells = dict(zip(RESULTADOS.names, measured(4, "012002").split(","), strict=True))
    empty = plant.merge(rewritten([line]))
    assert (empty.rows_in, still_open(plant)) == (0, 1)
    plant.merge(rewritten([line | cells]))
    assert still_open(plant) == 0
    assert in_lake(plant) == [("012001", 1.0), ("012002", 4.0)]


def test_withdrawing_the_corrections_opens_the_rows_again(plant):
    """And withdrawing the upload that brought them takes its open rows with it."""
    plant.merge(csv_text(measured("a"), measured(2, "012002")))
    _, [row] = exported(plant)
    plant.merge(rewritten([row | {"VALUE": "1"}]))
    plant.withdraw("u002")
    assert (still_open(plant), in_lake(plant)) == (1, [("012002", 2.0)])
    assert plant.see(quarantine.disagreements) == []
    plant.withdraw("u001")
    assert (still_open(plant), in_lake(plant)) == (0, [])
    assert plant.see(quarantine.disagreements) == []


def test_a_corrected_row_keeps_its_person_and_nobody_is_named(plant):
    """The pseudonym goes out and comes back as itself; the identifier is in no answer and no file."""
    falhas = "2023-2056234,T-CROSS,K2K2,DHS,PCEQS709,{},ROD,Ruído,5,{}"
    plant.merge(
        csv_text(
            falhas.format("FHQWRAP", "yesterday"),
            falhas.format("FHQWRAP", TEN),
            falhas.format("FHQWRAP", TEN) + ",surplus",
            kind="falhas",
        ),
        "falhas",
    )
    file, rows = exported(plant, "falhas")
    assert [row["USUARIO"] for row in rows] == [pseudonyms(b"key")("FHQWRAP"), ""]
    assert rows[1]["AS_READ"] == f"2023-2056234 | {TEN} … the rest may name a person"
    shown = [
        file.read_text("utf-8"),
        plant.see(quarantine.listing, 10).to_csv(),
        *map(str, plant.see(quarantine.by_reason)),
    ]
    assert not any("fhqwrap" in text.lower() for text in shown)
    plant.merge(rewritten([rows[0] | {"DATA": "2023-05-09 10:00:00"}]), "falhas")
    assert in_lake(plant, "DISTINCT USUARIO", "falhas") == [(pseudonyms(b"key")("FHQWRAP"),)]
    assert in_lake(plant, "count(*)", "falhas") == [(2,)]


def test_the_views_for_other_tools_say_the_same(plant):
    """Who opens the lake in a notebook or a dashboard finds the open rows without knowing the tables."""
    plant.merge(csv_text(measured("a"), measured("b", "012002")))
    assert plant.rows('SELECT line, "column", value FROM open_quarantine ORDER BY line') == [
        (2, "VALUE", "a"), (3, "VALUE", "b"),
    ]  # fmt: skip
    assert plant.rows("SELECT reason, rows FROM quarantine_by_reason") == [("VALUE: not a number", 2)]


def test_a_row_that_is_lost_from_quarantine_is_noticed(plant):
    """The counts of the ledger are a second witness."""
    plant.merge(csv_text(measured("a"), measured(1, "012002")))
    with plant.lake.write() as con:
        con.execute("DELETE FROM quarantine")
    assert plant.see(quarantine.disagreements) == ["u001: 1 in quarantine by the ledger, 0 found"]


def test_many_open_rows_are_exported_in_order(plant):
    """The export passes rows on in batches; none is lost between them."""
    with plant.lake.write() as con:
        con.execute(
            """INSERT INTO quarantine BY NAME SELECT 'u-' || n AS id, 'u' AS upload, 'resultados' AS kind, n AS line,
            ['VALUE'] AS columns, ['VALUE: not a number: ''x'''] AS reasons, '{"VALUE": "x"}' AS raw,
            TIMESTAMP '2026-01-01' AS quarantined_at FROM range(25_001) t(n)"""
        )
    _, rows = exported(plant)
    assert [row["QUARANTINE_ID"] for row in rows] == [f"u-{n}" for n in range(25_001)]
    assert plant.see(quarantine.by_reason)[0].newest == dt.datetime(2026, 1, 1)
