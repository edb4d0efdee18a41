"""Containers: a file that is no upload, or unpacks without limit, is refused with what to do and at little cost."""

import codecs
import gzip
import io
import itertools
import struct
import zipfile
import zlib

import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.containers import Limits
from failure_platform.resources.reading.upload import read_upload
from failure_platform.resources.uploads.reader_process import ReaderProcess
from support.upload_files import STATUS, in_sheet, placed, reader, rezipped, with_shared_strings, workbook

TABLE = {"A": [line.split(",") for line in STATUS]}


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


def zipped(**entries):
    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name.replace("__", "/").replace("_bin", ".bin").replace("_xml", ".xml"), content)
        return path.read_bytes()

    return write


OLD_EXCEL = codecs.decode("d0cf11e0a1b11ae1", "hex") + b"x" * 99
REFUSALS = {
    "empty": (b"", r"The file is empty \(0 bytes\)\. .* Export it again"),
    "blank": (b"\n  \r\n\n", r"The file is empty \(3 blank lines\)"),
    "xls": (OLD_EXCEL, r"old Excel file .* Save it as \.xlsx without a password"),
    "broken gzip": (gzip.compress(b"x" * 99)[:20], r"gzip file cannot be unpacked \(gzip\)\. It is damaged or was cut"),
    "broken zip": (b"PK\x03\x04" + b"x" * 99, r"Excel file cannot be read \(xlsx\)\..*save it again as \.xlsx"),
    "no text": (bytes(range(256)) * 40, r"The header|No header of status was found"),
    "undecodable": (codecs.BOM_UTF16_LE + b"\x00\xd8\x00\xd8" * 99, r"No header of status was found"),
    "zip of csv": (zipped(a="KNR"), r"zip file is not an Excel workbook .* Unpack it and drop the files inside"),
    "macros": (zipped(xl__workbook_xml="", xl__vbaProject_bin=""), r"contains macros .* Save it as \.xlsx"),
    "xlsb": (zipped(xl__workbook_bin=""), r"binary Excel file \(\.xlsb\)"),
    "not really xlsx": (zipped(xl__workbook_xml="<nothing/>"), r"Excel file cannot be read"),
}


@pytest.mark.fault(12, 13, 34)
@pytest.mark.parametrize("name", list(REFUSALS))
def test_unreadable_files_are_refused_with_what_to_do(read, tmp_path, name):
    """Each refusal gives what, where, why and what to do next."""
    content, message = REFUSALS[name]
    with pytest.raises(UploadRefusedError, match=message) as caught:
        read(content if isinstance(content, bytes) else content(tmp_path / "made.zip"))
    refused = caught.value
    assert all((refused.what, refused.where, refused.why, refused.what_to_do))
    assert not (tmp_path / "work" / "received.json").exists()


@pytest.mark.fault(34)
def test_a_workbook_with_macros_is_refused_under_any_name(read):
    """A good table with a program in it is an .xlsm, whatever its name."""
    content = io.BytesIO(workbook(TABLE))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("xl/vbaProject.bin", "a program")
    with pytest.raises(UploadRefusedError, match="contains macros"):
        read(content.getvalue(), name="upload.xlsx")


@pytest.mark.fault(12)
def test_a_workbook_cut_anywhere_is_refused(read):
    """A zip's central directory is at its end."""
    content = workbook(TABLE)
    for place in range(4, len(content), 97):
        with pytest.raises(UploadRefusedError, match="Excel file cannot be read"):
            read(content[:place])


@pytest.mark.fault(12)
def test_a_text_under_a_workbooks_name_is_read(read):
    """And a workbook under a text's: the first bytes decide."""
    assert len(placed(read("\n".join([*STATUS, ""]), name="upload.xlsx"))) == 2
    assert len(placed(read(workbook(TABLE), name="upload.csv"))) == 2


@pytest.mark.fault(32)
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


@pytest.mark.fault(32)
def test_a_gzip_bomb_leaves_nothing_behind(read, tmp_path):
    """Stopped at the limit, its unpacked half does not stay on disk."""
    with pytest.raises(UploadRefusedError, match="unpacks to far more"):
        read(gzip.compress(b"\0" * (300 << 20), compresslevel=9))
    assert sum(file.stat().st_size for file in (tmp_path / "work").rglob("*") if file.is_file()) == 0


