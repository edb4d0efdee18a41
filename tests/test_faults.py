"""Every fault of `docs/faults.md` that files and the lake can meet is provoked by a test; the page says by which."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from failure_platform.domain.markdown import markdown_table

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "faults.md"
BEGIN, END = "<!-- faults -->\n", "<!-- end of faults -->"
# The others are about models; they are listed with what there is.
REQUIRED = {*range(1, 8), *range(10, 38), 41, *range(44, 65), *range(70, 75), *range(80, 94)}


def marked() -> dict[int, dict[str, list[str]]]:
    """Return, for each fault, the tests that carry its mark, by file; `*` ends the name of a slow one."""
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(TESTS.rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for test in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
            slow = any("mark.slow" in ast.unparse(mark) for mark in test.decorator_list)
            numbers = {number for mark in test.decorator_list for number in numbers_of(mark)}
            for number in sorted(numbers):
                name = test.name.removeprefix("test_").replace("_", " ")
                found[number][path.relative_to(TESTS).with_suffix("").as_posix()].append(name + "*" * slow)
    return found


def numbers_of(mark: ast.expr) -> Iterator[int]:
    """Yield the faults that a decorator names, those of single cases of a parametrised test included."""
    for call in ast.walk(mark):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
            yield from (number.value for number in call.args if isinstance(number, ast.Constant))  # type: ignore[misc]


def rows(page: str) -> dict[int, tuple[str, str]]:
    """Return the fault and what the platform does, by number, as the page has them."""
    table = page.partition(BEGIN)[2].partition(END)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table if line.strip()]
    return {int(number): (fault, answer) for number, fault, answer, *_ in cells}


def written(page: str) -> str:
    """Return the page with its last column as the tests' marks have it."""
    before, _, rest = page.partition(BEGIN)
    lines, proofs = [], marked()
    for number, (fault, answer) in rows(page).items():
        shown = "; ".join(
            f"[{file}](../tests/{file}.py): {', '.join(names)}" for file, names in sorted(proofs[number].items())
        )
        lines.append((number, fault, answer, shown))
    table = markdown_table(("", "fault", "what the platform does", "shown by"), lines)
    return before + BEGIN + table + "\n" + END + rest.partition(END)[2]


def test_every_fault_is_provoked() -> None:
    """A promise without a test is a wish."""
    assert sorted(REQUIRED - set(marked())) == []


def test_the_page_is_what_the_tests_say() -> None:
    """Written anew with `python tests/test_faults.py`."""
    page = PAGE.read_text(encoding="utf-8")
    assert set(marked()) <= set(rows(page)), "a mark names a fault that the page does not know"
    assert page == written(page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
