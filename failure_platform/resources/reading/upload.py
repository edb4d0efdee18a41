"""Reads an archived original into parquet of text rows, or refuses it."""

import dataclasses
import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from failure_platform.domain.contracts import CONTRACTS, Contract
from failure_platform.domain.rows.dates import DateReading, DateRule
from failure_platform.domain.rows.delimited import SEPARATORS, find_separator, head_records, split_line
from failure_platform.domain.rows.formulas import ESCAPED_FORMULA
from failure_platform.domain.rows.layouts import FAULT, Header, find_header, header_findings
from failure_platform.domain.rows.numbers import NumberReading
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.domain.rows.validation import PLAIN, Reading
from failure_platform.resources.reading.containers import Limits, container_of, gunzip, inspected_workbook
from failure_platform.resources.reading.csv_rows import CsvTable, read_csv_rows
from failure_platform.resources.reading.date_evidence import date_reading
from failure_platform.resources.reading.found_table import DAY_AND_CLOCK, FoundTable, maybe_header, repeated_headers
from failure_platform.resources.reading.number_evidence import number_reading
from failure_platform.resources.reading.people import withhold_people
from failure_platform.resources.reading.pseudonyms import pseudonyms
from failure_platform.resources.reading.text_files import line_at, open_text, without_cut_line
from failure_platform.resources.reading.workbook import read_workbook
from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.scratch_database import scratch

