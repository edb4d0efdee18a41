"""The form in which rejected lines go to quarantine: the reason, and the part of the line that names no person."""

import json
from collections.abc import Sequence

from failure_platform.domain.rows.layouts import split_line
from failure_platform.resources.reading.text_files import LONGEST_LINE

Rejected = list[tuple[str | None, int, str, str]]
"""(sheet, line, reason, the line as JSON) of lines that are not rows."""

BAD_QUOTES = "line: a quote is not closed, or is followed by more text"
NUL = "line: holds a NUL, which no one can see; export it again"
DAMAGED = "line: holds bytes that are no character; export it again"
CUT = "line: the last line has no line end, so it may be cut short; add a line end or export again"
SURPLUS = "TOO MANY COLUMNS"
"""DuckDB's name of the fault that a line has more cells than the header."""

_MAX_RAW = 2_000
_FAULTS = {
    SURPLUS: "line: more cells than the header has columns",
    "MISSING COLUMNS": "line: fewer cells than the header has columns",
    "UNQUOTED VALUE": BAD_QUOTES,
    "LINE SIZE OVER MAXIMUM": f"line: longer than {LONGEST_LINE:,} bytes",
}


def reason(fault: str) -> str:
    """Return the message for a fault by its name in DuckDB."""
    return _FAULTS.get(fault, f"line: {fault.lower()}")


def raw(content: str, separator: str, personal: Sequence[int], *, in_place: bool) -> str:
    """Return a line as JSON.

    Args:
        content: the line.
        separator: between its cells.
        personal: positions of the personal columns. If there are any, at most the cells before them are kept.
        in_place: whether the cells are in the columns of the header, at least up to the first personal one.
    """
    content = content.replace("\0", "\N{SYMBOL FOR NULL}")
    if not personal:
        return json.dumps({"line": content[:_MAX_RAW]}, ensure_ascii=False)
    cells = split_line(content, separator)[: min(personal)] if in_place else []
    return json.dumps({"cells": cells, "withheld": "the rest may name a person"}, ensure_ascii=False)
