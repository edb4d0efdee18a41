"""What a workbook says about itself: its sheets, their files in the zip, hidden ones, and its calendar.

Belongs here: the workbook's table of contents, and going through a part's XML without trusting it. Does not belong
here: cells (`workbook_cells`, `spreadsheet`), and whether the zip is safe to open (`containers`).
"""

import datetime as dt
import posixpath
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from failure_platform.resources.reading.containers import unreadable_workbook

_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_WORKSHEET = "/worksheet"
_STRINGS = "/sharedStrings"
_TRUE = ("1", "true")


@dataclass(frozen=True)
class SheetPart:
    """A sheet of cells: its name, its file in the zip, and whether a person sees it."""

    name: str
    part: str
    visible: bool


@dataclass(frozen=True)
class WorkbookParts:
    """What a workbook says about itself.

    Args:
        sheets: the sheets of cells, in the workbook's order.
        strings: the file in the zip that holds the texts which cells point to; None where there is none.
        day_0: of its serial dates, which know no time zone.
        recalculated: whether its writer left the values of formulas to whoever opens it.
    """

    sheets: tuple[SheetPart, ...]
    strings: str | None
    day_0: dt.datetime
    recalculated: bool


def workbook_parts(path: Path) -> WorkbookParts:
    """Read the workbook's table of contents.

    Raises:
        UploadRefusedError: it is damaged.
    """
    targets: dict[str, str] = {}
    strings: list[str] = []
    listed: list[tuple[str, str, bool]] = []
    said = {"date1904": "", "fullCalcOnLoad": ""}

    def relation(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            part = posixpath.normpath(posixpath.join("/xl", attributes["Target"])).lstrip("/")
            if attributes["Type"].endswith(_WORKSHEET):
                targets[attributes["Id"]] = part
            elif attributes["Type"].endswith(_STRINGS):
                strings.append(part)

    def element(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            points_to = next(value for key, value in attributes.items() if key.endswith(":id"))
            listed.append((attributes["name"], points_to, attributes.get("state", "visible") == "visible"))
        elif name in ("workbookPr", "calcPr"):
            said.update(attributes)

    try:
        go_through(path, _RELATIONS, relation)
        go_through(path, _BOOK, element)
    except (KeyError, StopIteration) as error:
        raise unreadable_workbook("its table of contents is not complete") from error
    first = dt.datetime(1904, 1, 1) if said["date1904"] in _TRUE else dt.datetime(1899, 12, 30)
    return WorkbookParts(
        tuple(SheetPart(name, targets[one], seen) for name, one, seen in listed if one in targets),
        next(iter(strings), None),
        first,
        said["fullCalcOnLoad"] in _TRUE,
    )


def go_through(
    path: Path,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    text: Callable[[str], None] | None = None,
) -> None:
    """Call `start` with each element's name without prefix and its attributes, and `text` with pieces of text.

    Raises:
        UploadRefusedError: the workbook has no such part, or its XML is damaged or defines abbreviations.
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
    # What it defines can unfold without end. No program that writes workbooks writes one.
    raise unreadable_workbook("it defines abbreviations of its own (DOCTYPE), which no workbook needs")
