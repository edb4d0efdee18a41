"""Reads a delimited text file into parquet: rows as text, and the lines that are not rows.

DuckDB's CSV reader gets a dialect and never uses its sniffer, which silently falls back to one column on ragged files.
A stray quote makes a reader take the following lines as part of a value. So every line is accounted for; if lines are
missing, the file is read again with quotes as ordinary characters, and only the lines with unbalanced quotes are set
aside. Where the table continues to the right of itself, the rows of the first block come first, then those of the next.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.delimited import split_line
from failure_platform.domain.rows.header_names import names_people
from failure_platform.domain.rows.layouts import Header
from failure_platform.domain.rows.line_numbers import RowPlaces, repeat_for_blocks, row_lines
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading import rejected_lines
from failure_platform.resources.reading.rejected_lines import Rejected
from failure_platform.resources.reading.text_files import LONGEST_LINE, TextFile, lines_at
from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.disk_space import is_full


@dataclass(frozen=True)
class CsvTable:
    """A delimited table in a text file, and how to read it.

    Args:
        text: the file.
        header: position of its columns; its `row` is that of the header's last line, from 0.
        separator: between cells.
        contract: the columns.
        pseudonym: function that replaces personal values.
    """

    text: TextFile
    header: Header
    separator: str
    contract: Contract
    pseudonym: Callable[[str | None], str | None]

    @property
    def stored(self) -> tuple[str, ...]:
        """Columns to write: those of the contract, and further ones of the header."""
        return (*self.contract.names, *self.header.stored)

    @property
    def personal(self) -> tuple[int, ...]:
        """Positions of the personal columns in the file."""
        personal = {column.name for column in self.contract.columns if column.personal}
        return tuple(place for block in self.header.blocks for name, place in block.items() if name in personal)

    @property
    def names_people(self) -> bool:
        """Whether the file has a column with people, in the contract or not."""
        return bool(self.personal) or names_people(self.header.extra)


def read_csv_rows(
    con: duckdb.DuckDBPyConnection, table: CsvTable, target: Path
) -> tuple[RowPlaces, bool, dict[str, str | None]]:
    """Write the rows to `target`, in file order, all contract columns as text, personal ones as pseudonyms.

    Returns:
        the positions of the rows and the lines that are not rows; whether quotes were in order; and the pseudonyms of
        the people in the personal columns.

    Raises:
        UploadRefusedError: DuckDB cannot read the file, or lines of it would be lost.
    """
    try:
        for quoted in (True, False):
            attempt = _Pass(con, table, quoted=quoted)
            places = attempt.read(target)
            if places is not None:
                return places, quoted, attempt.people
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        if is_full(error):
            raise  # not a fault of the file
        raise _unreadable(str(error).splitlines()[0]) from error
    raise _unreadable("Not every line of it became a row or a line that could be named.")


def _unreadable(why: str) -> UploadRefusedError:
    return UploadRefusedError(
        "The file cannot be read as a table", "csv", why, "Export it again as .csv (UTF-8) or .xlsx and drop that."
    )


class _Pass:
    """One pass over the file, with quotes as quotes or as ordinary characters."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: CsvTable, *, quoted: bool) -> None:
        self._con, self._table, self._quoted = con, table, quoted
        self._scan = table.text.scan
        self._withheld = table.names_people
        self.people: dict[str, str | None] = {}
        self._header_line = table.header.row + 1
        self._cells = [f'"c{place}"' for place in range(table.header.width)]
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(table.header.width))
        quote = sql_text.text('"' if quoted else "")
        reader = (
            f"read_csv({sql_text.file(table.text.path)}, auto_detect=false, header=false, skip={self._header_line}, "
            f"delim={sql_text.text(table.separator)}, quote={quote}, escape={quote}, columns={{{columns}}}, "
            f"store_rejects=true, max_line_size={LONGEST_LINE})"
        )
        self._faults = self._faults_of_rows()
        # Numbering limits the reader to one thread; most files do not need it.
        number = ", row_number() OVER () - 1 AS record" if self._faults or table.personal else ""
        self._source = f"(SELECT *{number} FROM {reader})"

    def read(self, target: Path) -> RowPlaces | None:
        """Return the positions of the rows; None if lines were swallowed by a quote."""
        self._create_pseudonyms()
        blocks = self._table.header.blocks
        chosen = ", ".join(
            f"{self._stored(number, name)} AS {sql_text.name(_in_block(name, number))}"
            for number in range(len(blocks))
            for name in self._table.stored
        )
        joins = " ".join(
            f"LEFT JOIN people_{place} ON people_{place}.raw = {self._value(place)}" for place in self._table.personal
        )
        # A join does not keep the order of rows.
        order = "ORDER BY record" if joins else ""
        line_ends, swallows = self._line_ends()
        records = target if len(blocks) == 1 else target.with_name("records.parquet")
        self._con.execute(
            f"COPY (SELECT {chosen}, {line_ends} AS line_ends, {swallows} AS swallows FROM {self._source} {joins} "
            f"WHERE NOT ({self._is_wrong()}) {order}) TO {sql_text.text(str(records))} (FORMAT parquet)"
        )
        rejected, taken = self._rejected()
        # With quotes as ordinary characters, a blank line between quotes is a blank line.
        held = self._scan.blank_in_quotes if self._quoted else ()
        blanks = (line for line in self._scan.blank_lines if line > self._header_line and line not in held)
        gaps = sorted({*taken, *blanks})
        bad, bad_lines, hidden = self._set_aside(gaps)
        gaps = sorted({*gaps, *bad_lines})
        stored = f"read_parquet({sql_text.file(records)}, file_row_number = true)"
        (rows, more, swallowed), *_ = self._con.execute(
            f"SELECT count(*), coalesce(sum(line_ends), 0), coalesce(bool_or(swallows), false) FROM {stored}"
        ).fetchall()
        if swallowed or hidden or self._header_line + rows + more + len(gaps) != self._scan.lines:
            return None
        long_rows = self._con.execute(
            f"SELECT file_row_number, line_ends FROM {stored} WHERE line_ends > 0 ORDER BY 1"
        ).fetchall()
        lines = repeat_for_blocks(row_lines(self._header_line, gaps, long_rows), rows, len(blocks))
        if records != target:
            self._stack_blocks(records, target)
        if self._table.text.cut is not None:
            line, content = self._table.text.cut
            rejected.append((None, line, rejected_lines.CUT, self._raw(content)))
        return RowPlaces(
            sorted([*rejected, *bad], key=lambda line: line[1]), [(row, None, line) for row, line in lines]
        )

    def _stack_blocks(self, records: Path, target: Path) -> None:
        """Write the rows of all blocks of a file of records, block after block."""
        parts = (
            "SELECT "
            + ", ".join(
                f"{sql_text.name(_in_block(name, number))} AS {sql_text.name(name)}" for name in self._table.stored
            )
            + f" FROM read_parquet({sql_text.file(records)})"
            for number in range(len(self._table.header.blocks))
        )
        union = " UNION ALL ".join(parts)
        self._con.execute(f"COPY ({union}) TO {sql_text.text(str(target))} (FORMAT parquet)")
        records.unlink()

    def _value(self, place: int) -> str:
        """Return the expression of a cell's text."""
        cell = self._cells[place]
        if self._quoted:
            # A value over several lines is the same value whatever the line ends of the file.
            several = self._scan.quotes and self._scan.windows_line_ends
            return f"replace({cell}, chr(13) || chr(10), chr(10))" if several else cell
        return f"""CASE WHEN starts_with({cell}, '"') THEN replace({cell}[2:-2], '""', '"') ELSE {cell} END"""

    def _stored(self, block: int, name: str) -> str:
        place = self._table.header.place(name, block)
        if place is None:
            return "CAST(NULL AS VARCHAR)"
        return f"people_{place}.pseudonym" if place in self._table.personal else self._value(place)

    def _faults_of_rows(self) -> list[tuple[str, str]]:
        """Return (condition, reason) of each fault by which an accepted record is not a row."""
        faults = []
        if not self._quoted:
            pattern = sql_text.text('"([^"]|"")*"')
            faults.append(
                (f"""starts_with({{0}}, '"') AND NOT regexp_full_match({{0}}, {pattern})""", rejected_lines.BAD_QUOTES)
            )
        if self._scan.nuls:
            faults.append(("contains({0}, chr(0))", rejected_lines.NUL))
        if self._table.text.damaged:
            faults.append(("contains({0}, chr(65533))", rejected_lines.DAMAGED))
        return [
            (" OR ".join(f"coalesce({condition.format(cell)}, false)" for cell in self._cells), reason)
            for condition, reason in faults
        ]

    def _is_wrong(self) -> str:
        return " OR ".join(condition for condition, _ in self._faults) or "false"

    def _line_ends(self) -> tuple[str, str]:
        """Return the expressions: the number of line ends in a row's cells, and whether they hold complete records."""
        if not self._quoted or not self._scan.quotes:
            return "0", "false"
        record = sql_text.text(rf"\n([^\n]*{re.escape(self._table.separator)}){{{self._table.header.width - 1}}}")
        held = " OR ".join(f"coalesce(contains({cell}, chr(10)), false)" for cell in self._cells)
        number = " + ".join(
            f"coalesce(length({cell}) - length(replace({cell}, chr(10), '')), 0)" for cell in self._cells
        )
        swallows = " OR ".join(f"coalesce(regexp_matches({cell}, {record}), false)" for cell in self._cells)
        return f"CASE WHEN {held} THEN {number} ELSE 0 END", f"CASE WHEN {held} THEN {swallows} ELSE false END"

    def _create_pseudonyms(self) -> None:
        """Create a table of pseudonyms for each personal column of the file."""
        for place in self._table.personal:
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE people_{place} (raw VARCHAR, pseudonym VARCHAR)")
            identifiers = self._con.execute(
                f"SELECT DISTINCT {self._value(place)} AS raw FROM {self._source} WHERE raw IS NOT NULL"
            ).fetchall()
            if identifiers:
                pairs = [(raw, self._table.pseudonym(raw)) for (raw,) in identifiers]
                self.people.update(pairs)
                self._con.executemany(f"INSERT INTO people_{place} VALUES (?, ?)", pairs)
        # Rejects of earlier passes would be counted twice.
        self._con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")

    def _rejected(self) -> tuple[Rejected, list[int]]:
        """Return the records that the reader rejected, and all lines that they take up."""
        found = self._con.execute(
            "SELECT line_byte_position, min(error_type), first(csv_line) FROM reject_errors GROUP BY 1 ORDER BY 1"
        ).fetchall()
        rejected: Rejected = []
        gaps: list[int] = []
        # The reader's line numbers do not count line ends inside quotes; its byte positions (from 1) are exact, but may
        # point to the previous line end or to blank lines.
        starts = lines_at(self._table.text.path, [row[0] - 1 for row in found])
        # A second header, of another export glued to the first, may name people in a column of its own.
        self._withheld = self._table.names_people or any(
            names_people(split_line(line, self._table.separator)) for _, _, raw in found for line in raw.splitlines()
        )
        for start, (_, fault, raw) in zip(starts, found, strict=True):
            line = start + raw[: len(raw) - len(raw.lstrip("\r\n"))].count("\n")
            content = raw.strip("\r\n")
            rejected.append((None, line, rejected_lines.reason(fault), self._raw(content)))
            further = content.split("\n")[1:]
            if not any(text.count(self._table.separator) >= self._table.header.width - 1 for text in further):
                # Otherwise these lines hold records, which must not count as one rejected line.
                gaps.extend(range(line, line + 1 + len(further)))
        return rejected, gaps

    def _set_aside(self, gaps: list[int]) -> tuple[Rejected, list[int], bool]:
        """Return the records that are not rows, the lines that they take up, and whether they hold complete records."""
        if not self._faults:
            return [], [], False
        line_ends, swallows = self._line_ends()
        cells = ", ".join(f"coalesce({cell}, '')" for cell in self._cells)
        reason = " ".join(f"WHEN {condition} THEN {sql_text.text(reason)}" for condition, reason in self._faults)
        found = self._con.execute(
            f"SELECT record, CASE {reason} END, {line_ends}, {swallows}, concat_ws(?, {cells}) FROM {self._source} "
            f"WHERE {self._is_wrong()} ORDER BY 1",
            [self._table.separator],
        ).fetchall()
        long_records = self._con.execute(
            f"SELECT record, {line_ends} AS further FROM {self._source} WHERE further > 0 ORDER BY 1"
        ).fetchall()
        pairs = iter([*row_lines(self._header_line, gaps, long_records), (sys.maxsize, 0)])
        bad: Rejected = []
        taken: list[int] = []
        (row, first), following = next(pairs), next(pairs)
        for record, why, further, _, content in found:
            while following[0] <= record:
                (row, first), following = following, next(pairs)
            line = first + record - row
            bad.append((None, line, why, self._raw(content)))
            taken.extend(range(line, line + 1 + further))
        return bad, taken, any(hides for _, _, _, hides, _ in found)

    def _raw(self, content: str) -> str:
        return rejected_lines.raw(content, self._table.separator, withheld=self._withheld)


def _in_block(name: str, number: int) -> str:
    return f"{name} {number}" if number else name
