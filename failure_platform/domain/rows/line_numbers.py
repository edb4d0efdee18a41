"""On which line of the original a row stands, when some lines gave no row and some rows took several lines.

Belongs here: that arithmetic. Does not belong here: counting lines in files (`resources.text_files`).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class RowPlaces:
    """Where the rows of an upload stand, and the lines that are no rows.

    Args:
        rejected: (sheet, line, reason, the line as JSON without personal data).
        starts: (row, sheet, line), ascending: row r stands on `line + r - row` of the last whose row is at most r.
    """

    rejected: list[tuple[str | None, int, str, str]]
    starts: list[tuple[int, str | None, int]]


def row_lines(header_line: int, gaps: Iterable[int], long_rows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return (row, line) pairs: row r stands on `line + r - row` of the last pair whose row is at most r.

    Args:
        header_line: line of the header, from 1; 0 where there is none.
        gaps: lines after the header that are blank or were rejected, ascending, each once.
        long_rows: (row from 0, further lines that it takes), ascending by row.
    """
    first = header_line + 1
    pairs = {0: first}
    shift = 0
    rows = iter(long_rows)
    waiting = next(rows, None)
    for gap in gaps:
        # A long row before the gap moves the gap's place among the rows.
        while waiting is not None and first + waiting[0] + shift < gap:
            shift += waiting[1]
            pairs[waiting[0] + 1] = first + waiting[0] + 1 + shift
            waiting = next(rows, None)
        row = gap - first - shift
        shift += 1
        pairs[row] = first + row + shift
    while waiting is not None:
        shift += waiting[1]
        pairs[waiting[0] + 1] = first + waiting[0] + 1 + shift
        waiting = next(rows, None)
    return list(pairs.items())


def repeated(pairs: list[tuple[int, int]], rows: int, times: int) -> list[tuple[int, int]]:
    """Return the (row, line) pairs of blocks of `rows` rows each, one after another, that stand on the same lines."""
    return [(row + block * rows, line) for block in range(times) for row, line in pairs if row < max(rows, 1)]
