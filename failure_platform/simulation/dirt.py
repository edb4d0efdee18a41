"""The kinds of dirt that the simulator can write, each seen in real uploads, and what must become of such a row.

Belongs here: the list of kinds and a preset. Does not belong here: how a kind is put into cells (soiling.py), how the
platform recognises dirt (the contracts), whole-file forms such as separators and encodings (plan.py).
"""

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
    """The kinds of dirt, by the name used in options and truth files."""

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
    """What a kind is, what must become of its rows, and the columns that it changes by upload kind.

    A row gets the kind in one of the columns. A repeat is the row once more: that one must count as a duplicate; its
    columns are those whose casing differs.
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

# Some dirt, for a demo. Only the share of bad values is published.
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
# What a cell must hold to be able to get the kind; any text where nothing is said.
_NEEDED = {DirtKind.LITERAL_DEGREE: "°", DirtKind.DECIMAL_COMMA: "."}


def soiled(
    table: pa.Table, upload: str, shares: Mapping[DirtKind, float], rng: Rng
) -> tuple[pa.Table, Mapping[DirtKind, int]]:
    """A table of texts of one upload kind with dirt, and how many of its rows have each kind.

    A share is that of the rows that can have the kind (for LITERAL_DEGREE those with a degree sign, for values those
    with a value) and have no other yet: a row gets one kind at most, so the counts add up.
    """
    clean = np.ones(table.num_rows, dtype=bool)
    counts: dict[DirtKind, int] = {}
    repeated: dict[DirtKind, Ints] = {}
    for kind in DirtKind:
        columns = DIRT[kind].columns.get(upload)
        if columns is None or shares.get(kind, 0.0) == 0:
            continue
        chosen = np.flatnonzero(clean & (rng.random(table.num_rows) < shares[kind]) & _able(table, columns, kind))
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


def _able(table: pa.Table, columns: tuple[str, ...], kind: DirtKind) -> NDArray[np.bool_]:
    """Which rows can have the kind, in any of the columns."""
    able = np.ones(table.num_rows, dtype=bool)
    for column in columns:
        able &= pc.fill_null(pc.match_substring(table[column], _NEEDED.get(kind, "")), False).to_numpy()
    return able


def _changed(kind: DirtKind, upload: str, cells: list[str], rng: Rng) -> list[str]:
    """The cells with one kind of dirt."""
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
    raise ValueError(f"no way is known to put dirt of kind '{kind}' into a cell; teach soiling.py the kind")


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
    """Each repeat follows its original, in other casing where the kind says so."""
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
