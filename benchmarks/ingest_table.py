"""The table of the ingest benchmark, for the terminal and the README."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from readme_table import write_between

BEGIN, END = "<!-- ingest benchmark -->", "<!-- end of ingest benchmark -->"
COLUMNS = ("what", "platform", "compared with", "ratio", "allowed", "peak memory", "allowed", "met")
GIB = 1 << 30


@dataclass(frozen=True)
class Line:
    """One line of the table; empty where there is no value or no limit."""

    what: str
    platform: str
    compared_with: str = ""
    ratio: str = ""
    ratio_allowed: str = ""
    memory: str = ""
    memory_allowed: str = ""
    met: str = ""


def line(
    what: str,
    platform: str,
    compared_with: str,
    *,
    ratio: tuple[float, float | None] | None = None,
    memory: tuple[int, float | None],
) -> Line:
    """Return a line for a ratio and a peak (bytes), each with its limit (of the peak in GiB) or None."""
    within: list[bool] = []
    ratio_texts = ["", ""]
    if ratio is not None:
        ratio_texts[0] = f"{ratio[0]:.2f}"
        if ratio[1] is not None:
            ratio_texts[1] = f"{ratio[1]:g}"
            within.append(ratio[0] <= ratio[1])
    memory_texts = [gib(memory[0]), ""]
    if memory[1] is not None:
        memory_texts[1] = f"{memory[1]:g} GiB"
        within.append(memory[0] <= memory[1] * GIB)
    met = "" if not within else "yes" if all(within) else "no"
    return Line(what, platform, compared_with, *ratio_texts, *memory_texts, met)


def gib(size: float) -> str:
    """Return a number of bytes as text in GiB."""
    return f"{size / GIB:.1f} GiB"


def show(rows: Sequence[Sequence[str]]) -> Table:
    """Return the table for the terminal."""
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row)
    return table


def write(rows: Sequence[Sequence[str]]) -> None:
    """Write the table between the README's markers."""
    write_between(BEGIN, END, COLUMNS, rows)
