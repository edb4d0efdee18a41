"""The only writer of Markdown tables."""

import re
from collections.abc import Iterable, Sequence

# Backslashes before a bar would otherwise escape the escape.
_BARS = re.compile(r"(\\*)\|")


def markdown_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    r"""Return a table as GitHub Flavored Markdown, a line per row, without a line break at the end.

    Whatever a cell holds stays in its cell: `|` is written as `\|`, and line breaks and runs of spaces become one
    space.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return _BARS.sub(r"\1\1\\|", " ".join(str(value).split()))
