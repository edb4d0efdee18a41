"""Promises of Markdown tables: every row has the head's cells, and each cell reads as it was given."""

import re

from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.markdown import markdown_table

CELLS = st.text(st.sampled_from("ab|\\ \n\r\t\u2028-`"), max_size=8)


def cells(line: str) -> list[str]:
    """Split a line as GitHub does (cmark-gfm): a backslash protects the character after it."""
    inner = re.fullmatch(r"\| (.*) \|", line)
    assert inner is not None
    parts, protected = [""], False
    for character in inner[1]:
        if character == "|" and not protected:
            parts.append("")
        else:
            parts[-1] += character
        protected = character == "\\" and not protected
    return [part.strip() for part in parts]


def read(cell: str) -> str:
    return re.sub(r"((?:\\\\)*)\\\|", lambda bar: bar[1][::2] + "|", cell)


def test_a_table_is_head_rule_and_rows() -> None:
    assert markdown_table(("a", "b"), [(1, None), ("x", 2.5)]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        "| 1 | None |",
        "| x | 2.5 |",
    ]
    assert markdown_table(("a",), []).splitlines() == ["| a |", "| --- |"]


def test_bars_and_line_breaks_stay_in_their_cell() -> None:
    line = markdown_table(("a", "b"), [("fewer | misses\nin May", "x\\|y")]).splitlines()[2]
    assert line == "| fewer \\| misses in May | x\\\\\\|y |"


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4))
def test_whatever_a_person_wrote_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    lines = markdown_table(("a", "b", "c"), rows).splitlines()
    assert len(lines) == 2 + len(rows)
    for line, row in zip(lines[2:], rows, strict=True):
        assert [read(cell) for cell in cells(line)] == [" ".join(cell.split()) for cell in row]
