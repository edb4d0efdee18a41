"""Puts dirt into clean rows, and counts it.

Belongs here: how each kind of dirt spells a cell. Does not belong here: which kinds there are (dirt.py).
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from failure_platform.domain.simulation.dirt import DIRT, DirtKind

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
