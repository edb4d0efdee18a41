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
    FAULT,
    HEADER_WITHIN,
    QUARANTINE_ID,
    Header,
    find_header,
    header_findings,
)
from failure_platform.domain.rows.line_numbers import RowPlaces
from failure_platform.domain.rows.refusals import OtherKindError, UploadRefusedError
from failure_platform.resources.reading.found_table import FoundTable
from failure_platform.resources.reading.workbook_cells import Head, first_rows
from failure_platform.resources.reading.workbook_columns import SheetColumns, SheetTable, row_cells
from failure_platform.resources.reading.workbook_parts import SheetPart, WorkbookParts, workbook_parts

_ROWS_AT_ONCE = 1 << 17
_HEADER_SHARE = 0.5

Pseudonym = Callable[[str | None], str | None]


def read_workbook(
    path: Path, contract: Contract, pseudonym: Pseudonym, target: Path, odd_parts: Future[frozenset[str]]
) -> FoundTable:
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
    tables, understood = _tables(path, about, contract)
    first = tables[0][1].header
    names = (*contract.names, *dict.fromkeys(name for _, table in tables for name in table.header.stored))
    schema = pa.schema([(name, pa.string()) for name in (*names, FAULT)])
    personal = [place for place, column in enumerate(contract.columns) if column.personal]
    people: dict[str, str | None] = {}
    starts: list[tuple[int, str | None, int]] = []
    read: dict[str, int] = {}
    written = 0
    with pq.ParquetWriter(target, schema) as writer, ThreadPoolExecutor() as pool:
        for part, table in tables:
            header = table.header
            if header.corrects > first.corrects:
                raise _late_quarantine_ids(part.name)
            sheet = SheetColumns(path, part, table, contract, about, odd_parts)
            for block in range(len(header.blocks)):
                places = [header.place(name, block) for name in names]
                columns = list(pool.map(sheet.texts, names, places))
                for place in personal:
                    columns[place] = _pseudonymised(columns[place], pseudonym, people)
                columns.append(sheet.faults())
                starts.append((written, part.name, header.row + 2))
                writer.write_table(pa.table(columns, schema), _ROWS_AT_ONCE)
                written += len(columns[0])
                read[part.name] = read.get(part.name, 0) + len(columns[0])
    headers: dict[str | None, Header] = {part.name: table.header for part, table in tables}
    understood = {"sheets": read, **understood, **header_findings(list(headers.values()), contract)}
    # A style of zeros shows the complete code.
    if (numeric := _numeric_codes(tables, contract)) and not about.padded:
        understood["codes_as_numbers"] = numeric

    def cells(sheet: str | None, line: int) -> list[str]:
        return row_cells(path, str(sheet), line)

    return FoundTable(RowPlaces([], starts), understood, headers, cells, people)


def _tables(
    path: Path, about: WorkbookParts, contract: Contract
) -> tuple[list[tuple[SheetPart, SheetTable]], dict[str, Any]]:
    """Return the sheets that hold the table, each with its header, and findings about the others."""
    tables: list[tuple[SheetPart, SheetTable]] = []
    passed: list[str] = []
    of_other_kinds: dict[str, str] = {}
    refusal: UploadRefusedError | None = None
    for part in about.sheets:
        if part.visible:
            head = first_rows(path, part.part, about.strings)
            try:
                header = find_header(head.rows, contract, f"sheet '{part.name}'")
            except OtherKindError as error:
                of_other_kinds[part.name] = error.kind
                refusal = refusal or error
                continue
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
        raise _no_table([*of_other_kinds, *passed], refusal, contract)
    found: dict[str, Any] = {
        "passed_sheets": passed,
        "hidden_sheets": [part.name for part in about.sheets if not part.visible],
    }
    return tables, found | ({"other_kind_sheets": of_other_kinds} if of_other_kinds else {})


def _table(header: Header, head: Head) -> SheetTable:
    filled = frozenset(place for row in head.rows[header.row + 1 :] for place, text in enumerate(row) if text.strip())
    textual = frozenset(column for row, column in head.texts if row > header.row)
    return SheetTable(header, textual, filled - textual)


def _numeric_codes(tables: Sequence[tuple[SheetPart, SheetTable]], contract: Contract) -> list[str]:
    """Return the columns of codes whose first cells are numbers, which have lost any leading zeros."""
    codes = [column.name for column in contract.columns if column.type == "text" and column.key]
    return [name for name in codes if any(table.header.place(name) in table.numeric for _, table in tables)]


def _continues(head: Sequence[Sequence[str]], header: Header, contract: Contract) -> bool:
    """Return whether one of the first rows has values in all columns that a row needs, at the header's positions."""
    needed = (column for column in contract.columns if column.key and not column.nullable and column.default is None)
    places = [header.blocks[0][column.name] for column in needed]
    return any(all(place < len(row) and row[place].strip() for place in places) for row in head)


def _no_table(sheets: Sequence[str], refusal: UploadRefusedError | None, contract: Contract) -> UploadRefusedError:
    if refusal is not None and (len(sheets) == 1 or isinstance(refusal, OtherKindError)):
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


def _pseudonymised(texts: pa.Array, pseudonym: Pseudonym, people: dict[str, str | None]) -> pa.Array:
    encoded = texts.dictionary_encode()
    named = {text: pseudonym(text) for text in encoded.dictionary.to_pylist()}
    people.update(named)
    return pa.array(list(named.values()), pa.string()).take(encoded.indices)
