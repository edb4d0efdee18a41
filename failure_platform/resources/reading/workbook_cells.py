"""Parses those cells of a sheet's XML that the native reader does not give: the first rows, formulas, errors.

Complete tables are left to the native reader, for which Python is far too slow.
"""

import contextlib
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from failure_platform.domain.rows.layouts import HEADER_WITHIN
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.containers import unreadable_workbook
from failure_platform.resources.reading.workbook_parts import parse_part

_PLACE = re.compile(r"([A-Z]{1,3})([0-9]+)")
_MOST_COLUMNS = 16_384
_MAX_CELLS = 5
_TEXT_TYPES = ("s", "str", "inlineStr")
_WORDS = {"0": "FALSE", "1": "TRUE"}


@dataclass(frozen=True)
class Cell:
    """A cell: row and column from 0, type and style as in the file, text (None without any), and whether it is a
    formula.
    """

    row: int
    column: int
    type: str
    style: str
    text: str | None
    formula: bool

    @property
    def name(self) -> str:
        """Its name in Excel, such as B2."""
        letters, number = "", self.column + 1
        while number:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord("A") + letter) + letters
        return f"{letters}{self.row + 1}"


@dataclass(frozen=True)
class MergedCells:
    """A merged range: its name in Excel, and its rows and columns from 0; only its first cell has a value."""

    name: str
    rows: range
    columns: range


@dataclass
class OddCells:
    """Cells that the native reader gives as empty, or otherwise than Excel shows them.

    Args:
        valueless: names of the first formulas without a value.
        texts: (row, text) of errors, of TRUE and FALSE, and of numbers that are shown with leading zeros, by column;
            both from 0.
        merged: the merged ranges.
    """

    valueless: list[str] = field(default_factory=list)
    texts: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    merged: list[MergedCells] = field(default_factory=list)


@dataclass(frozen=True)
class Head:
    """The first rows of a sheet, from row and column 0; numbers as in the file.

    Args:
        rows: the texts of their cells.
        texts: (row, column) of the cells of a text type.
    """

    rows: list[list[str]]
    texts: frozenset[tuple[int, int]]


def first_rows(path: Path, part: str, strings: str | None) -> Head:
    """Return the first rows of a sheet.

    Raises:
        UploadRefusedError: the XML is damaged.
    """
    cells: list[Cell] = []

    def keep(cell: Cell) -> None:
        if cell.row >= HEADER_WITHIN:
            raise _FinishedError
        if cell.text and cell.column < _MOST_COLUMNS:
            cells.append(cell)

    with contextlib.suppress(_FinishedError):
        _parse_cells(path, part, keep)
    places = {int(cell.text) for cell in cells if cell.type == "s" and cell.text}
    shared = _shared(path, strings, places)
    rows: list[list[str]] = [[] for _ in range(max((cell.row + 1 for cell in cells), default=0))]
    for cell in cells:
        row = rows[cell.row]
        row.extend([""] * (cell.column + 1 - len(row)))
        row[cell.column] = shared[int(cell.text or 0)] if cell.type == "s" else cell.text or ""
    return Head(rows, frozenset((cell.row, cell.column) for cell in cells if cell.type in _TEXT_TYPES))


def odd_cells(
    path: Path, part: str, first_row: int, columns: Container[int], *, recalculated: bool, padded: Mapping[str, int]
) -> OddCells:
    """Find the odd cells of a sheet from a row on, in some columns, both from 0.

    If the workbook is to be `recalculated` on opening, the stored values of formulas do not count. `padded` has the
    number of digits with which a style shows a whole number.

    Raises:
        UploadRefusedError: the XML is damaged.
    """
    odd = OddCells()

    def inspect(cell: Cell) -> None:
        if cell.row < first_row or cell.column not in columns:
            return
        # The text of a formula may be empty; other values may not.
        valued = cell.text is not None and (cell.type == "str" or cell.text.strip())
        if cell.formula and (recalculated or not valued):
            odd.valueless.append(cell.name)
            if len(odd.valueless) == _MAX_CELLS:
                raise _FinishedError
        elif cell.type in ("e", "b") and cell.text:
            odd.texts.setdefault(cell.column, []).append((cell.row, _WORDS.get(cell.text, cell.text)))
        elif cell.style in padded and cell.type == "n" and cell.text and cell.text.isdecimal():
            odd.texts.setdefault(cell.column, []).append((cell.row, cell.text.zfill(padded[cell.style])))

    with contextlib.suppress(_FinishedError):
        _parse_cells(path, part, inspect, only_odd=True, styles=padded, merged=odd.merged)
    return odd


