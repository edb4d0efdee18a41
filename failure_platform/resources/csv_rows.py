"""Reads a delimited text file into parquet: rows as text, and the lines that are no rows.

Belongs here: DuckDB's CSV reader with a dialect that we decided, never its sniffer, which falls back to one column on
ragged files and says nothing; and the proof that every line of the file became a row or is named. Does not belong
here: finding the dialect (`domain.layouts`), typing (`judging`).

One quote too many makes a reader take the following lines for part of a value. So every line is accounted for; where
lines went missing, the file is read again with quotes as plain signs, and only the lines whose quotes are not in
order are set aside.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.domain.layouts import Header, UploadRefusedError, split_line
from failure_platform.domain.line_numbers import RowPlaces, row_lines
from failure_platform.resources import sql_text
from failure_platform.resources.text_files import LONGEST_LINE, TextFile, lines_at

_LONGEST_RAW = 2_000
_BAD_QUOTES = "line: a quote is not closed, or is followed by more text"
_FAULTS = {
    "TOO MANY COLUMNS": "line: more cells than the header has columns",
    "MISSING COLUMNS": "line: fewer cells than the header has columns",
    "UNQUOTED VALUE": _BAD_QUOTES,
    "LINE SIZE OVER MAXIMUM": f"line: longer than {LONGEST_LINE:,} bytes",
}
Rejected = list[tuple[str | None, int, str, str]]


@dataclass(frozen=True)
class CsvTable:
    """A delimited table in a text file, and how it is to be read.

    Args:
        text: the file.
        header: where the header is, and which column is which.
        separator: between cells.
        contract: what the columns are.
        pseudonym: what replaces personal values.
    """

    text: TextFile
    header: Header
    separator: str
    contract: Contract
    pseudonym: Callable[[str | None], str | None]

    @property
    def personal(self) -> dict[str, int]:
        """Personal columns that the file has, with their place."""
        personal = (column.name for column in self.contract.columns if column.personal)
        return {name: self.header.positions[name] for name in personal if name in self.header.positions}


def read_csv_rows(con: duckdb.DuckDBPyConnection, table: CsvTable, target: Path) -> tuple[RowPlaces, bool]:
    """Write the rows to `target`, in file order, all contract columns as text, personal ones as pseudonyms.

    Returns:
        where the rows stand and which lines are no rows; and whether quotes were in order.

    Raises:
        UploadRefusedError: DuckDB cannot read the file, or lines of it would be lost.
    """
    try:
        places = _Pass(con, table, quoted=True).read(target)
        if places is not None:
            return places, True
        places = _Pass(con, table, quoted=False).read(target)
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise _unreadable(str(error).splitlines()[0]) from error
    if places is None:
        raise _unreadable("Not every line of it became a row or a line that could be named.")
    return places, False


def _unreadable(why: str) -> UploadRefusedError:
    return UploadRefusedError(
        "The file cannot be read as a table", "csv", why, "Export it again as .csv (UTF-8) or .xlsx and drop that."
    )


class _Pass:
    """One reading of the file, with quotes as quotes or as plain signs."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: CsvTable, *, quoted: bool) -> None:
        self._con, self._table, self._quoted = con, table, quoted
        self._scan = table.text.scan
        self._header_line = table.header.row + 1
        self._cells = [f'"c{place}"' for place in range(table.header.width)]
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(table.header.width))
        quote = sql_text.text('"' if quoted else "")
        reader = (
            f"read_csv({sql_text.file(table.text.path)}, auto_detect=false, header=false, skip={self._header_line}, "
            f"delim={sql_text.text(table.separator)}, quote={quote}, escape={quote}, columns={{{columns}}}, "
            f"store_rejects=true, max_line_size={LONGEST_LINE})"
        )
        # Numbering takes the reader's second thread away; most files need none.
        number = "" if quoted and not table.personal else ", row_number() OVER () - 1 AS record"
        self._source = f"(SELECT *{number} FROM {reader})"

    def read(self, target: Path) -> RowPlaces | None:
        """Return where the rows stand; None where lines were swallowed."""
        self._name_people()
        chosen = ", ".join(f"{self._stored(name)} AS {sql_text.name(name)}" for name in self._table.contract.names)
        joins = " ".join(
            f"LEFT JOIN people_{place} ON people_{place}.raw = {self._value(place)}"
            for place in self._table.personal.values()
        )
        # A join gives rows back in any order.
        order = "ORDER BY record" if joins else ""
        line_ends, swallows = self._line_ends()
        self._con.execute(
            f"COPY (SELECT {chosen}, {line_ends} AS line_ends, {swallows} AS swallows FROM {self._source} {joins} "
            f"WHERE NOT ({self._bad_quotes()}) {order}) TO {sql_text.text(str(target))} (FORMAT parquet)"
        )
        rejected, taken = self._rejected()
        # Read as plain signs, quotes hold nothing together, so that a blank line among them is one.
        held = self._scan.blank_in_quotes if self._quoted else ()
        blanks = (line for line in self._scan.blank_lines if line > self._header_line and line not in held)
        gaps = sorted({*taken, *blanks})
        bad = self._set_aside(gaps)
        gaps = sorted({*gaps, *(line[1] for line in bad)})
        stored = f"read_parquet({sql_text.file(target)}, file_row_number = true)"
        (rows, more, swallowed), *_ = self._con.execute(
            f"SELECT count(*), coalesce(sum(line_ends), 0), coalesce(bool_or(swallows), false) FROM {stored}"
        ).fetchall()
        if swallowed or self._header_line + rows + more + len(gaps) != self._scan.lines:
            return None
        long_rows = self._con.execute(
            f"SELECT file_row_number, line_ends FROM {stored} WHERE line_ends > 0 ORDER BY 1"
        ).fetchall()
        lines = row_lines(self._header_line, gaps, long_rows)
        return RowPlaces(sorted([*rejected, *bad], key=lambda one: one[1]), [(row, None, line) for row, line in lines])

    def _value(self, place: int) -> str:
        """Return the expression of a cell's text."""
        cell = self._cells[place]
        if self._quoted:
            return cell
        return f"""CASE WHEN starts_with({cell}, '"') THEN replace({cell}[2:-2], '""', '"') ELSE {cell} END"""

    def _stored(self, name: str) -> str:
        place = self._table.header.positions.get(name)
        if place is None:
            return "CAST(NULL AS VARCHAR)"
        return f"people_{place}.pseudonym" if name in self._table.personal else self._value(place)

    def _bad_quotes(self) -> str:
        """Return the condition under which quotes of a line, read as plain signs, are not in order."""
        if self._quoted:
            return "false"
        return " OR ".join(
            f"""coalesce(starts_with({cell}, '"') AND NOT regexp_full_match({cell}, '"([^"]|"")*"'), false)"""
            for cell in self._cells
        )

    def _line_ends(self) -> tuple[str, str]:
        """Return the expressions of how many line ends a row's cells hold, and whether whole records are among them."""
        if not self._quoted or not self._scan.quotes:
            return "0", "false"
        record = sql_text.text(rf"\n([^\n]*{re.escape(self._table.separator)}){{{self._table.header.width - 1}}}")
        held = " OR ".join(f"coalesce(contains({cell}, chr(10)), false)" for cell in self._cells)
        number = " + ".join(
            f"coalesce(length({cell}) - length(replace({cell}, chr(10), '')), 0)" for cell in self._cells
        )
        whole = " OR ".join(f"coalesce(regexp_matches({cell}, {record}), false)" for cell in self._cells)
        return f"CASE WHEN {held} THEN {number} ELSE 0 END", f"CASE WHEN {held} THEN {whole} ELSE false END"

    def _name_people(self) -> None:
        """Make a table of pseudonyms for each personal column of the file."""
        for place in self._table.personal.values():
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE people_{place} (raw VARCHAR, pseudonym VARCHAR)")
            found = self._con.execute(
                f"SELECT DISTINCT {self._value(place)} AS raw FROM {self._source} WHERE raw IS NOT NULL"
            ).fetchall()
            if found:
                pairs = [(raw, self._table.pseudonym(raw)) for (raw,) in found]
                self._con.executemany(f"INSERT INTO people_{place} VALUES (?, ?)", pairs)
        # What earlier readings noted would be counted twice.
        self._con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")

    def _rejected(self) -> tuple[Rejected, list[int]]:
        """Return the records that the reader set aside, and all the lines that they take up."""
        found = self._con.execute(
            "SELECT line_byte_position, min(error_type), first(csv_line) FROM reject_errors GROUP BY 1 ORDER BY 1"
        ).fetchall()
        rejected: Rejected = []
        gaps: list[int] = []
        # The reader's own line numbers pass over line ends inside quotes; its byte positions (from 1) are exact, but
        # may begin with the end of the line before, or with blank lines.
        starts = lines_at(self._table.text.path, [row[0] - 1 for row in found])
        for start, (_, fault, raw) in zip(starts, found, strict=True):
            line = start + raw[: len(raw) - len(raw.lstrip("\r\n"))].count("\n")
            content = raw.strip("\r\n")
            rejected.append((None, line, _FAULTS.get(fault, f"line: {fault.lower()}"), self._raw(content, fault)))
            further = content.split("\n")[1:]
            if not any(one.count(self._table.separator) >= self._table.header.width - 1 for one in further):
                # Else records are among them, which must not pass for one rejected line.
                gaps.extend(range(line, line + 1 + len(further)))
        return rejected, gaps

    def _set_aside(self, gaps: list[int]) -> Rejected:
        """Return the lines whose quotes, read as plain signs, are not in order."""
        if self._quoted:
            return []
        whole = ", ".join(f"coalesce({cell}, '')" for cell in self._cells)
        found = self._con.execute(
            f"SELECT record, concat_ws(?, {whole}) FROM {self._source} WHERE {self._bad_quotes()} ORDER BY 1",
            [self._table.separator],
        ).fetchall()
        pairs = iter([*row_lines(self._header_line, gaps, []), (sys.maxsize, 0)])
        bad: Rejected = []
        (row, line), following = next(pairs), next(pairs)
        for record, content in found:
            while following[0] <= record:
                (row, line), following = following, next(pairs)
            bad.append((None, line + record - row, _BAD_QUOTES, self._raw(content, "")))
        return bad

    def _raw(self, content: str, fault: str) -> str:
        personal = min(self._table.personal.values(), default=None)
        if personal is None:
            return json.dumps({"line": content[:_LONGEST_RAW]}, ensure_ascii=False)
        # A surplus cell can only push a person's identifier to the right; other faults may have moved it anywhere.
        cells = split_line(content, self._table.separator)[:personal] if fault == "TOO MANY COLUMNS" else []
        return json.dumps({"cells": cells, "withheld": "the rest may name a person"}, ensure_ascii=False)
