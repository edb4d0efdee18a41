"""Maps the rows of an upload to sheets and line numbers of the original."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class RowPlaces:
    """The positions of an upload's rows in the original, and the lines that are not rows.

    Args:
        rejected: (sheet, line, reason, the line as JSON without personal data).
        starts: (row, sheet, line), ascending: row r is on line `line + r - row` of the last entry with `row <= r`.
    """

    rejected: list[tuple[str | None, int, str, str]]
    starts: list[tuple[int, str | None, int]]


def row_lines(header_line: int, gaps: Iterable[int], long_rows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return (row, line) pairs: row r is on line `line + r - row` of the last pair with `row <= r`.

    Args:
        header_line: line of the header, from 1; 0 where there is none.
        gaps: lines after the header that are blank or were rejected, ascending, each once.
        long_rows: (row from 0, number of further lines that it takes up), ascending by row.
    """
    first = header_line + 1
    pairs = {0: first}
    shift = 0
    rows = iter(long_rows)
    long_row = next(rows, None)
    for gap in gaps:
        # A long row before the gap changes the gap's position among the rows.
        while long_row is not None and first + long_row[0] + shift < gap:
            shift += long_row[1]
            pairs[long_row[0] + 1] = first + long_row[0] + 1 + shift
            long_row = next(rows, None)
        row = gap - first - shift
        shift += 1
        pairs[row] = first + row + shift
    while long_row is not None:
        shift += long_row[1]
        pairs[long_row[0] + 1] = first + long_row[0] + 1 + shift
        long_row = next(rows, None)
    return list(pairs.items())


def repeat_for_blocks(pairs: list[tuple[int, int]], rows: int, times: int) -> list[tuple[int, int]]:
    """Return the (row, line) pairs of blocks of `rows` rows each, stored one after another, that share their lines."""
    return [(row + block * rows, line) for block in range(times) for row, line in pairs if row < max(rows, 1)]
