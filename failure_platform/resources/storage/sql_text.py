"""Quotes names, texts and paths for SQL, where DuckDB takes no parameters (COPY, read_csv) or literals are faster."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

_GLOB = str.maketrans({"[": "[[]", "*": "[*]", "?": "[?]"})


def name(identifier: str) -> str:
    """Quote a table or column name."""
    return '"' + identifier.replace('"', '""') + '"'


def names(identifiers: tuple[str, ...], table: str = "") -> str:
    """Quote several names, separated by commas, each as a column of `table` where one is given."""
    return ", ".join((f"{table}." if table else "") + name(identifier) for identifier in identifiers)


def text(value: str) -> str:
    """Quote a text."""
    return "'" + value.replace("'", "''") + "'"


def one_of(column: str, values: Collection[str]) -> str:
    """Return the condition that a column has one of some texts, in literals.

    Of one text among 100,000 rows, this is found in a tenth of the time that `list_contains` takes.
    """
    return f"{name(column)} IN ({', '.join(map(text, values))})" if values else "false"


def file(path: Path) -> str:
    """Quote the path of one file to read; characters that DuckDB would read as a pattern are escaped."""
    return text(str(path).translate(_GLOB))


def between(first: datetime, last: datetime, column: str = "DATA") -> str:
    """Return the condition of a span of time, in literals: row groups outside it are skipped."""
    return f"{name(column)} BETWEEN TIMESTAMP '{first.isoformat(' ')}' AND TIMESTAMP '{last.isoformat(' ')}'"
