"""Finds the header of a table and its columns in its first rows, or refuses the file."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failure_platform.domain.contracts import CONTRACTS, Contract
from failure_platform.domain.rows.header_names import named_columns, same_name
from failure_platform.domain.rows.refusals import OtherKindError, UploadRefusedError

HEADER_WITHIN = 20
"""How many lines or rows are searched for the header."""

QUARANTINE_ID = "quarantine_id"
"""Column that any file may have, in upper or lower case: the row in quarantine that a row corrects."""

CLOCK = "clock"
"""Name under which the times of day of a column of their own are stored."""

FAULT = "fault"
"""Name of the column with the fault that a row has from reading, NULL for most."""

_LONGEST_QUOTED_NAME = 40
_SHOWN_NAMES = 30
# Far above any export; a reader takes memory and time for every column.
_MOST_COLUMNS = 2_000
# Columns of known exports that hold the time of day beside a DATA that holds the day.
_CLOCKS = frozenset({"hora", "horario", "hr", "time", "uhrzeit", "zeit"})
# A vehicle, a date or a number.
_VALUE = re.compile(r"[0-9][0-9.,:/ T-]*")
_TITLES_QUOTED, _LONGEST_TITLE = 5, 80
# How pandas renames a duplicate column.
_DUPLICATE = re.compile(r"(.+)\.[1-9][0-9]?")


@dataclass(frozen=True)
class Header:
    """A header that was found.

    Args:
        row: its position among the rows searched, from 0.
        width: number of columns of the table, extra ones included.
        blocks: column of the contract, or QUARANTINE_ID, to its position in a row, from 0; several blocks where a table
            continues to the right of itself.
        extra: names of columns that are not in the contract; ignored.
        absent: contract columns that the file does not have; none of them is required.
        titles: the rows above it that are not blank, each as (position from 0, its cells).
        clock: position of a column that holds the time of day of a DATA without one; None where there is none.
    """

    row: int
    width: int
    blocks: tuple[Mapping[str, int], ...]
    extra: tuple[str, ...]
    absent: tuple[str, ...]
    titles: tuple[tuple[int, str], ...] = ()
    clock: int | None = None

    @property
    def stored(self) -> tuple[str, ...]:
        """The further columns of the rows as they are stored: QUARANTINE_ID and CLOCK, where the table has them."""
        return ((QUARANTINE_ID,) if self.corrects else ()) + ((CLOCK,) if self.clock is not None else ())

    def place(self, name: str, block: int = 0) -> int | None:
        """Return the position of a column, a further one included; None where the table does not have it."""
        return self.clock if name == CLOCK else self.blocks[block].get(name)

    @property
    def corrects(self) -> bool:
        """Whether the rows name the rows in quarantine that they correct."""
        return QUARANTINE_ID in self.blocks[0]


def find_header(rows: Sequence[Sequence[str]], contract: Contract, where: str) -> Header:
    """Find the contract's header among the first rows of a table.

    The same columns repeated in the same order are a further block of the table, whatever is between the blocks.

    Args:
        rows: the first rows, cells as text; at most `HEADER_WITHIN` of them are searched.
        contract: what the upload should be.
        where: the place in words, for refusals.

    Raises:
        UploadRefusedError: no header, a required column missing or named twice, or another kind's header.
    """
    searched = rows[:HEADER_WITHIN]
    named = [named_columns(cells, contract) for cells in searched]
    required = {column.name for column in contract.columns if column.required}
    complete = (place for place, found in enumerate(named) if required <= set(found))
    # The first complete header counts; a further one below it is found when the rows are read.
    likeliest = max(range(len(searched)), key=lambda place: len(named[place]), default=None)
    best = next(complete, likeliest)
    names, found = (searched[best], named[best]) if best is not None else ((), Counter[str]())
    missing = [column.name for column in contract.columns if column.required and column.name not in found]
    above = searched if best is None or missing else searched[: best + 1]
    _refuse_other_kind(above, contract, where, len(found), complete=not missing)
    if best is None or not found:
        raise UploadRefusedError(
            f"No header of {contract.kind} was found",
            where,
            f"None of the first {HEADER_WITHIN} lines names one of its columns.",
            f"Put a line with the column names above the data: {', '.join(contract.names)}.",
            resembles=0.0,
        )
    where = f"{where}, line {best + 1}"
    if missing:
        raise _missing(names, missing, contract, where)
    _refuse_unclear(names, where)
    blocks = _blocks(names, contract, where)
    _refuse_rows_above(searched[:best], blocks, contract, where)
    used = {place for block in blocks for place in block.values()}
    clocks = [place for place, name in enumerate(names) if same_name(name) in _CLOCKS]
    clock = clocks[0] if len(clocks) == len(blocks) == 1 else None
    return Header(
        row=best,
        width=len(names),
        blocks=blocks,
        extra=tuple(
            name.strip() or f"column {place + 1}" for place, name in enumerate(names) if place not in {*used, clock}
        ),
        absent=tuple(name for name in contract.names if name not in found),
        titles=tuple(
            (place, _title(cells)) for place, cells in enumerate(searched[:best]) if any(cell.strip() for cell in cells)
        ),
        clock=clock,
    )


def refuse_other_header(cells: Sequence[str], header: Header, contract: Contract, where: str) -> bool:
    """Return whether the cells of a row are the table's header again.

    Raises:
        UploadRefusedError: they are a header with other columns, or with the columns in another order: the values below
            would get wrong names.
    """
    named = named_columns(cells, contract)
    required = {column.name for column in contract.columns if column.required}
    if len(required & set(named)) < max(2, len(required) / 2):
        return False
    places = {place: name for block in header.blocks for name, place in block.items()}
    known = {same_name(name): name for name in contract.names}
    here = {place: known[same_name(cell)] for place, cell in enumerate(cells) if same_name(cell) in known}
    if here == {place: name for place, name in places.items() if name in contract.names}:
        return True
    raise UploadRefusedError(
        "A second header names other columns than the first, or in another order",
        where,
        f"It names {_in_order(here)}; the rows below it would be read by the first header, {_in_order(places)}, and "
        "their values would get wrong names.",
        "Split the file at that line and drop the parts as two files, or export it again.",
    )


def header_findings(headers: Sequence[Header], contract: Contract) -> dict[str, Any]:
    """Return the findings about a file's headers, by their keys in `domain.rows.findings`; the first header leads.

    `title_lines`, `side_by_side_blocks`, `clock_column` and `corrects_quarantine` are left out of ordinary files.
    """
    found: dict[str, Any] = {
        "header_line": headers[0].row + 1,
        "ignored_columns": list(dict.fromkeys(name for header in headers for name in header.extra)),
        "absent_columns": [name for name in contract.names if any(name in header.absent for header in headers)],
    }
    if titles := [title for header in headers for _, title in header.titles]:
        # A title may name a person.
        shown = [] if any(column.personal for column in contract.columns) else titles[:_TITLES_QUOTED]
        found["title_lines"] = {"lines": len(titles), "texts": shown}
    if (blocks := max(len(header.blocks) for header in headers)) > 1:
        found["side_by_side_blocks"] = blocks
    if any(header.clock is not None for header in headers):
        found["clock_column"] = True
    if any(header.corrects for header in headers):
        found["corrects_quarantine"] = True
    return found


def _blocks(names: Sequence[str], contract: Contract, where: str) -> tuple[dict[str, int], ...]:
    """Return the positions of the columns, block by block; refuse duplicate names outside a complete block."""
    known = {same_name(name): name for name in (*contract.names, QUARANTINE_ID)}
    exact = [(known[same_name(name)], place) for place, name in enumerate(names) if same_name(name) in known]
    written = {name: known.get(_DUPLICATE.sub(r"\1", same_name(name))) for name in names}
    renamed = [(known_as, place) for place, name in enumerate(names) if (known_as := written[name])]
    width = len({name for name, _ in exact})
    for found in (renamed, exact):
        blocks = [dict(found[start : start + width]) for start in range(0, len(found), width)]
        if all(list(block) == list(blocks[0]) and len(block) == width for block in blocks):
            return tuple(blocks)
    twice = sorted(name for name, count in Counter(name for name, _ in exact).items() if count > 1)
    raise UploadRefusedError(
        f"The header names {', '.join(twice)} more than once",
        where,
        "Upper and lower case and blanks around a name do not count, so it is not clear which column is meant.",
        f"Keep one of the columns, or rename the others; only all {width} together, in the same order, may stand "
        "again to the right.",
    )


def _in_order(names: Mapping[int, str]) -> str:
    return ", ".join(name for _, name in sorted(names.items()))


def _title(cells: Sequence[str]) -> str:
    return " ".join(cell.strip() for cell in cells if cell.strip())[:_LONGEST_TITLE]


def _refuse_rows_above(
    above: Sequence[Sequence[str]], blocks: Sequence[Mapping[str, int]], contract: Contract, where: str
) -> None:
    """Refuse a table whose rows stand above its header, as after sorting: they would be taken for titles."""
    patterns = {
        column.name: re.compile(check.statistics["pattern"])
        for column in contract.columns
        for check in contract.model.to_schema().columns[column.name].checks
        if column.key and check.name == "str_matches"
    }
    rows = [
        number
        for number, cells in enumerate(above, start=1)
        if any(
            block[name] < len(cells) and pattern.match(cells[block[name]].strip())
            for block in blocks
            for name, pattern in patterns.items()
        )
    ]
    if rows:
        lines = (
            f"line {rows[0]} is one" if len(rows) == 1 else f"lines {rows[0]} to {rows[-1]} hold {len(rows)} of them"
        )
        raise UploadRefusedError(
            "Rows stand above the header",
            where,
            f"Only what is below the header is read, and {lines}.",
            "Move the line with the column names above all rows, and drop the file again.",
        )


def _refuse_unclear(names: Sequence[str], where: str) -> None:
    if len(names) > _MOST_COLUMNS:
        raise UploadRefusedError(
            f"The header has {len(names):,} columns",
            where,
            f"At most {_MOST_COLUMNS:,} are read.",
            "Delete the columns that do not belong to the table.",
        )
    if broken := [name for name in names if "\0" in name]:
        raise UploadRefusedError(
            f"The header names {broken[0][:_LONGEST_QUOTED_NAME]!r}",
            where,
            "It holds a NUL, which no one can see, so it is not clear which column is meant.",
            "Export it again, or type the names again.",
        )


def _refuse_other_kind(
    rows: Sequence[Sequence[str]], contract: Contract, where: str, found: int, *, complete: bool
) -> None:
    """Refuse a table that names every required column of another kind, and more of its columns than of this one."""
    for other in CONTRACTS.values():
        if other.kind == contract.kind:
            continue
        required = {column.name for column in other.columns if column.required}
        for row in rows:
            named = named_columns(row, other)
            if required <= set(named) and (not complete or len(named) > found):
                raise OtherKindError(
                    f"This looks like a {other.kind} file, not {contract.kind}",
                    where,
                    f"Its header names {', '.join(name for name in other.names if name in named)}.",
                    f"Put it into uploads/{other.kind} instead.",
                    kind=other.kind,
                )


def _missing(names: Sequence[str], missing: list[str], contract: Contract, where: str) -> UploadRefusedError:
    known = {same_name(name) for name in contract.names}
    strangers = {same_name(name): name.strip() for name in names if name.strip() and same_name(name) not in known}
    guesses = [
        f"'{strangers[near[0]]}' is meant as {name}"
        for name in missing
        if (near := difflib.get_close_matches(same_name(name), strangers, n=1, cutoff=0.6))
    ]
    required = [column.name for column in contract.columns if column.required]
    quoted = [repr(name.strip()[:_LONGEST_QUOTED_NAME]) for name in names if name.strip()]
    shown = ", ".join(quoted[:_SHOWN_NAMES]) + (" ..." if len(quoted) > _SHOWN_NAMES else "")
    if any(_VALUE.fullmatch(name.strip()) for name in names):
        # A row in which a column's name stands as a value, not a header: its cells may name a person.
        shown, guesses = f"{len(quoted)} values, which are no names of columns", []
    hint = f" Perhaps {' and '.join(guesses)}: then rename it." if guesses else ""
    return UploadRefusedError(
        f"The required {'column' if len(missing) == 1 else 'columns'} {', '.join(missing)} of {contract.kind} "
        f"{'is' if len(missing) == 1 else 'are'} missing",
        where,
        f"The header has: {shown}.{hint}",
        f"A {contract.kind} file needs {', '.join(required)}.",
        resembles=1 - len(missing) / len(required),
    )
