"""The form in which rejected lines go to quarantine: the reason, and the part of the line that names no person."""

import json
import re

from failure_platform.domain.rows.delimited import split_line
from failure_platform.resources.reading.text_files import LONGEST_LINE

Rejected = list[tuple[str | None, int, str, str]]
"""(sheet, line, reason, the line as JSON) of lines that are not rows."""

BAD_QUOTES = "line: a quote is not closed, or is followed by more text"
NUL = "line: holds a NUL, which no one can see; export it again"
DAMAGED = "line: holds bytes that are no character; export it again"
CUT = "line: the last line has no line end, so it may be cut short; add a line end or export again"


_MAX_RAW = 2_000
# A KNR, or a date with or without a time.
_HARMLESS = re.compile(r"[0-9]{4}-[0-9]{7}|[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}([ T][0-9:.]*)?")
_FAULTS = {
    "TOO MANY COLUMNS": "line: more cells than the header has columns",
    "MISSING COLUMNS": "line: fewer cells than the header has columns",
    "UNQUOTED VALUE": BAD_QUOTES,
    "LINE SIZE OVER MAXIMUM": f"line: longer than {LONGEST_LINE:,} bytes",
}


def reason(fault: str) -> str:
    """Return the message for a fault by its name in DuckDB."""
    return _FAULTS.get(fault, f"line: {fault.lower()}")


def raw(content: str, separator: str, *, withheld: bool) -> str:
    """Return a line as JSON.

    Args:
        content: the line.
        separator: between its cells.
        withheld: whether it may name a person. Then only the vehicle and the times in it are kept, wherever they stand,
            since the cells of a line that is no row may be in any column.
    """
    content = content.replace("\0", "\N{SYMBOL FOR NULL}")
    if not withheld:
        return json.dumps({"line": content[:_MAX_RAW]}, ensure_ascii=False)
    cells = [cell.strip() for cell in split_line(content, separator) if _HARMLESS.fullmatch(cell.strip())]
    return json.dumps({"cells": cells, "withheld": "the rest may name a person"}, ensure_ascii=False)
