"""Reads the columns of a sheet as texts, as a person would type them.

When it reads text, the native reader rounds numbers to nine decimals, which makes tiny ones zero. So a column of
measured values is read as the type of its first cells, numbers or texts, and again as the other type if it may hold
both.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.layouts import Header
from failure_platform.resources.reading.containers import unreadable_workbook
from failure_platform.resources.reading.workbook_cells import OddCells, odd_cells, rows_of_texts, without_value
from failure_platform.resources.reading.workbook_parts import SheetPart, WorkbookParts

_LAST_SERIAL = 2_958_466  # The year 10000, where Excel's dates end.
_SERIAL = r"^[1-9][0-9]{0,6}(\.[0-9]+)?$"
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
_MAY_BE_THOUSANDS = r"^-?[1-9][0-9]{0,2}\.[0-9]{3}$"
_NULL = pa.scalar(None, pa.string())


@dataclass(frozen=True)
class SheetTable:
    """A table in a sheet.

    Args:
        header: the positions of its columns; row -1 without a header of its own.
        textual: positions of the columns with texts among their first cells; `numeric` of those with other values only.
    """

    header: Header
    textual: frozenset[int]
    numeric: frozenset[int]


class SheetColumns:
    """The columns of a table in a sheet, below its header."""

    def __init__(
        self,
        path: Path,
        part: SheetPart,
        table: SheetTable,
        contract: Contract,
        about: WorkbookParts,
        odd_parts: Future[frozenset[str]],
    ) -> None:
        """Read the columns of the header.

        Raises:
            UploadRefusedError: a formula among them has no value, or the workbook cannot be read.
        """
        self._path, self._name, self._part = path, part.name, part.part
        self._first, self._day_0 = table.header.row + 1, about.day_0
        self._types = {column.name: column.type for column in contract.columns}
        columns = [(name, place) for block in table.header.blocks for name, place in block.items()]
        places = {place for _, place in columns}
        if table.header.clock is not None:
            places.add(table.header.clock)
        measured = {place for name, place in columns if self._types.get(name) == "number"}
        numbers = measured - table.textual
        self._columns, clean = self._load({place: place in numbers for place in places})
        self._odd = OddCells()
        if about.padded or part.part in odd_parts.result():
            self._odd = odd_cells(
                path, part.part, self._first, places, recalculated=about.recalculated, padded=about.padded
            )
            if self._odd.valueless:
                raise without_value(part.name, self._odd.valueless)
        # Texts that look like numbers may be rounded numbers; if not every cell was read as a number, some are texts.
        mixed = {place for place in measured - numbers if self._may_hold_numbers(place)} | (set() if clean else numbers)
        self._other_type = self._load({place: place not in numbers for place in mixed})[0] if mixed else {}
        self._length = max((len(column) for column in self._columns.values()), default=0)

    def texts(self, name: str, place: int | None) -> pa.Array:
        """Return a column as texts, as a person would type them; NULL for an empty cell."""
        if place is None or place not in self._columns:
            return pa.nulls(self._length, pa.string())
        texts = self._columns[place]
        if place in self._other_type:
            exact = self._other_type[place]
            if pa.types.is_floating(texts.type):
                exact, texts = texts, exact
            written = self._with_clear_points(exact.cast(pa.string()), texts, place)
            texts = pc.if_else(_matches(texts, _NUMBER), pc.coalesce(written, texts), texts)
        texts = texts.cast(pa.string())
        texts = pc.if_else(pc.equal(texts, ""), _NULL, _without_nul(texts))
        if place in self._odd.texts and (odd := self._odd_texts(name, place)):
            texts = self._with_odd(texts, odd)
        texts = self._with_merged(texts, place)
        return _with_dates(texts, self._day_0) if self._types.get(name) == "timestamp" else texts

    def faults(self) -> pa.Array:
        """Return why a row is bad by its reading, NULL for most: a value merged over several columns."""
        faults: list[str | None] = [None] * self._length
        for merged in self._odd.merged:
            if len([place for place in merged.columns if place in self._columns]) > 1:
                for row in merged.rows:
                    if 0 <= row - self._first < self._length:
                        faults[row - self._first] = f"row: the cells {merged.name} are merged over several columns"
        return pa.array(faults, pa.string()) if any(faults) else pa.nulls(self._length, pa.string())

    def _with_clear_points(self, numbers: pa.Array, texts: pa.Array, place: int) -> pa.Array:
        """Return the numbers of a column with texts beside them, so that none can be taken for thousands.

        The point of a number is a decimal point, whatever it is in the texts. Only the XML shows which is which.
        """
        unclear = pc.any(_matches(numbers, _MAY_BE_THOUSANDS)).as_py()
        if not unclear or not pc.any(pc.match_substring(texts, ",")).as_py():
            return numbers
        of_numbers = np.ones(len(numbers), bool)
        textual = np.array(rows_of_texts(self._path, self._part, place), dtype=np.int64) - self._first
        of_numbers[textual[(textual >= 0) & (textual < len(numbers))]] = False
        return pc.if_else(of_numbers, pc.replace_substring_regex(numbers, _MAY_BE_THOUSANDS, r"\00"), numbers)

    def _may_hold_numbers(self, place: int) -> bool:
        return place in self._columns and bool(pc.any(_matches(self._columns[place], _NUMBER)).as_py())

    def _load(self, numbers: Mapping[int, bool]) -> tuple[dict[int, pa.Array], bool]:
        """Return columns by position, as numbers or texts, and whether every cell could be read as that type."""
        try:
            sheet = fastexcel.read_excel(self._path).load_sheet(
                self._name,
                header_row=None,
                skip_rows=self._first,
                use_columns=lambda column: column.absolute_index in numbers,
                dtypes={place: "float" if number else "string" for place, number in numbers.items()},
            )
            cells, errors = sheet.to_arrow_with_errors()
        except fastexcel.FastExcelError as error:
            raise unreadable_workbook(str(error).splitlines()[0]) from error
        places = [column.absolute_index for column in sheet.selected_columns]
        return dict(zip(places, cells.columns, strict=True)), errors is None

    def _odd_texts(self, name: str, place: int) -> list[tuple[int, str]]:
        """Return the odd texts of a column; numbers shown with leading zeros are texts only in a column of texts."""
        odd = self._odd.texts[place]
        return odd if self._types.get(name) == "text" else [(row, text) for row, text in odd if not text.isdecimal()]

    def _with_merged(self, texts: pa.Array, place: int) -> pa.Array:
        """Return a column with the value of merged cells in each of their rows, as a person reads it."""
        for merged in self._odd.merged:
            top, end = merged.rows.start - self._first, min(merged.rows.stop - self._first, len(texts))
            if list(merged.columns) == [place] and 0 <= top < end:
                filled = pa.array([texts[top].as_py()] * (end - top), pa.string())
                texts = pa.concat_arrays([texts[:top], filled, texts[end:]])
        return texts

    def _with_odd(self, texts: pa.Array, odd: Sequence[tuple[int, str]]) -> pa.Array:
        mask = np.zeros(len(texts), bool)
        mask[[row - self._first for row, _ in odd]] = True
        return pc.replace_with_mask(texts, mask, pa.array([text for _, text in odd], pa.string()))


def row_cells(path: Path, sheet: str, row: int) -> list[str]:
    """Return the texts of the cells of a row of a sheet, counted from 1."""
    loaded = fastexcel.read_excel(path).load_sheet(sheet, header_row=None, skip_rows=row - 1, n_rows=1, dtypes="string")
    return [column[0].as_py() or "" for column in loaded.to_arrow().columns]


def _without_nul(texts: pa.Array) -> pa.Array:
    content = texts.buffers()[2]
    if content is None or np.frombuffer(content, np.uint8).all():
        return texts
    # XML cannot hold a NUL, so the file escapes it.
    return pc.replace_substring(texts, "\0", "_x0000_")


def _with_dates(texts: pa.Array, day_0: dt.datetime) -> pa.Array:
    """Return the texts of a time column with serial dates that lost their format as dates."""
    serial = _matches(texts, _SERIAL)
    days = pc.if_else(serial, texts, None).cast(pa.float64())
    serial = pc.fill_null(pc.less(days, float(_LAST_SERIAL)), False)
    if not pc.any(serial).as_py():
        return texts
    since = pc.round(pc.multiply(pc.filter(days, serial), 86_400_000.0)).cast(pa.int64()).cast(pa.duration("ms"))
    dates = pc.add(pa.scalar(day_0, pa.timestamp("ms")), since).cast(pa.string())
    return pc.replace_with_mask(texts, serial, pc.replace_substring_regex(dates, r"\.000$", ""))


def _matches(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), False)
