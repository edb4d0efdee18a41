"""What reading found out about a file, in the words of a person who knows the plant and not the code.

Belongs here: the label of each finding and how its value is written. Does not belong here: finding it out (the
readers), or the table it is shown in. A finding without a label here is shown under its own name: none is hidden.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


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


_MOST_NAMES = 20
_CONTAINERS = {"csv": "text table (csv)", "xlsx": "Excel workbook (xlsx)", "gzip": "compressed with gzip"}
_ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without a byte order mark",
    "utf-16-be": "UTF-16 (big endian) without a byte order mark",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252 (Western European)",
    "latin-1": "Latin-1 (Western European)",
}
_SEPARATORS = {"comma": "comma  ,", "semicolon": "semicolon  ;", "tab": "tab", "bar": "bar  |"}


def plainly(understood: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, understood as) for each finding, the known ones first and in reading order."""
    known = [(label, words(understood[name])) for name, (label, words) in _FINDINGS.items() if name in understood]
    others = [(name.replace("_", " "), _anything(value)) for name, value in understood.items() if name not in _FINDINGS]
    return known + others


def _container(value: str) -> str:
    return ", ".join(_CONTAINERS.get(part, part) for part in value.split(" in "))


def _count(unit: str, none: str = "none", then: str = "") -> Callable[[int], str]:
    def words(number: int) -> str:
        return f"{number:,} {unit}{'' if number == 1 else 's'}{then}" if number else none

    return words


def _names(none: str, then: str = "") -> Callable[[list[str]], str]:
    def words(names: list[str]) -> str:
        if not names:
            return none
        more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
        return ", ".join(names[:_MOST_NAMES]) + more + then

    return words


def _one_of(yes: str, no: str) -> Callable[[bool], str]:
    return lambda value: yes if value else no


def _sheets(rows: Mapping[str, int]) -> str:
    return _names("none")([f"{name} ({number:,} rows)" for name, number in rows.items()])


def _anything(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Mapping():
            return _names("none")([f"{name}: {_anything(one)}" for name, one in value.items()])
        case list() | tuple():
            return _names("none")([_anything(one) for one in value])
    return str(value)


_FINDINGS: Mapping[str, tuple[str, Callable[[Any], str]]] = MappingProxyType(
    {
        "container": ("kind of file", _container),
        "encoding": ("characters written as", lambda value: _ENCODINGS.get(value, value)),
        "separator": ("separator between cells", lambda value: _SEPARATORS.get(value, value)),
        "sheets": ("sheets read", _sheets),
        "passed_sheets": ("sheets without the table, passed over", _names("none")),
        "hidden_sheets": ("hidden sheets, never read", _names("none")),
        "header_line": ("column names stand in", lambda line: f"line {line:,}"),
        "dates": ("dates are read as", lambda words: "year-month-day (ISO)" if words == "ISO" else words),
        "rows": ("rows with values", lambda number: f"{number:,}"),
        "rejected_lines": ("lines that are no rows", _count("line", then=", in quarantine")),
        "empty_rows": ("rows without any value", _count("row", then=", passed over")),
        "blank_lines": ("blank lines", _count("line", then=", passed over")),
        "absent_columns": ("optional columns that are not there", _names("none", then=" (taken as empty)")),
        "ignored_columns": ("further columns, not used", _names("none")),
        "quotes_in_order": (
            "quotes",
            _one_of("in order", "not in order: read as plain signs, the lines at fault are in quarantine"),
        ),
        "last_line_complete": (
            "last line",
            _one_of("complete", "in quarantine: it has no line end, so the file may be cut short"),
        ),
        "side_by_side_blocks": ("tables side by side", lambda number: f"{number:,}, read one after another"),
        "corrects_quarantine": (
            "correction file",
            _one_of("yes: its rows close the quarantine rows that they name", "no"),
        ),
    }
)