_NOTE = "received.json"
_PLACES = pa.schema([("row", pa.int64()), ("sheet", pa.string()), ("line", pa.int64())])
_REJECTED = pa.schema([("sheet", pa.string()), ("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])


@dataclass(frozen=True)
class ParsedUpload:
    """The result of reading an upload: a folder of parquet files, and the findings about the file.

    Args:
        kind: the upload kind.
        folder: folder of `rows`, `places` and `rejected`.
        rows_in: number of rows and rejected lines; rows without any value do not count.
        understood: the findings, by their keys in `domain.rows.findings`: container, encoding, separator, header line,
            sheets, ignored and absent columns, dates and others.
        reading: how the texts are read.
    """

    kind: str
    folder: Path
    rows_in: int
    understood: dict[str, Any]
    reading: Reading = PLAIN

    @property
    def rows(self) -> Path:
        """Parquet of the contract's columns as text, in the order of the original; personal ones as pseudonyms."""
        return self.folder / "rows.parquet"

    @property
    def places(self) -> Path:
        """Parquet (row, sheet, line): row r is on line `line + r - row` of the last entry with `row <= r`."""
        return self.folder / "places.parquet"

    @property
    def rejected(self) -> Path:
        """Parquet (sheet, line, reason, raw) of the lines that are not rows."""
        return self.folder / "rejected.parquet"

    def rows_sql(self) -> str:
        """Return the SELECT of the rows with any value: `row`, the contract's columns as text, and `FAULT`."""
        columns = sql_text.names(CONTRACTS[self.kind].names)
        texts = self._exported_texts_sql() if self.understood.get("corrects_quarantine") else columns
        source = f"read_parquet({sql_text.file(self.rows)}, file_row_number = true)"
        if self.understood.get("clock_column"):
            source = f'(SELECT * REPLACE ({DAY_AND_CLOCK} AS "DATA") FROM {source})'
        fault = FAULT if FAULT in pq.read_schema(self.rows).names else "CAST(NULL AS VARCHAR)"
        return (
            f'SELECT file_row_number AS "row", {texts}, {fault} AS {FAULT} FROM {source} '
            f"WHERE coalesce({columns}) IS NOT NULL"
        )

    def _exported_texts_sql(self) -> str:
        """Return the columns without the apostrophe by which the quarantine export escaped formulas."""
        pattern = sql_text.text(ESCAPED_FORMULA)
        names = map(sql_text.name, CONTRACTS[self.kind].names)
        return ", ".join(f"regexp_replace({name}, {pattern}, '\\1') AS {name}" for name in names)

    def placed_sql(self, rows: str) -> str:
        """Return the SELECT that adds `sheet` and `line` to a relation with `row`."""
        return (
            f'SELECT placed.*, places.sheet, places.line + placed."row" - places."row" AS line '
            f"FROM ({rows}) AS placed ASOF JOIN read_parquet({sql_text.file(self.places)}) AS places "
            f'ON placed."row" >= places."row"'
        )

    def preview(self, n: int) -> pd.DataFrame:
        """Return the first `n` rows: sheet and line, then the columns as text."""
        with scratch(self.folder) as con:
            first = self.placed_sql(f"{self.rows_sql()} LIMIT {int(n)}")
            frame = con.execute(f'SELECT * FROM ({first}) ORDER BY "row"').df()
        return frame[["sheet", "line", *CONTRACTS[self.kind].names]]

    @classmethod
    def load(cls, folder: Path) -> "ParsedUpload":
        """Load the result of `read_upload` from its folder."""
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        dates, numbers = DateReading(**note.pop("dates")), NumberReading(**note.pop("numbers"))
        return cls(folder=folder, reading=Reading(dates, numbers), **note)


def read_upload(
    original: Path,
    contract: Contract,
    folder: Path,
    *,
    person_key: bytes,
    limits: Limits | None = None,
    date_rule: DateRule | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> ParsedUpload:
    """Read an original, whatever its name, into parquet of text rows in `folder`, which is created if needed.

    Results of an earlier attempt in the same folder are overwritten. Personal columns never leave this function in
    clear.

    Raises:
        UploadRefusedError: the file is empty, unreadable or too large once unpacked, its header does not match, or its
            dates are ambiguous and `date_rule` does not decide.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # While the file is read, the folder holds an unpacked or transcoded copy, which names people.
    folder.chmod(stat.S_IRWXU)
    (folder / _NOTE).unlink(missing_ok=True)
    limits = limits or Limits()
    pseudonym = pseudonyms(person_key)
    containers: list[str] = []
    unpacked, text_copy = folder / "unpacked", folder / "text.csv"
    source = original
    try:
        if (container := container_of(source)) == "gzip":
            containers.append("gzip")
            gunzip(source, unpacked, limits)
            source, container = unpacked, container_of(unpacked)
        with scratch(folder, threads=threads, memory_limit=memory_limit) as con:
            if container == "zip":
                containers.append("xlsx")
                with inspected_workbook(source, limits) as odd_parts:
                    table = read_workbook(source, contract, pseudonym, folder / "rows.parquet", odd_parts)
            else:
                containers.append("csv")
                table = _read_text(con, source, text_copy, contract, pseudonym, folder / "rows.parquet")
            table.understood["container"] = " in ".join(reversed(containers))
            return _finish(con, contract, folder, table, date_rule or DateRule())
    finally:
        unpacked.unlink(missing_ok=True)
        text_copy.unlink(missing_ok=True)


def _read_text(
    con: duckdb.DuckDBPyConnection,
    source: Path,
    copy: Path,
    contract: Contract,
    pseudonym: Callable[[str | None], str | None],
    target: Path,
) -> FoundTable:
    text = open_text(source, copy)
    separator = find_separator(text.head, contract)
    header = _header(text.head, separator, contract)
    text = without_cut_line(text, copy, header.row + 1)
    table = CsvTable(text, header, separator, contract, pseudonym)
    places, quotes_in_order, people = read_csv_rows(con, table, target)
    understood = {
        "encoding": text.encoding,
        "separator": SEPARATORS[separator],
        "quotes_in_order": quotes_in_order,
        **header_findings([header], contract),
        "blank_lines": len(text.scan.blank_lines),
        "last_line_complete": text.cut is None,
    }

    def cells(_: str | None, line: int) -> list[str]:
        return split_line(line_at(text.path, line), separator)

    return FoundTable(places, understood, {None: header}, cells, people)


def _header(lines: Sequence[str], separator: str, contract: Contract) -> Header:
    """Find the header among the first lines; `row` is the position of its last line."""
    records, ends = head_records(lines, separator)
    try:
        header = find_header(records, contract, "csv")
        return replace(header, row=ends[header.row])
    except UploadRefusedError:
        # A quote that is not closed above the header takes the header into its cell.
        return find_header([split_line(line, separator) for line in lines], contract, "csv")


def _finish(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    folder: Path,
    table: FoundTable,
    date_rule: DateRule,
) -> ParsedUpload:
    places, understood = table.places, table.understood
    rejected = [dict(zip(_REJECTED.names, line, strict=True)) for line in places.rejected]
    pq.write_table(pa.Table.from_pylist(rejected, _REJECTED), folder / "rejected.parquet")
    pairs = [dict(zip(_PLACES.names, place, strict=True)) for place in places.starts]
    pq.write_table(pa.Table.from_pylist(pairs, _PLACES), folder / "places.parquet")
    upload = ParsedUpload(contract.kind, folder, 0, understood)
    if faulty := withhold_people(con, contract, upload.rows, table.people):
        understood["misplaced_people"] = faulty
    ((filled, maybe),) = con.execute(
        f"SELECT count(*), count(*) FILTER ({maybe_header(contract)}) FROM ({upload.rows_sql()})"
    ).fetchall()
    if maybe and (repeated := repeated_headers(con, contract, table, upload.placed_sql(upload.rows_sql()))):
        understood["repeated_headers"] = repeated
    stored = pq.ParquetFile(upload.rows).metadata.num_rows
    understood |= {"rows": filled, "empty_rows": stored - filled, "rejected_lines": len(rejected)}
    dated = f'SELECT "KNR", "DATA" FROM ({upload.rows_sql()})'
    dates, understood["dates"] = date_reading(con, contract.kind, dated, date_rule)
    numbers, words = number_reading(con, contract, upload.rows)
    if words is not None:
        understood["numbers"] = words
    upload = replace(upload, rows_in=filled + len(rejected), reading=Reading(dates, numbers))
    note = {
        "kind": upload.kind,
        "rows_in": upload.rows_in,
        "understood": understood,
        "dates": dataclasses.asdict(dates),
        "numbers": dataclasses.asdict(numbers),
    }
    draft = folder / f"{_NOTE}.new"
    draft.write_text(json.dumps(note, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(folder / _NOTE)
    return upload
