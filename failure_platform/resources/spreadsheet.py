"""Reads the sheets of an .xlsx into parquet: cells as text, in bounded batches.

Belongs here: which sheets hold the table and how a cell becomes text. Does not belong here: the header's rules
(`domain.layouts`), typing of texts (`domain.judging`), whether the file is safe to open (`containers`).
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from failure_platform.domain.contracts import Column, Contract
from failure_platform.domain.layouts import HEADER_WITHIN, Header, UploadRefusedError, find_header
from failure_platform.domain.line_numbers import RowPlaces
from failure_platform.resources.containers import unreadable_workbook

_BATCH = 50_000
_EPOCH = dt.datetime(1899, 12, 30)  # Day 0 of Excel's serial dates, which know no time zone.
_LAST_SERIAL = 2_958_466  # The year 10000, where Excel's dates end.
_EXACT_WHOLE = 2**53
_A_HEADER_WAS_MEANT = 0.5

Pseudonym = Callable[[str | None], str | None]


@dataclass(frozen=True)
class _Table:
    """A sheet that holds rows: `header.row + 1` rows of it stand before the first; -1 says that it has no header."""

    name: str
    sheet: CalamineSheet
    header: Header


def read_workbook(
    path: Path, contract: Contract, pseudonym: Pseudonym, target: Path
) -> tuple[RowPlaces, dict[str, Any]]:
    """Write the rows of all sheets that hold the table to `target`, in the workbook's order.

    The first sheet with the contract's header begins. A later one may have a header again, or go on with data in the
    same columns. Hidden sheets, and sheets that fit neither way, are passed over and named in what was understood.

    Raises:
        UploadRefusedError: no sheet has the header, one has part of it, or the workbook cannot be read.
    """
    schema = pa.schema([(name, pa.string()) for name in contract.names])
    starts: list[tuple[int, str | None, int]] = []
    read: dict[str, int] = {}
    passed: list[str] = []
    written = 0
    first: Header | None = None
    absent: set[str] = set()
    ignored: set[str] = set()
    refusal: UploadRefusedError | None = None
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        hidden = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible != SheetVisibleEnum.Visible]
        with pq.ParquetWriter(target, schema) as writer:
            for name in workbook.sheet_names:
                if name in hidden:
                    continue
                try:
                    table = _table(name, workbook.get_sheet_by_name(name), contract, first)
                except UploadRefusedError as error:
                    if error.resembles >= _A_HEADER_WAS_MEANT:
                        raise
                    refusal = refusal or error
                    table = None
                if table is None:
                    passed.append(name)
                    continue
                first = first or table.header
                absent.update(table.header.absent)
                ignored.update(table.header.extra)
                starts.append((written, name, table.header.row + 2))
                read[name] = _write(writer, schema, table, contract, pseudonym)
                written += read[name]
    except CalamineError as error:
        raise unreadable_workbook(str(error)) from error
    if first is None:
        raise _no_table(passed, refusal, contract)
    return RowPlaces([], starts), {
        "sheets": read,
        "passed_sheets": passed,
        "hidden_sheets": hidden,
        "header_line": first.row + 1,
        "ignored_columns": sorted(ignored),
        "absent_columns": [name for name in contract.names if name in absent],
    }


def _table(name: str, sheet: CalamineSheet, contract: Contract, first: Header | None) -> _Table | None:
    """Return the table of a sheet; None where it holds none."""
    head = [[_text(cell) or "" for cell in row] for row in itertools.islice(_rows(sheet), HEADER_WITHIN)]
    try:
        return _Table(name, sheet, find_header(head, contract, f"sheet '{name}'"))
    except UploadRefusedError as error:
        if first is None or error.resembles >= _A_HEADER_WAS_MEANT:
            raise
    needed = [first.positions[c.name] for c in contract.columns if c.key and not c.nullable and c.default is None]
    goes_on = any(all(place < len(row) and row[place].strip() for place in needed) for row in head)
    return _Table(name, sheet, replace(first, row=-1, extra=(), absent=())) if goes_on else None


def _no_table(sheets: Sequence[str], refusal: UploadRefusedError | None, contract: Contract) -> UploadRefusedError:
    if refusal is not None and len(sheets) == 1:
        return refusal
    return UploadRefusedError(
        f"No sheet has the header of {contract.kind}",
        f"visible sheets: {', '.join(sheets) or 'none'}",
        f"None of their first {HEADER_WITHIN} rows names its columns.",
        f"Put a row with the column names above the data: {', '.join(contract.names)}.",
    )


def _rows(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """Yield the rows from the sheet's first row and column on, whatever corner of it is empty."""
    blank = [""] * (sheet.start[1] if sheet.start else 0)
    return (blank + row for row in sheet.iter_rows()) if blank else sheet.iter_rows()


def _write(writer: pq.ParquetWriter, schema: pa.Schema, table: _Table, contract: Contract, pseudonym: Pseudonym) -> int:
    rows = itertools.islice(_rows(table.sheet), table.header.row + 1, None)
    written = 0
    while batch := list(itertools.islice(rows, _BATCH)):
        by_place = list(zip(*batch, strict=True))
        columns = [_column(column, table.header, by_place, len(batch), pseudonym) for column in contract.columns]
        writer.write_batch(pa.record_batch(columns, schema=schema))
        written += len(batch)
    return written


def _column(
    column: Column, header: Header, by_place: Sequence[Sequence[Any]], length: int, pseudonym: Pseudonym
) -> pa.Array:
    place = header.positions.get(column.name)
    if place is None or place >= len(by_place):
        return pa.nulls(length, pa.string())
    to_text = _moment if column.type == "timestamp" else _text
    texts = [(cell or None) if type(cell) is str else to_text(cell) for cell in by_place[place]]
    if column.personal:
        texts = [pseudonym(text) for text in texts]
    return pa.array(texts, pa.string())


def _moment(cell: Any) -> str | None:
    """Return a cell of a time column; a bare number is a serial date that lost its format."""
    if isinstance(cell, float) and 1 <= cell < _LAST_SERIAL:
        return (_EPOCH + dt.timedelta(milliseconds=round(cell * 86_400_000))).isoformat(" ")
    return _text(cell)


def _text(cell: Any) -> str | None:
    """Return a cell as the text that a person would type; a whole number without a decimal point."""
    match cell:
        case str():
            return cell or None
        case bool():
            return str(cell).upper()
        case float() if cell.is_integer() and abs(cell) < _EXACT_WHOLE:
            return str(int(cell))
        case float():
            return repr(cell)
        case dt.datetime():
            return cell.isoformat(" ")
    return str(cell)
