"""Looks at cells of a sheet in its XML: the first rows, and cells that the native reader gives back as empty.

Belongs here: what is needed before and beside the native reader: where the header is, formulas without a stored value,
errors such as #N/A. Does not belong here: reading a table's rows (`spreadsheet`), which Python would do far too slowly.
"""

import contextlib
import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from pathlib import Path

from failure_platform.domain.rows.layouts import HEADER_WITHIN, UploadRefusedError
from failure_platform.resources.reading.containers import unreadable_workbook
from failure_platform.resources.reading.workbook_parts import go_through

_PLACE = re.compile(r"([A-Z]{1,3})([0-9]+)")
_MOST_COLUMNS = 16_384
_SHOWN_CELLS = 5
_TEXT_TYPES = ("s", "str", "inlineStr")
_WORDS = {"0": "FALSE", "1": "TRUE"}


@dataclass(frozen=True)
class Cell:
    """A cell: its place, from 0; its type as the file has it; its text, None where it has none; whether a formula."""

    row: int
    column: int
    type: str
    text: str | None
    formula: bool

    @property
    def name(self) -> str:
        """Its place as Excel names it."""
        letters, number = "", self.column + 1
        while number:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord("A") + letter) + letters
        return f"{letters}{self.row + 1}"


@dataclass
class OddCells:
    """Cells that the native reader gives back as empty, or not as a person sees them.

    Args:
        valueless: the first formulas without a value, as Excel names cells.
        texts: column, from 0, to (row from 0, text) of its errors, and of true and false.
    """

    valueless: list[str] = field(default_factory=list)
    texts: dict[int, list[tuple[int, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """A sheet's first rows, from its first row and column on; numbers as the file has them.

    Args:
        rows: the texts of their cells.
        texts: (row, column) of the cells that hold text, whatever it looks like.
    """

    rows: list[list[str]]
    texts: frozenset[tuple[int, int]]


def first_rows(path: Path, part: str, strings: str | None) -> Head:
    """Look at a sheet's first rows.

    Raises:
        UploadRefusedError: the XML is damaged.
    """
    found: list[Cell] = []

    def keep(cell: Cell) -> None:
        if cell.row >= HEADER_WITHIN:
            raise _EnoughError
        if cell.text and cell.column < _MOST_COLUMNS:
            found.append(cell)

    with contextlib.suppress(_EnoughError):
        _go_through(path, part, keep)
    places = {int(cell.text) for cell in found if cell.type == "s" and cell.text}
    shared = _shared(path, strings, places)
    rows: list[list[str]] = [[] for _ in range(max((cell.row + 1 for cell in found), default=0))]
    for cell in found:
        row = rows[cell.row]
        row.extend([""] * (cell.column + 1 - len(row)))
        row[cell.column] = shared[int(cell.text or 0)] if cell.type == "s" else cell.text or ""
    return Head(rows, frozenset((cell.row, cell.column) for cell in found if cell.type in _TEXT_TYPES))


def odd_cells(path: Path, part: str, first_row: int, columns: Container[int], *, recalculated: bool) -> OddCells:
    """Find the odd cells of a sheet from a row on, in some columns, both from 0.

    A formula has no value that counts either where whoever wrote the workbook left it to be `recalculated`.

    Raises:
        UploadRefusedError: the XML is damaged.
    """
    odd = OddCells()

    def look(cell: Cell) -> None:
        if cell.row < first_row or cell.column not in columns:
            return
        # A formula's text may well be empty; any other value is not.
        valued = cell.text is not None and (cell.type == "str" or cell.text.strip())
        if cell.formula and (recalculated or not valued):
            odd.valueless.append(cell.name)
            if len(odd.valueless) == _SHOWN_CELLS:
                raise _EnoughError
        elif cell.type in ("e", "b") and cell.text:
            odd.texts.setdefault(cell.column, []).append((cell.row, _WORDS.get(cell.text, cell.text)))

    with contextlib.suppress(_EnoughError):
        _go_through(path, part, look, only_odd=True)
    return odd


def without_value(sheet: str, cells: list[str]) -> UploadRefusedError:
    """Return the refusal of formulas that have no value, or one that nobody has calculated."""
    more = " and perhaps more" if len(cells) == _SHOWN_CELLS else ""
    return UploadRefusedError(
        "The workbook holds formulas without their values",
        f"sheet '{sheet}', cells {', '.join(cells)}{more}",
        "The program that wrote it did not calculate them, so their rows would lose these values.",
        "Open it in Excel and save it, or paste the values over the formulas, and drop that.",
    )


class _EnoughError(Exception):
    """What was looked for is found."""


def _go_through(path: Path, part: str, see: Callable[[Cell], None], *, only_odd: bool = False) -> None:
    cells = _Cells(see, only_odd=only_odd)
    try:
        go_through(path, part, cells.start, cells.text)
        cells.end_cell()
    except ValueError as error:
        raise unreadable_workbook(f"{part}: {error}") from error


class _Cells:
    """Follows the elements of a sheet: a cell holds <f> if it is a formula, then <v>, or <is> with <t>, if any."""

    def __init__(self, see: Callable[[Cell], None], *, only_odd: bool) -> None:
        self._see, self._only_odd = see, only_odd
        self._row, self._column, self._type = -1, -1, ""
        self._text: str | None = None
        self._formula, self._within, self._collects = False, False, False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self.end_cell()
            self._within, self._formula, self._text, self._collects = True, False, None, False
            # Rows and cells need not say where they stand; then they follow the one before.
            place = _PLACE.fullmatch(attributes.get("r", ""))
            self._column = _number(place[1]) if place else self._column + 1
            self._type = attributes.get("t", "n")
        elif name == "row":
            self.end_cell()
            self._row = int(attributes.get("r", self._row + 2)) - 1
            self._column = -1
        elif name == "extLst":
            # Formulas in it belong to no cell.
            self._within = False
        elif self._within:
            self._formula = self._formula or name == "f"
            # What follows rPh says how a text is pronounced.
            self._within = name != "rPh"
            self._collects = name in ("v", "t")
            if self._collects:
                self._text = self._text or ""

    def text(self, text: str) -> None:
        if self._collects and self._within:
            self._text = (self._text or "") + text

    def end_cell(self) -> None:
        # Most cells are neither formulas nor errors nor true and false.
        if self._column >= 0 and (not self._only_odd or self._formula or self._type in ("e", "b")):
            self._see(Cell(self._row, self._column, self._type, self._text, self._formula))


def _shared(path: Path, part: str | None, places: set[int]) -> dict[int, str]:
    """Return the shared texts at these places, from 0."""
    texts = dict.fromkeys(places, "")
    place, pronounced, collects = -1, False, False
    last = max(places, default=-1)

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal place, pronounced, collects
        if name == "si":
            place, pronounced = place + 1, False
            if place > last:
                raise _EnoughError
        pronounced = pronounced or name == "rPh"
        collects = name == "t" and not pronounced and place in texts

    def text(content: str) -> None:
        if collects:
            texts[place] += content

    if part is not None and places:
        with contextlib.suppress(_EnoughError):
            go_through(path, part, start, text)
    return texts


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
