"""Detects the file format by its first bytes, never by its name, and unpacks archives within limits."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from failure_platform.domain.rows.refusals import UploadRefusedError

Container = Literal["plain", "gzip", "zip"]

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CHUNK = 1 << 20
_FORMULA = b"<f"
_ERRORS_VALUE = b"#"
_MERGED = b"<mergeCell"
_ERROR, _BOOLEAN = b't="e"', b't="b"'
# Maximal distance in bytes between a cell's type and its value.
_OVERLAP = 1 << 10
# Below this size a high ratio is harmless: a small sheet of one repeated value compresses very well.
_RATIO_COUNTS_ABOVE = 64 << 20


@dataclass(frozen=True)
class Limits:
    """How far an upload may unpack. `ratio` is unpacked to packed bytes; it applies above 64 MiB."""

    unpacked_bytes: int = 32 << 30
    ratio: int = 200
    entries: int = 1000


def container_of(path: Path) -> Container:
    """Return the format of a file by its first bytes.

    Raises:
        UploadRefusedError: the file is empty, or an old Excel file.
    """
    with path.open("rb") as source:
        magic = source.read(8)
    if not magic:
        raise UploadRefusedError(
            "The file is empty", "0 bytes", "There is nothing to read.", "Export it again and drop the new file."
        )
    if magic.startswith(_OLD_OFFICE):
        raise UploadRefusedError(
            "This is an old Excel file (.xls) or a workbook with a password",
            "first bytes of the file",
            "Neither can be read.",
            "Save it as .xlsx without a password, or as .csv, and drop that.",
        )
    if magic.startswith(_GZIP):
        return "gzip"
    return "zip" if magic.startswith((_ZIP, _EMPTY_ZIP)) else "plain"


def gunzip(source: Path, target: Path, limits: Limits) -> None:
    """Unpack gzip to a file, counting the bytes that are actually unpacked.

    Raises:
        UploadRefusedError: it is damaged or cut short, or unpacks beyond the limits.
    """
    meter = _Meter(source.stat().st_size, limits, "gzip")
    try:
        with gzip.open(source) as packed, target.open("wb") as out:
            while chunk := packed.read(_CHUNK):
                meter.count(len(chunk))
                out.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UploadRefusedError(
            "The gzip file cannot be unpacked",
            "gzip",
            f"It is damaged or was cut short: {error}.",
            "Copy or export it again and drop the new file.",
        ) from error


@contextmanager
def inspected_workbook(path: Path, limits: Limits) -> Iterator[Future[frozenset[str]]]:
    """Check that a zip file is a complete .xlsx without macros that unpacks within the limits.

    The zip's central directory is checked before the block begins. The bytes that are actually unpacked are counted in
    parallel while the block reads the workbook, since counting takes a fifth of the time of reading. If both refuse,
    the refusal of the check is raised.

    Returns:
        the names of the parts that may hold cells which the native reader gives as empty although they are not:
        formulas, errors, true and false, and merged cells.

    Raises:
        UploadRefusedError: it is not.
    """
    with _damage_refused():
        _check_listing(path, limits)
    with ThreadPoolExecutor(1) as pool:
        inspection = pool.submit(_unpack_all, path, limits)
        try:
            yield inspection
        except UploadRefusedError:
            inspection.result()
            raise
        inspection.result()


def unreadable_workbook(why: str) -> UploadRefusedError:
    """Return the refusal of a workbook that is damaged, cut short or encrypted."""
    return UploadRefusedError(
        "The Excel file cannot be read",
        "xlsx",
        f"It is damaged, was cut short or is protected: {why}.",
        "Open it in Excel and save it again as .xlsx, or as .csv, and drop that.",
    )


@contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise unreadable_workbook(str(error)) from error


def _check_listing(path: Path, limits: Limits) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    _refuse_foreign({entry.filename for entry in entries}, len(entries), limits)
    _Meter(path.stat().st_size, limits, "zip").count(sum(entry.file_size for entry in entries))


def _unpack_all(path: Path, limits: Limits) -> frozenset[str]:
    with _damage_refused(), zipfile.ZipFile(path) as archive:
        meter = _Meter(path.stat().st_size, limits, "zip")
        return frozenset(entry.filename for entry in archive.infolist() if _unpack(archive, entry, meter, limits))


def _refuse_foreign(names: set[str], entries: int, limits: Limits) -> None:
    where = "zip listing"
    if entries > limits.entries:
        raise UploadRefusedError(
            f"The zip file holds {entries} files",
            where,
            f"A workbook holds far fewer; at most {limits.entries} are allowed.",
            "Save the data as a plain .xlsx or .csv and drop that.",
        )
    if any(name.endswith("vbaProject.bin") for name in names):
        raise UploadRefusedError(
            "The workbook contains macros",
            where,
            "Files that carry programs are not taken.",
            "Save it as .xlsx (without macros) and drop that.",
        )
    if "xl/workbook.bin" in names:
        raise UploadRefusedError(
            "This is a binary Excel file (.xlsb)", where, "It cannot be read.", "Save it as .xlsx and drop that."
        )
    if "xl/workbook.xml" not in names:
        raise UploadRefusedError(
            "This zip file is not an Excel workbook",
            where,
            "Only .xlsx, .csv and gzip of them are taken.",
            "Unpack it and drop the files inside.",
        )


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, meter: "_Meter", limits: Limits) -> bool:
    """Count the unpacked bytes of a part, and return whether it may hold odd cells."""
    # The listed size may be wrong, and other readers read beyond it: the unpacked bytes are counted.
    entry.file_size = limits.unpacked_bytes + 1
    odd, tail = False, b""
    with archive.open(entry) as packed:
        while chunk := packed.read(_CHUNK):
            meter.count(len(chunk))
            odd = odd or _maybe_odd(tail + chunk, first=not tail)
            tail = chunk[-_OVERLAP:]
    return odd


def _maybe_odd(xml: bytes, *, first: bool) -> bool:
    """Return whether a piece of a sheet's XML may hold an odd cell or merged cells; always if written unusually."""
    unusual = first and (b"<worksheet" not in xml or b"='" in xml)
    # Searching a single byte is ten times faster than several, so a rare one is first; error values begin with #.
    signs = ((b"f", _FORMULA), (_ERRORS_VALUE, _ERROR), (b"b", _BOOLEAN), (b"m", _MERGED))
    return unusual or any(sign in xml and markup in xml for sign, markup in signs)


class _Meter:
    """Counts unpacked bytes and refuses the file when they exceed the limits."""

    def __init__(self, packed: int, limits: Limits, where: str) -> None:
        self._packed, self._limits, self._where, self._unpacked = packed, limits, where, 0

    def count(self, size: int) -> None:
        self._unpacked += size
        too_dense = self._unpacked > _RATIO_COUNTS_ABOVE and self._unpacked > self._packed * self._limits.ratio
        if self._unpacked > self._limits.unpacked_bytes or too_dense:
            raise UploadRefusedError(
                "The file unpacks to far more than it is",
                self._where,
                f"{self._packed:,} bytes became more than {self._unpacked:,}; allowed are {self._limits.ratio} times "
                f"as many, and {self._limits.unpacked_bytes:,} at most.",
                "Split the export into smaller files, or drop it uncompressed as .csv.",
            )