def bomb(megabytes):
    """A workbook whose sheet holds one text of so many megabytes."""
    text = b"<t>" + b"x" * (megabytes << 20) + b"</t>"
    return in_sheet(workbook({"A": [*TABLE["A"], ["boom"]]}), b"<t>boom</t>", text)


@pytest.mark.fault(32)
def test_a_zip_bomb_is_refused(read):
    """A sheet that unpacks to 200 times its file is no sheet that a plant exports."""
    with pytest.raises(UploadRefusedError, match="unpacks to far more than it is"):
        read(bomb(100))


@pytest.mark.fault(32)
def test_a_zip_bomb_that_lies_about_its_size_is_refused(read):
    """Its listing gives 1,000 bytes, with their checksum; readers that stop there would find no fault."""
    content = bytearray(bomb(100))
    place = content.rindex(b"xl/worksheets/sheet1.xml") - 46
    assert content[place : place + 4] == b"PK\x01\x02"
    offset = struct.unpack_from("<I", content, place + 42)[0]
    name, extra = struct.unpack_from("<HH", content, offset + 26)
    first = zlib.decompressobj(-15).decompress(bytes(content[offset + 30 + name + extra :]), 1000)
    struct.pack_into("<I", content, place + 16, zlib.crc32(first))
    struct.pack_into("<I", content, place + 24, 1000)
    with pytest.raises(UploadRefusedError, match="unpacks to far more than it is"):
        read(bytes(content))


@pytest.mark.fault(32)
def test_a_zip_that_lies_a_little_is_refused(read):
    """A size that is not the real one is damage, whatever the checksum."""
    content = bytearray(workbook(TABLE))
    place = content.rindex(b"xl/worksheets/sheet1.xml") - 46
    size = struct.unpack_from("<I", content, place + 24)[0]
    struct.pack_into("<I", content, place + 24, size - 1)
    with pytest.raises(UploadRefusedError, match="Excel file cannot be read"):
        read(bytes(content))


@pytest.mark.fault(32)
def test_a_zip_of_very_many_files_is_refused(read, tmp_path):
    """A workbook holds a few dozen parts."""
    content = zipped(**{f"x{number}": "" for number in range(30)})(tmp_path / "many.zip")
    with pytest.raises(UploadRefusedError, match="The zip file holds 30 files"):
        read(content, limits=Limits(entries=29))


@pytest.mark.fault(32)
def test_a_sheet_as_wide_as_it_is_empty_does_not_take_the_platform_down(tmp_path):
    """One stray cell in the last corner makes the native reader take gigabytes: it is stopped, with what to do."""
    content = in_sheet(
        workbook({"A": [*TABLE["A"], ["x"]]}), b'<row r="4"><c r="A4"', b'<row r="1048576"><c r="ZZ1048576"'
    )
    (tmp_path / "upload.xlsx").write_bytes(content)
    reading = ReaderProcess(memory=1 << 30, seconds=60)
    with pytest.raises(UploadRefusedError, match="takes too much memory|brought its reader down"):
        reading.call(read_upload, tmp_path / "upload.xlsx", CONTRACTS["status"], tmp_path / "work", person_key=b"key")
    reading.close()


@pytest.mark.fault(33)
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_a_billion_laughs_are_refused(read, part):
    """Abbreviations of abbreviations in a part's XML would unfold to gigabytes; none is unfolded."""
    letters = "abcdefghij"
    whole = with_shared_strings(workbook(TABLE)) if part.endswith("sharedStrings.xml") else workbook(TABLE)
    defined = "".join(f'<!ENTITY {one} "{f"&{before};" * 10}">' for before, one in itertools.pairwise(letters))
    doctype = f'<!DOCTYPE x [<!ENTITY a "ha">{defined}]>'.encode()

    def change(name, content):
        if name != part:
            return content
        return doctype + content.replace(b">KNR<", b">&j;<").replace(b'name="A"', b'name="&j;"')

    with pytest.raises(UploadRefusedError, match="abbreviations of its own"):
        read(rezipped(whole, change))