def rows_of_texts(path: Path, part: str, column: int) -> list[int]:
    """Return the rows, from 0, in which a column has a cell of a text type; in a long sheet this takes minutes.

    Raises:
        UploadRefusedError: the XML is damaged.
    """
    rows: list[int] = []

    def keep(cell: Cell) -> None:
        if cell.column == column and cell.type in _TEXT_TYPES:
            rows.append(cell.row)

    _parse_cells(path, part, keep)
    return rows


def without_value(sheet: str, cells: list[str]) -> UploadRefusedError:
    """Return the refusal of formulas without a calculated value."""
    more = " and perhaps more" if len(cells) == _MAX_CELLS else ""
    return UploadRefusedError(
        "The workbook holds formulas without their values",
        f"sheet '{sheet}', cells {', '.join(cells)}{more}",
        "The program that wrote it did not calculate them, so their rows would lose these values.",
        "Open it in Excel and save it, or paste the values over the formulas, and drop that.",
    )


class _FinishedError(Exception):
    """Ends the parsing of a part early."""


def _parse_cells(
    path: Path,
    part: str,
    receive: Callable[[Cell], None],
    *,
    only_odd: bool = False,
    styles: Container[str] = (),
    merged: list[MergedCells] | None = None,
) -> None:
    cells = _CellParser(receive, only_odd=only_odd, styles=styles, merged=[] if merged is None else merged)
    try:
        parse_part(path, part, cells.start, cells.text)
        cells.end_cell()
    except ValueError as error:
        raise unreadable_workbook(f"{part}: {error}") from error


class _CellParser:
    """Turns the elements of a sheet into cells: <c> holds <f> if it is a formula, then <v>, or <is> with <t>."""

    def __init__(
        self, receive: Callable[[Cell], None], *, only_odd: bool, styles: Container[str], merged: list[MergedCells]
    ) -> None:
        self._receive, self._only_odd, self._styles, self._merged = receive, only_odd, styles, merged
        self._row, self._column, self._type, self._style = -1, -1, "", ""
        self._text: str | None = None
        self._formula, self._within, self._collects = False, False, False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self.end_cell()
            self._within, self._formula, self._text, self._collects = True, False, None, False
            # Rows and cells without a reference follow the previous one.
            place = _PLACE.fullmatch(attributes.get("r", ""))
            self._column = _number(place[1]) if place else self._column + 1
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
        elif name == "row":
            self.end_cell()
            self._row = int(attributes.get("r", self._row + 2)) - 1
            self._column = -1
        elif name == "extLst":
            # Its formulas belong to no cell.
            self._within = False
        elif name == "mergeCell":
            self._within = False
            self._merged.append(_merged_cells(attributes["ref"]))
        elif self._within:
            self._formula = self._formula or name == "f"
            # rPh holds the pronunciation of a text.
            self._within = name != "rPh"
            self._collects = name in ("v", "t")
            if self._collects:
                self._text = self._text or ""

    def text(self, text: str) -> None:
        if self._collects and self._within:
            self._text = (self._text or "") + text

    def end_cell(self) -> None:
        # Most cells are neither formulas nor errors nor booleans.
        odd = self._formula or self._type in ("e", "b") or self._style in self._styles
        if self._column >= 0 and (not self._only_odd or odd):
            self._receive(Cell(self._row, self._column, self._type, self._style, self._text, self._formula))


def _merged_cells(name: str) -> MergedCells:
    """Return a merged range by its name, such as G2:G4."""
    first, _, last = name.partition(":")
    corners = [place for corner in (first, last or first) if (place := _PLACE.fullmatch(corner.replace("$", "")))]
    if len(corners) != 2:
        raise ValueError(f"the merged cells {name} are no range")
    (left, right), (top, bottom) = ([_number(c[1]) for c in corners], [int(c[2]) - 1 for c in corners])
    return MergedCells(name, range(top, bottom + 1), range(left, right + 1))


def _shared(path: Path, part: str | None, places: set[int]) -> dict[int, str]:
    """Return the shared strings at these positions, from 0."""
    texts = dict.fromkeys(places, "")
    place, pronounced, collects = -1, False, False
    last = max(places, default=-1)

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal place, pronounced, collects
        if name == "si":
            place, pronounced = place + 1, False
            if place > last:
                raise _FinishedError
        pronounced = pronounced or name == "rPh"
        collects = name == "t" and not pronounced and place in texts

    def text(content: str) -> None:
        if collects:
            texts[place] += content

    if part is not None and places:
        with contextlib.suppress(_FinishedError):
            parse_part(path, part, start, text)
    return texts


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
