"""Describes the findings of reading a file in words for people who know the plant and not the code."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

_MAX_NAMES = 20
_CONTAINERS = {"csv": "text table (csv)", "xlsx": "Excel workbook (xlsx)", "gzip": "compressed with gzip"}
_SINGLE_BYTE = {
    "cp1252": "Windows-1252 (Western European)",
    "latin-1": "Latin-1 (Western European)",
    "cp850": "code page 850 (Western European, of a command window)",
}
_ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without a byte order mark",
    "utf-16-be": "UTF-16 (big endian) without a byte order mark",
    "utf-32": "UTF-32",
    **_SINGLE_BYTE,
    **{f"{name} and utf-8": f"{words}, some lines in UTF-8" for name, words in _SINGLE_BYTE.items()},
}
_SEPARATORS = {"comma": "comma  ,", "semicolon": "semicolon  ;", "tab": "tab", "bar": "bar  |"}


def findings_in_words(findings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (label, value in words) of each finding, in the order of `_FINDINGS`.

    Findings without a label follow under their own names: none is hidden.
    """
    known = [(label, words(findings[name])) for name, (label, words) in _FINDINGS.items() if name in findings]
    others = [(name.replace("_", " "), _any_value(value)) for name, value in findings.items() if name not in _FINDINGS]
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
        more = f" and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else ""
        return ", ".join(names[:_MAX_NAMES]) + more + then

    return words


def _yes_no(yes: str, no: str) -> Callable[[bool], str]:
    return lambda value: yes if value else no


def _sheets(rows: Mapping[str, int]) -> str:
    return _names("none")([f"{name} ({number:,} rows)" for name, number in rows.items()])


def _titles(titles: Mapping[str, Any]) -> str:
    lines, texts = titles["lines"], titles["texts"]
    shown = "; ".join(texts) if texts else "not shown, since they may name a person"
    return f"{lines:,}: {shown}{' ...' if len(texts) < lines and texts else ''}"


def _any_value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Mapping():
            return _names("none")([f"{name}: {_any_value(item)}" for name, item in value.items()])
        case list() | tuple():
            return _names("none")([_any_value(item) for item in value])
    return str(value)


_FINDINGS: Mapping[str, tuple[str, Callable[[Any], str]]] = MappingProxyType(
    {
        "container": ("kind of file", _container),
        "encoding": ("characters written as", lambda value: _ENCODINGS.get(value, value)),
        "separator": ("separator between cells", lambda value: _SEPARATORS.get(value, value)),
        "sheets": ("sheets read", _sheets),
        "passed_sheets": ("sheets without the table, passed over", _names("none")),
        "hidden_sheets": ("hidden sheets, never read", _names("none")),
        "other_kind_sheets": (
            "sheets of another kind, not read here",
            lambda kinds: "; ".join(
                f"{sheet}: drop the workbook into uploads/{kind} too" for sheet, kind in kinds.items()
            ),
        ),
        "title_lines": ("lines above the column names, no rows", _titles),
        "header_line": ("column names stand in", lambda line: f"line {line:,}"),
        "repeated_headers": ("rows that are the column names again", _count("row", then=", in quarantine")),
        "clock_column": ("time of day", _yes_no("from a column of its own, together with the day in DATA", "in DATA")),
        "codes_as_numbers": (
            "codes stored as numbers",
            _names("none", then=": leading zeros may be lost; format the column as text and export again"),
        ),
        "misplaced_people": (
            "rows that name a person in another column",
            _count("row", then=", in quarantine, the name withheld"),
        ),
        "dates": ("dates are read as", lambda words: "year-month-day (ISO)" if words == "ISO" else words),
        "numbers": ("numbers", str),
        "rows": ("rows with values", lambda number: f"{number:,}"),
        "rejected_lines": ("lines that are no rows", _count("line", then=", in quarantine")),
        "empty_rows": ("rows without any value", _count("row", then=", passed over")),
        "blank_lines": ("blank lines", _count("line", then=", passed over")),
        "absent_columns": ("optional columns that are not there", _names("none", then=" (taken as empty)")),
        "ignored_columns": ("further columns, not used", _names("none")),
        "quotes_in_order": (
            "quotes",
            _yes_no("in order", "not in order: read as plain signs, the lines at fault are in quarantine"),
        ),
        "last_line_complete": (
            "last line",
            _yes_no("complete", "in quarantine: it has no line end, so the file may be cut short"),
        ),
        "side_by_side_blocks": ("tables side by side", lambda number: f"{number:,}, read one after another"),
        "corrects_quarantine": (
            "correction file",
            _yes_no("yes: its rows close the quarantine rows that they name", "no"),
        ),
    }
)
