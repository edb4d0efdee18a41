"""The kinds of dirt found in real uploads: what each does to a row, and what must happen to the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Fate = Literal["merged", "duplicate", "quarantined"]


class DirtKind(StrEnum):
    """The kinds of dirt, by their names in options and truth files."""

    BAD_VALUE = "bad_value"
    DECIMAL_COMMA = "decimal_comma"
    PADDED_TEXT = "padded_text"
    BLANK_SPELLING = "blank_spelling"
    LITERAL_DEGREE = "literal_degree"
    DATE_FORMAT = "date_format"
    BAD_DATE = "bad_date"
    MALFORMED_KNR = "malformed_knr"
    UNKNOWN_STATUS = "unknown_status"
    MISSING_REQUIRED = "missing_required"
    REPEATED_ROW = "repeated_row"
    REPEATED_CASING = "repeated_casing"


@dataclass(frozen=True)
class Dirt:
    """A kind of dirt: what it is, what must happen to its rows, and the columns that it changes, by upload kind.

    It changes one of the columns of a row. For repeats, which must be counted as duplicates, the columns are those with
    a different casing in the repeated row.
    """

    description: str
    fate: Fate
    columns: Mapping[str, tuple[str, ...]]


DIRT: Mapping[DirtKind, Dirt] = {
    DirtKind.BAD_VALUE: Dirt("VALUE is not a number", "quarantined", {"resultados": ("VALUE",)}),
    DirtKind.DECIMAL_COMMA: Dirt("VALUE has a decimal comma", "merged", {"resultados": ("VALUE",)}),
    DirtKind.PADDED_TEXT: Dirt(
        "text is padded with spaces",
        "merged",
        {"resultados": ("VALUE", "NAME"), "falhas": ("HALLE", "FALHA"), "status": ("STATUS",)},
    ),
    DirtKind.BLANK_SPELLING: Dirt(
        "an optional cell is blank: nothing, three spaces, NaN or NULL",
        "merged",
        {"resultados": ("UNIT",), "falhas": ("COR",)},
    ),
    DirtKind.LITERAL_DEGREE: Dirt(
        r"UNIT holds the six characters \u00B0 for a degree sign", "merged", {"resultados": ("UNIT",)}
    ),
    DirtKind.DATE_FORMAT: Dirt(
        "a second date format: D/M/YYYY HH:MM:SS in falhas, a trailing .000 elsewhere",
        "merged",
        {"resultados": ("DATA",), "falhas": ("DATA",), "status": ("DATA",)},
    ),
    DirtKind.BAD_DATE: Dirt(
        "DATA is no date", "quarantined", {"resultados": ("DATA",), "falhas": ("DATA",), "status": ("DATA",)}
    ),
    DirtKind.MALFORMED_KNR: Dirt(
        "KNR is not YYYY-WWDSSSS", "quarantined", {"resultados": ("KNR",), "falhas": ("KNR",), "status": ("KNR",)}
    ),
    DirtKind.UNKNOWN_STATUS: Dirt(
        "STATUS is no known verdict or code", "quarantined", {"resultados": ("STATUS",), "status": ("STATUS",)}
    ),
    DirtKind.MISSING_REQUIRED: Dirt(
        "a required cell is blank",
        "quarantined",
        {"resultados": ("NAME", "DATA"), "falhas": ("KNR", "DATA"), "status": ("STATUS", "DATA")},
    ),
    DirtKind.REPEATED_ROW: Dirt(
        "the row stands twice, exactly", "duplicate", {"resultados": (), "falhas": (), "status": ()}
    ),
    DirtKind.REPEATED_CASING: Dirt(
        "the row stands twice, the second time in other casing", "duplicate", {"falhas": ("FALHA", "HALLE")}
    ),
}

# A preset for demos. Only the share of bad values is published.
SOME_DIRT: Mapping[DirtKind, float] = {
    DirtKind.BAD_VALUE: 0.0002,
    DirtKind.DECIMAL_COMMA: 0.002,
    DirtKind.PADDED_TEXT: 0.01,
    DirtKind.BLANK_SPELLING: 0.005,
    DirtKind.LITERAL_DEGREE: 0.5,
    DirtKind.DATE_FORMAT: 0.01,
    DirtKind.BAD_DATE: 0.0005,
    DirtKind.MALFORMED_KNR: 0.0005,
    DirtKind.UNKNOWN_STATUS: 0.0003,
    DirtKind.MISSING_REQUIRED: 0.0003,
    DirtKind.REPEATED_ROW: 0.005,
    DirtKind.REPEATED_CASING: 0.02,
}


Ints = NDArray[np.int64]
Rng = np.random.Generator

_BLANKS = ("", "   ", "NaN", "NULL")
_BAD_CELLS: Mapping[DirtKind, tuple[str, ...]] = {
    DirtKind.BAD_VALUE: ("12.3.4", "ERRO", "2.345,75x", "12 Nm"),
    DirtKind.BAD_DATE: ("2023-13-45 07:10:00", "31/02/2023 07:10:00", "ontem", "2023-06-31 08:00:00"),
    DirtKind.BLANK_SPELLING: _BLANKS,
    DirtKind.MISSING_REQUIRED: _BLANKS,
    DirtKind.UNKNOWN_STATUS: ("99", "?", "11x"),  # neither a verdict of resultados nor a code of status
}
# The text that a cell must contain to get the kind; any cell that is not NULL where no text is given.
_REQUIRED_TEXT = {DirtKind.LITERAL_DEGREE: "°", DirtKind.DECIMAL_COMMA: "."}


def with_dirt(
    table: pa.Table, upload: str, shares: Mapping[DirtKind, float], rng: Rng
) -> tuple[pa.Table, Mapping[DirtKind, int]]:
    """Return the text table of one upload kind with dirt added, and the number of its rows with each kind.

    A share applies to the rows that can have the kind (for LITERAL_DEGREE those with a degree sign, for values those
    with a value) and have no other kind: a row has at most one kind, so the counts add up.
    """
    clean = np.ones(table.num_rows, dtype=bool)
    counts: dict[DirtKind, int] = {}
    repeated: dict[DirtKind, Ints] = {}
    for kind in DirtKind:
        columns = DIRT[kind].columns.get(upload)
        if columns is None or shares.get(kind, 0.0) == 0:
            continue
        chosen = np.flatnonzero(clean & (rng.random(table.num_rows) < shares[kind]) & _can_have(table, columns, kind))
        clean[chosen] = False
        counts[kind] = chosen.size
        if DIRT[kind].fate == "duplicate":
            repeated[kind] = chosen
            continue
        column_of = rng.integers(len(columns), size=chosen.size)
        for position, column in enumerate(columns):
            rows = chosen[column_of == position]
            changed = _changed(kind, upload, _cells(table, column, rows), rng)
            table = _with_cells(table, column, rows, changed)
    return _with_repeats(table, upload, repeated), counts


def _can_have(table: pa.Table, columns: tuple[str, ...], kind: DirtKind) -> NDArray[np.bool_]:
    """Return the rows whose columns can all have the kind, as a mask."""
    eligible = np.ones(table.num_rows, dtype=bool)
    for column in columns:
        eligible &= pc.fill_null(pc.match_substring(table[column], _REQUIRED_TEXT.get(kind, "")), False).to_numpy()
    return eligible


def _changed(kind: DirtKind, upload: str, cells: list[str], rng: Rng) -> list[str]:
    """Return the cells with one kind of dirt."""
    draw = rng.integers(12, size=len(cells)).tolist()
    if kind in _BAD_CELLS:
        choices = _BAD_CELLS[kind]
        return [choices[number % len(choices)] for number in draw]
    match kind:
        case DirtKind.DECIMAL_COMMA:
            return [cell.replace(".", ",") for cell in cells]
        case DirtKind.LITERAL_DEGREE:
            return [cell.replace("°", r"\u00B0") for cell in cells]
        case DirtKind.MALFORMED_KNR:
            return [_malformed(cell, number % 3) for cell, number in zip(cells, draw, strict=True)]
        case DirtKind.DATE_FORMAT if upload == "falhas":
            return [f"{int(cell[8:10])}/{int(cell[5:7])}/{cell[:4]} {cell[11:19]}" for cell in cells]
        case DirtKind.DATE_FORMAT:
            return [f"{cell}.000" for cell in cells]
        case DirtKind.PADDED_TEXT:
            return [f"  {cell} " for cell in cells]
    raise ValueError(f"dirt of kind '{kind}' is not implemented for cells; add it to simulation/dirt.py")


def _malformed(knr: str, form: int) -> str:
    return (knr.replace("-", ""), knr[:-3], f"{knr[:6]}XX{knr[8:]}")[form]


def _cells(table: pa.Table, column: str, rows: Ints) -> list[str]:
    cells: list[str] = table[column].take(pa.array(rows)).to_pylist()
    return cells


def _with_cells(table: pa.Table, column: str, rows: Ints, cells: list[str]) -> pa.Table:
    mask = np.zeros(table.num_rows, dtype=bool)
    mask[rows] = True
    changed = pc.replace_with_mask(table[column].combine_chunks(), pa.array(mask), pa.array(cells, pa.string()))
    return table.set_column(table.column_names.index(column), column, changed)


def _with_repeats(table: pa.Table, upload: str, repeated: Mapping[DirtKind, Ints]) -> pa.Table:
    """Return the table with each repeat after its original, in a different casing for kinds with columns."""
    times = np.ones(table.num_rows, dtype=np.int64)
    for rows in repeated.values():
        times[rows] = 2
    if times.sum() == table.num_rows:
        return table
    longer = table.take(pa.array(np.repeat(np.arange(table.num_rows), times)))
    for kind, rows in repeated.items():
        for column in DIRT[kind].columns[upload]:
            copies = np.cumsum(times)[rows] - 1
            recased = [cell.capitalize() for cell in _cells(longer, column, copies)]
            longer = _with_cells(longer, column, copies, recased)
    return longer
