"""Files as a plant drops them: what the tests of reading share."""

import datetime
import io
import re
import zipfile

import openpyxl
import pyarrow.parquet as pq

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.dates import DateRule
from failure_platform.resources.merging.validated_rows import validate_rows
from failure_platform.resources.reading.upload import read_upload
from failure_platform.resources.storage.scratch_database import scratch

_MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STRINGS = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
_STRINGS_TYPE = (
    b'<Override PartName="/xl/sharedStrings.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
KEY = b"a key that nobody knows"
STATUS = ["KNR,STATUS,DATA", "2023-2056234,M700,2023-05-08 10:00:00", "2023-2056235,M710,2023-05-08 11:00:00"]
FALHAS = (
    "KNR,MODELO,COR,MOTOR,ESTACAO,USUARIO,HALLE,FALHA,S_GROUP_ID,DATA\n"
    "2023-2056234,T-CROSS,K2K2,DHS,PCEQS709,FHQWRAP,ROD,Ruído,5,2023-05-08 10:00:00\n"
)


def reader(folder):
    """Return the function that writes content to a file of any name and reads it as a kind; days need no time."""

    def read(content, kind="status", name="upload.csv", **options):
        options.setdefault("date_rule", DateRule(any_clock=True))
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_upload(path, CONTRACTS[kind], folder / "work", person_key=KEY, **options)

    return read


def placed(received):
    """Return (sheet, line, first column, ...) of each row, in order, without its fault from reading."""
    with scratch(received.folder) as con:
        rows = con.execute(f'SELECT * FROM ({received.placed_sql(received.rows_sql())}) ORDER BY "row"').fetchall()
    return [(*row[-2:], *row[1:-3]) for row in rows]


def rejected(received):
    """Return (sheet, line, reason, raw) of each line that is no row."""
    return [tuple(line.values()) for line in pq.read_table(received.rejected).to_pylist()]


def quarantine_ids(received):
    """Return which rows in quarantine the rows put right; None where the file has no such column."""
    names = pq.read_schema(received.rows).names
    return pq.read_table(received.rows)["quarantine_id"].to_pylist() if "quarantine_id" in names else None


def workbook(sheets, hidden=(), merged=()):
    """Return the bytes of an .xlsx: sheets by name, each a list of rows; `merged` ranges of the first."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        if title in hidden:
            sheet.sheet_state = "hidden"
        for row in rows:
            sheet.append(row)
    for cells in merged:
        book.worksheets[0].merge_cells(cells)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def rezipped(content, change):
    """Return a zip file with every part as `change(name, bytes)` gives it; None leaves it out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = change(name, old.read(name))
            if part is not None:
                new.writestr(name, part)
    return out.getvalue()


def with_shared_strings(content):
    """Return an .xlsx whose texts are in a part of their own (shared strings), as Excel writes them."""
    strings = []

    def shared(match):
        strings.append(match[1])
        return b't="s"><v>%d</v>' % strings.index(match[1])

    def change(name, part):
        if name.startswith("xl/worksheets/"):
            return re.sub(rb't="inlineStr"><is>(<t.*?</t>)</is>', shared, part)
        if name.endswith("workbook.xml.rels"):
            return part.replace(b"</R", b'<Relationship Type="%s" Target="sharedStrings.xml" Id="s"/></R' % _STRINGS)
        return part.replace(b"</Types>", _STRINGS_TYPE + b"</Types>")

    whole = rezipped(content, change)
    items = b"".join(b"<si>" + text + b"</si>" for text in strings)
    out = io.BytesIO(whole)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", b'<sst xmlns="%s">%s</sst>' % (_MAIN, items))
    return out.getvalue()


def in_sheet(content, old, new):
    """Return an .xlsx with something replaced in the XML of its first sheet."""

    def change(name, part):
        if not name.endswith("sheet1.xml"):
            return part
        assert old in part, part
        return part.replace(old, new)

    return rezipped(content, change)


def lake_rows(received, *columns):
    """Return these columns of the good rows of an upload, as they would be merged, in the order of the file."""
    validated = _validated(received)
    with scratch(received.folder) as con:
        names = ", ".join(f'"{name}"' for name in columns)
        found = con.execute(f'SELECT {names} FROM ({validated.good_sql}) ORDER BY "row"').fetchall()
    return [row[0] if len(columns) == 1 else row for row in found]


def quarantined(received):
    """Return the reasons of each row and line that would go to quarantine."""
    validated = _validated(received)
    rows = pq.read_table(validated.bad).to_pylist() if validated.quarantined else []
    return [reason for row in sorted(rows, key=lambda row: row["line"]) for reason in row["reasons"]]


def _validated(received):
    return validate_rows(CONTRACTS[received.kind], received, datetime.datetime(2030, 1, 1))
