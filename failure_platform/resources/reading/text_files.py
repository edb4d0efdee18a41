"""Prepares a text file for DuckDB: UTF-8 with one kind of line end, and with its lines counted."""

import codecs
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from failure_platform.domain.rows.layouts import HEADER_WITHIN
from failure_platform.domain.rows.refusals import UploadRefusedError

_CHUNK = 1 << 20
MIXED = " and utf-8"
"""Ends the name of an encoding where some lines are UTF-8."""

LONGEST_LINE = 2_000_000
"""In bytes: DuckDB rejects longer lines, and a file without line ends must not fill the memory."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLANK_LINE = re.compile(rb"^\r?\n", re.MULTILINE)
# First complete non-ASCII characters in UTF-8, then incomplete ones, then bytes that are never part of one.
_NON_ASCII = re.compile(
    rb"([\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    rb"|([\xe0-\xf4][\x80-\xbf]{0,2}|[\x80-\xff])"
)
# The non-ASCII characters of the plants' languages: of two encodings, the right one gives more of them.
_EXPECTED = frozenset("áàâãçéêíóôõúüäöñßÁÀÂÃÇÉÊÍÓÔÕÚÜÄÖÑ°ºª²³µ–’“”")
_UNREADABLE = "\N{REPLACEMENT CHARACTER}".encode()


@dataclass(frozen=True)
class Scan:
    """The result of scanning every byte of a file.

    Args:
        lines: number of line ends, plus one if the last line has none.
        blank_lines: numbers of the empty lines, from 1.
        blank_in_quotes: those of them inside quotes, which belong to a value if quotes are balanced.
        quotes: number of double quotes.
        ends_with_newline: whether the last line is complete.
        nuls: number of NUL characters.
        unreadable: number of replacement characters (U+FFFD).
        valid_utf8: whether all bytes are UTF-8.
        windows_line_ends: whether lines end with CRLF.
        mixed_line_ends: whether line ends differ, or are CR alone.
    """

    lines: int
    blank_lines: tuple[int, ...]
    blank_in_quotes: frozenset[int]
    quotes: int
    ends_with_newline: bool
    nuls: int
    unreadable: int
    valid_utf8: bool
    windows_line_ends: bool
    mixed_line_ends: bool


@dataclass(frozen=True)
class TextFile:
    """A text file that DuckDB can read: the original, or its copy in UTF-8.

    Args:
        path: the file to read.
        encoding: of the original.
        head: the first lines, without their ends.
        scan: the result of scanning the file to read.
        damaged: whether invalid bytes of the original were replaced in the copy.
        cut: number and text of the original's last line if it has no line end and was therefore left out of the copy.
    """

    path: Path
    encoding: str
    head: tuple[str, ...]
    scan: Scan
    damaged: bool = False
    cut: tuple[int, str] | None = None


def open_text(source: Path, copy: Path) -> TextFile:
    """Detect the encoding and count the lines; write a copy in UTF-8 only if DuckDB cannot read the original.

    The encoding is that of a byte order mark, else UTF-16 by its zero bytes, else UTF-8 if all bytes are valid, or most
    non-ASCII characters: then some are damaged. Else it is Windows-1252 or code page 850, whichever gives more of the
    characters of the plants' languages, or Latin-1 if a byte is undefined in Windows-1252. Single lines of such a file
    may still be UTF-8.

    Raises:
        UploadRefusedError: the file holds only blanks.
    """
    with source.open("rb") as raw:
        start = raw.read(1 << 16)
    encoding = _declared(start)
    mixed = False
    scan = None if encoding.startswith(("utf-16", "utf-32")) else _scan(source)
    if scan is not None and not scan.valid_utf8 and not encoding.endswith("-sig"):
        encoding, mixed = _undeclared(source)
    damaged = False
    if scan is None or not scan.valid_utf8 or scan.mixed_line_ends:
        _transcode(source, copy, encoding, mixed=mixed)
        lossless = scan is not None and (scan.valid_utf8 or not (encoding.startswith("utf") or mixed))
        encoding += MIXED if mixed else ""
        source, scan = copy, _scan(copy)
        damaged = scan.unreadable > 0 and not lossless
    with source.open("rb") as raw:
        head = [
            raw.readline(LONGEST_LINE).decode("utf-8-sig" if place == 0 else "utf-8", errors="replace").rstrip("\r\n")
            for place in range(min(HEADER_WITHIN, scan.lines))
        ]
    if not any(line.strip() for line in head) and scan.lines <= HEADER_WITHIN:
        raise UploadRefusedError(
            "The file is empty", f"{scan.lines} blank lines", "There is nothing to read.", "Export it again."
        )
    return TextFile(source, encoding, tuple(head), scan, damaged)


def without_cut_line(text: TextFile, copy: Path, header_line: int) -> TextFile:
    """Leave out a last line without line end below the header: a number or time that was cut short may look valid."""
    if text.scan.ends_with_newline or text.scan.lines <= header_line:
        return text
    if text.path != copy:
        shutil.copyfile(text.path, copy)
    start, quotes = _last_line(copy)
    with copy.open("rb") as raw:
        raw.seek(start)
        content = raw.read(LONGEST_LINE).decode(errors="replace")
    os.truncate(copy, start)
    scan = replace(text.scan, lines=text.scan.lines - 1, quotes=text.scan.quotes - quotes)
    return replace(text, path=copy, scan=scan, cut=(text.scan.lines, content))


def line_at(path: Path, line: int) -> str:
    """Return the text of a line, counted from 1, without its end."""
    with path.open("rb") as raw:
        for _ in range(line - 1):
            raw.readline()
        return raw.readline(LONGEST_LINE).decode("utf-8-sig", errors="replace").rstrip("\r\n")


def lines_at(path: Path, positions: list[int]) -> list[int]:
    """Return the line numbers (from 1) of the bytes at these ascending positions (from 0)."""
    lines: list[int] = []
    line, done = 1, 0
    with path.open("rb") as raw:
        for position in positions:
            while done < position:
                chunk = raw.read(min(_CHUNK, position - done))
                if not chunk:
                    break
                line += chunk.count(b"\n")
                done += len(chunk)
            lines.append(line)
    return lines


def _declared(start: bytes) -> str:
    """Return the encoding by a byte order mark, or UTF-16 without one by its zero bytes; else provisionally UTF-8."""
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    zeros = start.count(b"\0")
    if zeros == 0:
        return "utf-8"
    if zeros > len(start) // 4:
        return "utf-16-le" if start[1::2].count(b"\0") > start[::2].count(b"\0") else "utf-16-be"
    return "utf-8"


def _scan(path: Path) -> Scan:
    """Count lines and find blank ones, in chunks of complete lines."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    valid, lines, quotes, nuls, unreadable, last = True, 0, 0, 0, 0, b"\n"
    blank: list[int] = []
    in_quotes: list[int] = []
    ends = {b"\r\n": 0, b"\r": 0}
    with path.open("rb") as raw:
        while chunk := raw.read(_CHUNK) + raw.readline(LONGEST_LINE):
            valid = valid and _decodes(decoder, chunk)
            if chunk[0] in b"\r\n" or b"\n\n" in chunk or b"\n\r\n" in chunk:
                for match in _BLANK_LINE.finditer(chunk) if last.endswith(b"\n") else ():
                    blank.append(lines + chunk.count(b"\n", 0, match.start()) + 1)
                    if (quotes + chunk.count(b'"', 0, match.start())) % 2:
                        in_quotes.append(blank[-1])
            lines += chunk.count(b"\n")
            quotes += chunk.count(b'"')
            nuls += chunk.count(b"\0")
            unreadable += chunk.count(_UNREADABLE)
            windows_ends = chunk.count(b"\r\n")
            ends[b"\r\n"] += windows_ends
            ends[b"\r"] += chunk.count(b"\r") - windows_ends
            last = chunk[-2:]
    complete = last.endswith(b"\n")
    return Scan(
        lines=lines + (0 if complete else 1),
        blank_lines=tuple(blank),
        blank_in_quotes=frozenset(in_quotes),
        quotes=quotes,
        ends_with_newline=complete,
        nuls=nuls,
        unreadable=unreadable,
        valid_utf8=valid and _decodes(decoder, b"", final=True),
        windows_line_ends=ends[b"\r\n"] > 0,
        mixed_line_ends=bool(ends[b"\r"]) or 0 < ends[b"\r\n"] < lines,
    )


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _undeclared(source: Path) -> tuple[str, bool]:
    """Return the encoding of a file that is not valid UTF-8, and whether some of its lines are."""
    decoder = codecs.getincrementaldecoder("cp1252")("strict")
    characters, others, windows = 0, Counter[bytes](), True
    with source.open("rb") as raw:
        while chunk := raw.read(_CHUNK) + raw.readline(LONGEST_LINE):
            found = _NON_ASCII.findall(chunk)
            others.update(lone for _, lone in found if lone)
            characters += sum(1 for character, _ in found if character)
            windows = windows and _decodes(decoder, chunk)
    # A few damaged or truncated characters must not change how all others are read.
    if characters and characters >= others.total():
        return "utf-8", False
    if _expected(others, "cp850") > _expected(others, "cp1252"):
        return "cp850", characters > 0
    return "cp1252" if windows else "latin-1", characters > 0


