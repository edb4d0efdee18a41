"""Reads the sheets of an .xlsx into parquet: cells as text, column by column.

Belongs here: which sheets hold the table and how a cell becomes text. Does not belong here: the header's rules
(`domain.layouts`), what only the XML tells (`workbook_parts`), typing of texts (`domain.judging`), whether the file is
safe to open (`containers`).

A full sheet of 8 columns takes some 0.7 GB. Asked for texts, the native reader rounds numbers to nine decimals, which
makes zero of a tiny one; so columns of measured values are read as numbers, and once more as texts where some are.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastexcel
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from failure_platform.domain.contracts import Contract
from failure_platform.domain.layouts import (
    HEADER_WITHIN,
    QUARANTINE_ID,
    Header,
    UploadRefusedError,
    find_header,
    findings,
)
from failure_platform.domain.line_numbers import RowPlaces
from failure_platform.resources.containers import unreadable_workbook
from failure_platform.resources.workbook_cells import OddCells, first_rows, odd_cells, without_value
from failure_platform.resources.workbook_parts import SheetPart, WorkbookParts, workbook_parts

_ROWS_AT_ONCE = 1 << 17
_LAST_SERIAL = 2_958_466  # The year 10000, where Excel's dates end.
_SERIAL = r"^[1-9][0-9]{0,6}(\.[0-9]+)?$"
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
_A_HEADER_WAS_MEANT = 0.5
_NULL = pa.scalar(None, pa.string())

Pseudonym = Callable[[str | None], str | None]


def read_workbook(
    path: Path, contract: Contract, pseudonym: Pseudonym, target: Path, odd_parts: Collection[str]
) -> tuple[RowPlaces, dict[str, Any]]:
    """Write the rows of all sheets that hold the table to `target`, in the workbook's order.

    The first sheet with the contract's header begins. A later one may have a header again, or go on with data in the
    same columns. Hidden sheets, and sheets that fit neither way, are passed over and named in what was understood.
    Where the table goes on to the right of itself, a sheet's rows of the first block come first, then the next.

    Args:
        path: the workbook.
        contract: what its columns are.
        pseudonym: what replaces personal values.
        target: the parquet file to write.
        odd_parts: parts of the zip that may hold formulas or errors.

    Raises:
        UploadRefusedError: no sheet has the header, one has part of it, a formula of the table has no value, or the
            workbook cannot be read.
    """
    about = workbook_parts(path)
    tables, passed = _tables(path, about, contract)
    first = tables[0][1]
    names = (*contract.names, QUARANTINE_ID) if first.corrects else contract.names
    schema = pa.schema([(name, pa.string()) for name in names])
    personal = [place for place, column in enumerate(contract.columns) if column.personal]
    starts: list[tuple[int, str | None, int]] = []
    read: dict[str, int] = {}
    written = 0
    with pq.ParquetWriter(target, schema) as writer:
        for part, header in tables:
            if header.corrects > first.corrects:
                raise _late_quarantine_ids(part.name)
            sheet = _Sheet(path, part, header, contract, about, part.part in odd_parts)
            for block in header.blocks:
                columns = [sheet.texts(name, block.get(name)) for name in names]
                for place in personal:
                    columns[place] = _renamed(columns[place], pseudonym)
                starts.append((written, part.name, header.row + 2))
                writer.write_table(pa.table(columns, schema), _ROWS_AT_ONCE)
                written += len(columns[0])
                read[part.name] = read.get(part.name, 0) + len(columns[0])
    return RowPlaces([], starts), {
        "sheets": read,
        "passed_sheets": passed,
        "hidden_sheets": [part.name for part in about.sheets if not part.visible],
        **findings([header for _, header in tables], contract),
    }


def _tables(path: Path, about: WorkbookParts, contract: Contract) -> tuple[list[tuple[SheetPart, Header]], list[str]]:
    """Return the sheets that hold the table, each with its header, and the names of those passed over."""
    tables: list[tuple[SheetPart, Header]] = []
    passed: list[str] = []
    refusal: UploadRefusedError | None = None
    for part in about.sheets:
        if part.visible:
            head = first_rows(path, part.part, about.strings)
            try:
                tables.append((part, find_header(head, contract, f"sheet '{part.name}'")))
            except UploadRefusedError as error:
                if error.resembles >= _A_HEADER_WAS_MEANT:
                    raise
                refusal = refusal or error
                if tables and _goes_on(head, tables[0][1], contract):
                    # Row -1 says that its first row is data.
                    tables.append((part, replace(tables[0][1], row=-1, extra=(), absent=())))
                else:
                    passed.append(part.name)
    if not tables:
        raise _no_table(passed, refusal, contract)
    return tables, passed


def _goes_on(head: Sequence[Sequence[str]], header: Header, contract: Contract) -> bool:
    """Tell whether one of the first rows has what every row of the table needs, where the header has it."""
    needed = (column for column in contract.columns if column.key and not column.nullable and column.default is None)
    places = [header.blocks[0][column.name] for column in needed]
    return any(all(place < len(row) and row[place].strip() for place in places) for row in head)


def _no_table(sheets: Sequence[str], refusal: UploadRefusedError | None, contract: Contract) -> UploadRefusedError:
    if refusal is not None and len(sheets) == 1:
        return refusal
    return UploadRefusedError(
        f"No sheet has the header of {contract.kind}",
        f"visible sheets: {', '.join(sheets) or 'none'}",
        f"None of their first {HEADER_WITHIN} rows names its columns.",
        f"Put a row with the column names above the data: {', '.join(contract.names)}.",
    )


def _late_quarantine_ids(sheet: str) -> UploadRefusedError:
    return UploadRefusedError(
        f"Only a later sheet has the column {QUARANTINE_ID}",
        f"sheet '{sheet}'",
        "Whether a workbook corrects rows in quarantine is told by its first table.",
        "Give the first table that column too, or drop the sheets as files of their own.",
    )


class _Sheet:
    """The columns of a table in a sheet, below its header."""

    def __init__(
        self, path: Path, part: SheetPart, header: Header, contract: Contract, about: WorkbookParts, odd: bool
    ) -> None:
        self._path, self._name, self._first, self._day_0 = path, part.name, header.row + 1, about.day_0
        self._types = {column.name: column.type for column in contract.columns}
        self._numbers = {block[name] for block in header.blocks for name in block if self._types.get(name) == "number"}
        places = {place for block in header.blocks for place in block.values()}
        self._odd = OddCells()
        if odd:
            self._odd = odd_cells(path, part.part, self._first, places, recalculated=about.recalculated)
            if self._odd.valueless:
                raise without_value(part.name, self._odd.valueless)
        self._columns, clean = self._load({place: place in self._numbers for place in places})
        self._as_texts = {} if clean else self._load(dict.fromkeys(self._numbers, False))[0]
        self._length = max((len(column) for column in self._columns.values()), default=0)

    def texts(self, name: str, place: int | None) -> pa.Array:
        """Return a column as texts that a person would type, NULL where a cell is empty."""
        if place is None or place not in self._columns:
            return pa.nulls(self._length, pa.string())
        texts = self._columns[place].cast(pa.string())
        if place in self._as_texts:
            read = self._as_texts[place]
            texts = pc.if_else(_matches(read, _NUMBER), pc.coalesce(texts, read), read)
        texts = pc.if_else(pc.equal(texts, ""), _NULL, _without_nul(texts))
        if place in self._odd.texts:
            texts = self._with_odd(texts, self._odd.texts[place])
        return _moments(texts, self._day_0) if self._types.get(name) == "timestamp" else texts

    def _load(self, numbers: Mapping[int, bool]) -> tuple[dict[int, pa.Array], bool]:
        """Return columns by place, as numbers or else as texts, and whether every cell of them could be read so."""
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

    def _with_odd(self, texts: pa.Array, odd: Sequence[tuple[int, str]]) -> pa.Array:
        mask = np.zeros(len(texts), bool)
        mask[[row - self._first for row, _ in odd]] = True
        return pc.replace_with_mask(texts, mask, pa.array([text for _, text in odd], pa.string()))


def _without_nul(texts: pa.Array) -> pa.Array:
    content = texts.buffers()[2]
    if content is None or np.frombuffer(content, np.uint8).all():
        return texts
    # XML cannot hold a NUL, so the file spells it.
    return pc.replace_substring(texts, "\0", "_x0000_")


def _moments(texts: pa.Array, day_0: dt.datetime) -> pa.Array:
    """Return the texts of a time column; a bare number is a serial date that lost its format."""
    serial = _matches(texts, _SERIAL)
    days = pc.if_else(serial, texts, None).cast(pa.float64())
    serial = pc.fill_null(pc.less(days, float(_LAST_SERIAL)), False)
    if not pc.any(serial).as_py():
        return texts
    since = pc.round(pc.multiply(pc.filter(days, serial), 86_400_000.0)).cast(pa.int64()).cast(pa.duration("ms"))
    moments = pc.add(pa.scalar(day_0, pa.timestamp("ms")), since).cast(pa.string())
    return pc.replace_with_mask(texts, serial, pc.replace_substring_regex(moments, r"\.000$", ""))


def _matches(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), False)


def _renamed(texts: pa.Array, pseudonym: Pseudonym) -> pa.Array:
    coded = texts.dictionary_encode()
    names = pa.array([pseudonym(text) for text in coded.dictionary.to_pylist()], pa.string())
    return names.take(coded.indices)
