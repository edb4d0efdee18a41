"""Reads the tables in the sheets of an .xlsx into parquet, as text, one sheet at a time.

A full sheet of 8 columns takes about 0.7 GB of memory.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.layouts import (
    HEADER_WITHIN,
    QUARANTINE_ID,
    Header,
    UploadRefusedError,
    find_header,
    header_findings,
)
from failure_platform.domain.rows.line_numbers import RowPlaces
from failure_platform.resources.reading.workbook_cells import Head, first_rows
from failure_platform.resources.reading.workbook_columns import SheetColumns, SheetTable
from failure_platform.resources.reading.workbook_parts import SheetPart, WorkbookParts, workbook_parts

_ROWS_AT_ONCE = 1 << 17
_HEADER_SHARE = 0.5

Pseudonym = Callable[[str | None], str | None]


def read_workbook(
    path: Path, contract: Contract, pseudonym: Pseudonym, target: Path, odd_parts: Future[frozenset[str]]
) -> tuple[RowPlaces, dict[str, Any]]:
    """Write the rows of all sheets that hold the table to `target`, in the workbook's order.

    The table begins in the first sheet with the contract's header. A later sheet may have a header too, or continue
    with data in the same columns. Hidden sheets, and sheets that do neither, are skipped and named in the findings.
    Where the table continues to the right of itself, a sheet's rows of the first block come first, then the next.

    Args:
        path: the workbook.
        contract: its columns.
        pseudonym: function that replaces personal values.
        target: the parquet file to write.
        odd_parts: parts of the zip that may hold formulas or errors, once they are known.

    Raises:
        UploadRefusedError: no sheet has the header, one has part of it, a formula of the table has no value, or the
            workbook cannot be read.
    """
    about = workbook_parts(path)
    tables, passed = _tables(path, about, contract)
    first = tables[0][1].header
    names = (*contract.names, QUARANTINE_ID) if first.corrects else contract.names
    schema = pa.schema([(name, pa.string()) for name in names])
    personal = [place for place, column in enumerate(contract.columns) if column.personal]
    starts: list[tuple[int, str | None, int]] = []
    read: dict[str, int] = {}
    written = 0
    with pq.ParquetWriter(target, schema) as writer, ThreadPoolExecutor() as pool:
        for part, table in tables:
            header = table.header
            if header.corrects > first.corrects:
                raise _late_quarantine_ids(part.name)
            sheet = SheetColumns(path, part, table, contract, about, odd_parts)
            for block in header.blocks:
                columns = list(pool.map(lambda name, on=sheet, at=block: on.texts(name, at.get(name)), names))
                for place in personal:
                    columns[place] = _pseudonymised(columns[place], pseudonym)
                starts.append((written, part.name, header.row + 2))
                writer.write_table(pa.table(columns, schema), _ROWS_AT_ONCE)
                written += len(columns[0])
                read[part.name] = read.get(part.name, 0) + len(columns[0])
    return RowPlaces([], starts), {
        "sheets": read,
        "passed_sheets": passed,
        "hidden_sheets": [part.name for part in about.sheets if not part.visible],
        **header_findings([table.header for _, table in tables], contract),
    }


def _tables(
    path: Path, about: WorkbookParts, contract: Contract
) -> tuple[list[tuple[SheetPart, SheetTable]], list[str]]:
    """Return the sheets that hold the table, each with its header, and the names of the skipped ones."""
    tables: list[tuple[SheetPart, SheetTable]] = []
    passed: list[str] = []
    refusal: UploadRefusedError | None = None
    for part in about.sheets:
        if part.visible:
            head = first_rows(path, part.part, about.strings)
            try:
                header = find_header(head.rows, contract, f"sheet '{part.name}'")
            except UploadRefusedError as error:
                if error.resembles >= _HEADER_SHARE:
                    raise
                refusal = refusal or error
                if not tables or not _continues(head.rows, tables[0][1].header, contract):
                    passed.append(part.name)
                    continue
                # Row -1 means that its first row is data.
                header = replace(tables[0][1].header, row=-1, extra=(), absent=())
            tables.append((part, _table(header, head)))
    if not tables:
        raise _no_table(passed, refusal, contract)
    return tables, passed


def _table(header: Header, head: Head) -> SheetTable:
    return SheetTable(header, frozenset(column for row, column in head.texts if row > header.row))


def _continues(head: Sequence[Sequence[str]], header: Header, contract: Contract) -> bool:
    """Return whether one of the first rows has values in all columns that a row needs, at the header's positions."""
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
        "Whether a workbook corrects rows in quarantine is decided by its first table.",
        "Give the first table that column too, or drop the sheets as files of their own.",
    )


def _pseudonymised(texts: pa.Array, pseudonym: Pseudonym) -> pa.Array:
    encoded = texts.dictionary_encode()
    names = pa.array([pseudonym(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return names.take(encoded.indices)
