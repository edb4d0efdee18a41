"""The table that a reader found in a file, beside the rows that it wrote."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from failure_platform.domain.contracts import Contract
from failure_platform.domain.rows.layouts import CLOCK, Header, refuse_other_header
from failure_platform.domain.rows.line_numbers import RowPlaces
from failure_platform.resources.storage import sql_text

_DAY = r"""regexp_replace(trim("DATA"), '[ T]0{1,2}:00(:00(\.0+)?)?$', '')"""
_SHARE_OF_DAY = f"""strftime(
    TIMESTAMP '1970-01-01' + to_seconds(CAST(round(CAST(trim({CLOCK}) AS DOUBLE) * 86400) AS BIGINT)), '%H:%M:%S')"""
_TIME = f"""CASE WHEN regexp_full_match(trim({CLOCK}), '0(\\.[0-9]+)?') THEN {_SHARE_OF_DAY}
    ELSE regexp_extract(trim({CLOCK}), '(?:^|[ T])([0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}}(\\.[0-9]+)?)?)$', 1) END"""
DAY_AND_CLOCK = f"""CASE WHEN contains({_DAY}, ':') OR "DATA" IS NULL THEN "DATA"
    ELSE concat({_DAY}, ' ', coalesce(nullif({_TIME}, ''), '(no time of day)')) END"""
"""Expression of DATA where a column of its own has the time of day; a DATA with a time is left as it is.

A spreadsheet may give a day as its midnight, and a time as a share of a day. Where the time is missing, the text is no
date any more, so that the row goes to quarantine and is not taken as midnight.
"""


@dataclass(frozen=True)
class FoundTable:
    """What a reader found in a file.

    Args:
        places: the positions of the rows, and the lines that are not rows.
        understood: the findings, by their keys in `domain.rows.findings`.
        headers: the header of each sheet; under None that of a text file.
        cells: function that returns the cells of a line.
        people: pseudonyms of the people in the personal columns, by their identifiers.
    """

    places: RowPlaces
    understood: dict[str, Any]
    headers: Mapping[str | None, Header]
    cells: Callable[[str | None, int], list[str]]
    people: Mapping[str, str | None] = field(default_factory=dict)


def maybe_header(contract: Contract) -> str:
    """Return the condition that every repeated header meets and nearly no row: its vehicle begins with no figure."""
    return f"coalesce({sql_text.name(contract.key[0])} NOT BETWEEN '0' AND ':', true)"


def repeated_headers(con: duckdb.DuckDBPyConnection, contract: Contract, table: FoundTable, placed: str) -> int:
    """Return how many rows are the header again, as where exports were glued together.

    Args:
        con: a scratch database.
        contract: the columns.
        table: the table that was found.
        placed: SELECT of the rows: the contract's columns, `sheet` and `line`.

    Raises:
        UploadRefusedError: a row is a header with other columns, or with the columns in another order.
    """
    names = ", ".join(sql_text.text(name.lower()) for name in contract.names)
    readable = [sql_text.name(column.name) for column in contract.columns if not column.personal]
    named = " + ".join(
        f"CAST(coalesce(lower(strip_accents(trim({name}))) IN ({names}), false) AS INTEGER)" for name in readable
    )
    found = con.execute(
        f"SELECT sheet, line FROM (SELECT * FROM ({placed}) WHERE {maybe_header(contract)}) WHERE {named} >= 2 "
        "ORDER BY ALL"
    ).fetchall()
    return sum(
        refuse_other_header(
            table.cells(sheet, line),
            table.headers[sheet],
            contract,
            f"line {line:,}" if sheet is None else f"sheet '{sheet}', row {line:,}",
        )
        for sheet, line in found
    )
