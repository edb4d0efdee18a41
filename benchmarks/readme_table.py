"""Writes a benchmark's table between its markers in the README."""

import sys
from collections.abc import Sequence
from pathlib import Path

from failure_platform.domain.markdown import markdown_table

README = Path(__file__).parents[1] / "README.md"


def write_between(begin: str, end: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Replace the text between two marker lines of the README with a table."""
    text = README.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        sys.exit(f"{README} lacks the lines {begin} and {end}: put them where the table belongs")
    before, rest = text.split(begin)
    table = markdown_table(columns, rows)
    README.write_text("\n".join([before + begin, "", table, "", end + rest.split(end)[1]]), encoding="utf-8")
