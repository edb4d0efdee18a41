"""Promises of the source tree: rooms along the data flow, imports in one direction, docstrings naming what exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "failure_platform"
FILES = sorted(PACKAGE.rglob("*.py"))

# Which room of `resources` uses which other: an upload's way into the lake, and the lake's way to a model.
ROOMS = {
    "storage": set(),
    "lake": {"storage"},
    "reading": {"storage"},
    "uploads": {"storage", "reading"},
    "merging": {"storage", "lake", "reading", "uploads"},
    "vehicles": {"storage", "lake"},
    "registry": {"storage"},
}
# The rooms of `domain` in the order of the data; none imports a later one.
DOMAIN = (
    *("rows", "vehicles", "features", "leaks", "sequence", "families", "training", "comparison"),
    *("deciding", "figures", "report"),
)
PLACES = "domain|resources|assets|sensors|cli|simulation"
NAMED = re.compile(rf"(?<![\w./])(?:failure_platform\.)?((?:{PLACES})(?:\.[A-Za-z_]\w*)+)")
LONGEST = 300


def folders(place: Path) -> set[str]:
    return {file.parent.name for file in place.glob("*/__init__.py")}


def imports(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def used_rooms(place: Path, room: str) -> set[str]:
    """Return the sibling rooms that a room imports."""
    prefix = ".".join(place.relative_to(ROOT).parts) + "."
    names = [name for file in (place / room).rglob("*.py") for name in imports(file) if name.startswith(prefix)]
    return {name.removeprefix(prefix).partition(".")[0] for name in names} & folders(place) - {room}


def test_resources_are_the_rooms_that_an_upload_passes() -> None:
    """A newcomer reads the folder and knows where an upload goes next."""
    assert folders(PACKAGE / "resources") == set(ROOMS)
    assert {room: used_rooms(PACKAGE / "resources", room) for room in ROOMS} == ROOMS


def test_no_folder_of_the_rules_imports_a_later_one() -> None:
    assert folders(PACKAGE / "domain") == set(DOMAIN)
    for place, room in enumerate(DOMAIN):
        assert not used_rooms(PACKAGE / "domain", room) & set(DOMAIN[place + 1 :]), room


def test_every_room_says_what_belongs_in_it() -> None:
    for file in PACKAGE.rglob("__init__.py"):
        module = ast.parse(file.read_text(encoding="utf-8"))
        assert len(module.body) == 1, f"{file}: a docstring and no imports"
        assert ast.get_docstring(module), file


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_docstring_names_only_what_exists(file: Path) -> None:
    """A reader who follows a name finds it: a module, or something that a module defines."""
    text = file.read_text(encoding="utf-8")
    documented = ast.walk(ast.parse(text))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in documented if isinstance(node, kinds)]
    comments = re.findall(r"#(.*)", text)
    for name in NAMED.findall("\n".join([*docstrings, *comments])):
        assert exists(f"failure_platform.{name}"), f"{file.name} names {name}"


def exists(name: str) -> bool:
    """Say whether a dotted name is a module or is defined in one; nothing is imported but packages."""
    place, *rest = ROOT, *name.split(".")
    while rest and (place / rest[0]).is_dir():
        place, *rest = place / rest[0], *rest[1:]
    if not rest:
        return True
    module = place / f"{rest[0]}.py"
    if not module.is_file():
        return False
    return len(rest) == 1 or bool(re.search(rf"\b{rest[1]}\b", module.read_text(encoding="utf-8")))


def test_no_file_is_long() -> None:
    long = [file.name for file in FILES if len(file.read_text(encoding="utf-8").splitlines()) > LONGEST]
    assert not long


def test_a_test_lies_where_its_module_does() -> None:
    """The tests of `domain/rows/dates.py` are `tests/domain/rows/test_dates.py`: by the path, without searching."""
    rooms = {file.parent.relative_to(PACKAGE) for file in FILES}
    for test in (ROOT / "tests").rglob("test_*.py"):
        assert test.parent.relative_to(ROOT / "tests") in rooms, test