def _expected(others: Counter[bytes], encoding: str) -> int:
    """Return how many of these characters an encoding gives that the plants' languages have."""
    return sum(times for text, times in others.items() if set(text.decode(encoding, errors="replace")) <= _EXPECTED)


def _transcode(source: Path, copy: Path, encoding: str, *, mixed: bool) -> None:
    """Write a file in UTF-8 with LF as line end.

    If it is `mixed`, each line is UTF-8 or in the encoding; one that is neither alone keeps what can be read of it.
    """
    if not mixed:
        with (
            source.open(encoding=encoding, newline=None, errors="replace") as text,
            copy.open("w", encoding="utf-8", newline="") as out,
        ):
            while chunk := text.read(_CHUNK):
                out.write(chunk)
        return
    with source.open("rb") as raw, copy.open("wb") as target:
        while line := raw.readline(LONGEST_LINE):
            kinds = {bool(character) for character, _ in _NON_ASCII.findall(line)}
            if False in kinds:
                line = line.decode("utf-8" if True in kinds else encoding, errors="replace").encode()
            target.write(line.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


def _last_line(path: Path) -> tuple[int, int]:
    """Return the byte position of the last line, and its number of double quotes."""
    quotes = 0
    with path.open("rb") as raw:
        position = raw.seek(0, os.SEEK_END)
        while position:
            size = min(_CHUNK, position)
            position = raw.seek(position - size)
            before, end, line = raw.read(size).rpartition(b"\n")
            quotes += line.count(b'"')
            if end:
                return position + len(before) + 1, quotes
    return 0, quotes
