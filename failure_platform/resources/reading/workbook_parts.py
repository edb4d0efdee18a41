"""Reads a workbook's list of sheets and its properties, and parses its XML parts safely."""

import datetime as dt
import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from failure_platform.resources.reading.containers import unreadable_workbook

_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_WORKSHEET = "/worksheet"
_STRINGS = "/sharedStrings"
_STYLES = "/styles"
_PADDED = re.compile(r"00+")
_TRUE = ("1", "true")


@dataclass(frozen=True)
class SheetPart:
    """A worksheet: its name, its part in the zip, and whether it is visible."""

    name: str
    part: str
    visible: bool


@dataclass(frozen=True)
class WorkbookParts:
    """The sheets and properties of a workbook.

    Args:
        sheets: the worksheets, in the workbook's order.
        strings: the part in the zip with the shared strings; None if there is none.
        day_0: day 0 of its serial dates, without time zone.
        recalculated: whether formulas are to be calculated on opening (`fullCalcOnLoad`).
        padded: number of digits with which a cell style such as `000000` shows a whole number; by the style's number
            as cells have it.
    """

    sheets: tuple[SheetPart, ...]
    strings: str | None
    day_0: dt.datetime
    recalculated: bool
    padded: Mapping[str, int]


def workbook_parts(path: Path) -> WorkbookParts:
    """Read the list of sheets and the properties of a workbook.

    Raises:
        UploadRefusedError: it is damaged.
    """
    targets: dict[str, str] = {}
    strings: list[str] = []
    styles: list[str] = []
    listed: list[tuple[str, str, bool]] = []
    properties = {"date1904": "", "fullCalcOnLoad": ""}

    def relation(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            part = posixpath.normpath(posixpath.join("/xl", attributes["Target"])).lstrip("/")
            if attributes["Type"].endswith(_WORKSHEET):
                targets[attributes["Id"]] = part
            elif attributes["Type"].endswith(_STRINGS):
                strings.append(part)
            elif attributes["Type"].endswith(_STYLES):
                styles.append(part)

    def element(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            relation_id = next(value for key, value in attributes.items() if key.endswith(":id"))
            listed.append((attributes["name"], relation_id, attributes.get("state", "visible") == "visible"))
        elif name in ("workbookPr", "calcPr"):
            properties.update(attributes)

    try:
        parse_part(path, _RELATIONS, relation)
        parse_part(path, _BOOK, element)
    except (KeyError, StopIteration) as error:
        raise unreadable_workbook("its table of contents is not complete") from error
    day_0 = dt.datetime(1904, 1, 1) if properties["date1904"] in _TRUE else dt.datetime(1899, 12, 30)
    return WorkbookParts(
        tuple(SheetPart(name, targets[key], visible) for name, key, visible in listed if key in targets),
        next(iter(strings), None),
        day_0,
        properties["fullCalcOnLoad"] in _TRUE,
        _padded_styles(path, styles[0]) if styles else {},
    )


def _padded_styles(path: Path, part: str) -> dict[str, int]:
    digits: dict[str, int] = {}
    padded: dict[str, int] = {}
    number, within = 0, False

    def element(name: str, attributes: dict[str, str]) -> None:
        nonlocal number, within
        if name == "numFmt" and _PADDED.fullmatch(attributes["formatCode"]):
            digits[attributes["numFmtId"]] = len(attributes["formatCode"])
        elif name in ("cellStyleXfs", "cellXfs", "cellStyles"):
            within = name == "cellXfs"
        elif name == "xf" and within:
            if attributes.get("numFmtId") in digits:
                padded[str(number)] = digits[attributes["numFmtId"]]
            number += 1

    parse_part(path, part, element)
    return padded


def parse_part(
    path: Path,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    text: Callable[[str], None] | None = None,
) -> None:
    """Parse a part: call `start` with each element's local name and attributes, and `text` with pieces of text.

    Raises:
        UploadRefusedError: the workbook has no such part, or its XML is damaged or has a DOCTYPE.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.StartDoctypeDeclHandler = _refuse_doctype
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        with zipfile.ZipFile(path) as archive:
            if part not in archive.namelist():
                raise unreadable_workbook(f"it has no part {part}")
            with archive.open(part) as source:
                parser.ParseFile(source)
    except (expat.ExpatError, zipfile.BadZipFile) as error:
        raise unreadable_workbook(f"{part}: {error}") from error


def _refuse_doctype(*_: object) -> NoReturn:
    # Its entities can expand without limit (billion laughs). No program that writes workbooks writes one.
    raise unreadable_workbook("it defines abbreviations of its own (DOCTYPE), which no workbook needs")
