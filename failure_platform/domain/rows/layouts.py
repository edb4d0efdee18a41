"""Finds the table in the first lines of a file: its separator, its header and its columns, or refuses the file."""

import csv
import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failure_platform.domain.contracts import CONTRACTS, Contract

HEADER_WITHIN = 20
"""How many lines or rows are searched for the header."""

QUARANTINE_ID = "quarantine_id"
"""Column that any file may have, in upper or lower case: the row in quarantine that a row corrects."""

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LONGEST_QUOTED_NAME = 40
_SHOWN_NAMES = 30
# Far above any export; a reader takes memory and time for every column.
_MOST_COLUMNS = 2_000
# How pandas renames a duplicate column.
_DUPLICATE = re.compile(r"(.+)\.[1-9][0-9]?")


class UploadRefusedError(Exception):
    """A complete file is refused; the message says what, where, why and what to do.

    `resembles` is the share of the required columns that a header named, 1 where the refusal has another reason: among
    several sheets, one with a small share is not a table of this kind.
    """

    def __init__(self, what: str, where: str, why: str, what_to_do: str, resembles: float = 1.0) -> None:
        """Store the parts; the message has a sentence for each."""
        self.what, self.where, self.why, self.what_to_do = what, where, why, what_to_do
        self.resembles = resembles
        super().__init__(f"{what} ({where}). {why} {what_to_do}")


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
    """

    row: int
    width: int
    blocks: tuple[Mapping[str, int], ...]
    extra: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def corrects(self) -> bool:
        """Whether the rows name the rows in quarantine that they correct."""
        return QUARANTINE_ID in self.blocks[0]


def same_name(text: str) -> str:
    """Return the form in which header names are compared: NFKC, stripped, case folded."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def split_line(line: str, separator: str) -> list[str]:
    """Split one line of a delimited file, respecting quotes, unless it is too long for a header."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def find_separator(lines: Sequence[str], contract: Contract) -> str:
    """Return the separator with which one of the first lines names the most columns of the contract.

    If no line names any, return the most frequent separator, so that the refusal can list the columns.
    """

    def score(separator: str) -> tuple[int, int]:
        head = lines[:HEADER_WITHIN]
        named = max((len(_named(split_line(line, separator), contract)) for line in head), default=0)
        return named, sum(line.count(separator) for line in head)

    return max(SEPARATORS, key=score)


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
    best = max(range(len(searched)), key=lambda place: len(_named(searched[place], contract)), default=None)
    names = searched[best] if best is not None else ()
    found = _named(names, contract)
    missing = [column.name for column in contract.columns if column.required and column.name not in found]
    _refuse_other_kind(searched, contract, where, len(found), complete=not missing)
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
    used = {place for block in blocks for place in block.values()}
    return Header(
        row=best,
        width=len(names),
        blocks=blocks,
        extra=tuple(name.strip() or f"column {place + 1}" for place, name in enumerate(names) if place not in used),
        absent=tuple(name for name in contract.names if name not in found),
    )


def header_findings(headers: Sequence[Header], contract: Contract) -> dict[str, Any]:
    """Return the findings about a file's headers, by their keys in `domain.rows.findings`; the first header leads.

    `side_by_side_blocks` and `corrects_quarantine` are left out of ordinary files.
    """
    found: dict[str, Any] = {
        "header_line": headers[0].row + 1,
        "ignored_columns": list(dict.fromkeys(name for header in headers for name in header.extra)),
        "absent_columns": [name for name in contract.names if any(name in header.absent for header in headers)],
    }
    if (blocks := max(len(header.blocks) for header in headers)) > 1:
        found["side_by_side_blocks"] = blocks
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


def _named(cells: Sequence[str], contract: Contract) -> Counter[str]:
    """Count how often a row names each column of the contract."""
    by_name = {same_name(name): name for name in contract.names}
    return Counter(by_name[same_name(cell)] for cell in cells if same_name(cell) in by_name)


def _refuse_other_kind(
    rows: Sequence[Sequence[str]], contract: Contract, where: str, found: int, *, complete: bool
) -> None:
    """Refuse a file that names every required column of another kind, and more of its columns than of this one."""
    for other in CONTRACTS.values():
        if other.kind == contract.kind:
            continue
        required = {column.name for column in other.columns if column.required}
        for row in rows:
            named = _named(row, other)
            if required <= set(named) and (not complete or len(named) > found):
                raise UploadRefusedError(
                    f"This looks like a {other.kind} file, not {contract.kind}",
                    where,
                    f"Its header names {', '.join(name for name in other.names if name in named)}.",
                    f"Put it into uploads/{other.kind} instead.",
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
    hint = f" Perhaps {' and '.join(guesses)}: then rename it." if guesses else ""
    return UploadRefusedError(
        f"The required {'column' if len(missing) == 1 else 'columns'} {', '.join(missing)} of {contract.kind} "
        f"{'is' if len(missing) == 1 else 'are'} missing",
        where,
        f"The header has: {shown}.{hint}",
        f"A {contract.kind} file needs {', '.join(required)}.",
        resembles=1 - len(missing) / len(required),
    )
