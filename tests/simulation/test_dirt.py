"""Promises of simulated dirt: the truth file counts exactly what was written, and no form of file changes a row."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.simulation.dirt import DIRT, SOME_DIRT, DirtKind, with_dirt
from failure_platform.simulation.falhas import simulated_falhas
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.resultados import simulated_resultados
from failure_platform.simulation.status import simulated_status
from failure_platform.simulation.vehicles import simulated_vehicles
from failure_platform.simulation.writing import simulate
from support.examples import examples

SMALL = Simulation(vehicles=12, weeks=1)
_VEHICLES = simulated_vehicles(SMALL, 0)
CLEAN: dict[str, pa.Table] = {
    "resultados": simulated_resultados(SMALL, 0, _VEHICLES),
    "falhas": simulated_falhas(SMALL, 0, _VEHICLES),
    "status": simulated_status(SMALL, 0, _VEHICLES),
}
EVERY = [(kind, upload) for kind in DirtKind for upload in DIRT[kind].columns]


def _rows(table: pa.Table) -> list[tuple[str | None, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _with_dirt(upload: str, shares: dict[DirtKind, float], block: int = 0) -> tuple[pa.Table, dict[DirtKind, int]]:
    table, counts = with_dirt(CLEAN[upload], upload, shares, SMALL.random_stream(block, "dirt"))
    return table, dict(counts)


@pytest.mark.parametrize(("kind", "upload"), EVERY)
def test_a_kind_of_dirt_changes_as_many_rows_as_it_counts(kind: DirtKind, upload: str) -> None:
    table, counts = _with_dirt(upload, {kind: 0.3})
    before, after = _rows(CLEAN[upload]), _rows(table)
    assert set(counts) == {kind}
    assert counts[kind] > 0
    if DIRT[kind].fate == "duplicate":
        added = Counter(after) - Counter(before)
        assert len(after) == len(before) + counts[kind] == len(before) + added.total()
        assert Counter(before) - Counter(after) == Counter()
        folded = [tuple(cell and cell.upper() for cell in row) for row in after]
        assert set(folded) == {tuple(cell and cell.upper() for cell in row) for row in before}
    else:
        # A blank cell may be spelled as it already was in none of these columns, so every dirty row differs.
        assert sum(old != new for old, new in zip(before, after, strict=True)) == counts[kind]


@pytest.mark.parametrize(("kind", "upload"), [(k, u) for k, u in EVERY if DIRT[k].fate == "merged"])
def test_harmless_dirt_still_says_the_same(kind: DirtKind, upload: str) -> None:
    """Read with the plant's conventions, a merged row is the clean row (but for the cell that was blanked)."""

    def read(name: str, cell: str | None) -> Any:
        text = (cell or "").strip().replace(r"\u00B0", "°")
        if text in ("", "NaN", "NULL"):
            return None
        if name == "VALUE":
            return float(text.replace(",", "."))
        if name == "DATA":
            day_first = "/" in text
            return pd.to_datetime(text, format="%d/%m/%Y %H:%M:%S" if day_first else "ISO8601").floor("s")
        return text

    table, _ = _with_dirt(upload, {kind: 0.3})
    for name in table.column_names:
        pairs = zip(CLEAN[upload][name].to_pylist(), table[name].to_pylist(), strict=True)
        for old, new in pairs:
            if old != new:
                lost = kind is DirtKind.BLANK_SPELLING
                assert read(name, new) == (None if lost else read(name, old))


def test_bad_cells_cannot_be_read_at_all() -> None:
    for cell in _changed_cells(DirtKind.BAD_VALUE, "resultados", "VALUE"):
        with pytest.raises(ValueError, match="could not convert"):
            float(cell.replace(",", "."))
    for upload in CLEAN:
        for cell in _changed_cells(DirtKind.BAD_DATE, upload, "DATA"):
            for form in ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S"):
                assert pd.isna(pd.to_datetime(cell, format=form, errors="coerce"))
        knrs = pd.Series(_changed_cells(DirtKind.MALFORMED_KNR, upload, "KNR"))
        assert not knrs.str.fullmatch(r"\d{4}-\d{7}").any()
    assert not {"10", "13"} & set(_changed_cells(DirtKind.UNKNOWN_STATUS, "resultados", "STATUS"))
    codes = pd.Series(_changed_cells(DirtKind.UNKNOWN_STATUS, "status", "STATUS"))
    assert not codes.str.fullmatch(r"[A-Z][A-Z0-9]{3}").any()


def _changed_cells(kind: DirtKind, upload: str, column: str) -> list[str]:
    table, _ = _with_dirt(upload, {kind: 0.3})
    pairs = zip(CLEAN[upload][column].to_pylist(), table[column].to_pylist(), strict=True)
    changed = [new for old, new in pairs if old != new]
    assert len(changed) > 5
    return changed


@examples(30)
@given(
    shares=st.dictionaries(st.sampled_from(DirtKind), st.floats(0, 1)),
    upload=st.sampled_from(sorted(CLEAN)),
    block=st.integers(0, 5),
)
def test_a_row_has_one_kind_of_dirt_at_most(shares: dict[DirtKind, float], upload: str, block: int) -> None:
    table, counts = _with_dirt(upload, shares, block)
    repeats = sum(count for kind, count in counts.items() if DIRT[kind].fate == "duplicate")
    assert table.num_rows == CLEAN[upload].num_rows + repeats
    assert sum(counts.values()) <= CLEAN[upload].num_rows
    untouched = (Counter(_rows(table)) & Counter(_rows(CLEAN[upload]))).total()
    exact = counts.get(DirtKind.REPEATED_ROW, 0)
    recased = counts.get(DirtKind.REPEATED_CASING, 0)
    assert untouched == CLEAN[upload].num_rows - sum(counts.values()) + exact + recased


def test_the_truth_file_counts_the_dirt_that_was_written(tmp_path: Path) -> None:
    """The counts add up over blocks, to the rows of the files, and the vehicles' fate is that without dirt."""
    options = {"vehicles": 600, "weeks": 4, "seed": 3}
    clean = simulate(Simulation(**options), tmp_path / "clean" / "uploads")
    dirty = simulate(Simulation(**options, dirt=SOME_DIRT), tmp_path / "dirty" / "uploads")
    truth = json.loads(dirty.truth.read_text())
    assert truth["rows"] == dict(dirty.rows)
    for upload, counts in truth["dirt"].items():
        assert set(counts) == {kind for kind in DirtKind if upload in DIRT[kind].columns}
        before = Counter(clean.uploads[upload].read_text().splitlines())
        after = Counter(dirty.uploads[upload].read_text().splitlines())
        assert after.total() - 1 == dirty.rows[upload]
        repeats = sum(count["rows"] for count in counts.values() if count["fate"] == "duplicate")
        assert after.total() == before.total() + repeats
        exact = counts["repeated_row"]["rows"]
        assert (after - before).total() == sum(count["rows"] for count in counts.values())
        assert sum(count - 1 for count in after.values() if count > 1) == exact
    assert dirty.truth_vehicles.read_bytes() == clean.truth_vehicles.read_bytes()


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_no_form_of_file_changes_a_cell(tmp_path: Path, separator: Any, encoding: Any, gzipped: bool) -> None:
    plan = Simulation(
        vehicles=12,
        weeks=1,
        dirt={DirtKind.DECIMAL_COMMA: 0.1},
        separator=separator,
        encoding=encoding,
        gzipped=gzipped,
    )
    report = simulate(plan, tmp_path / "uploads")
    for upload, path in report.uploads.items():
        assert (path.read_bytes()[:2] == b"\x1f\x8b") == gzipped
        read = pd.read_csv(
            path,
            sep=separator,
            encoding=encoding,
            compression="gzip" if gzipped else None,
            dtype=str,
            keep_default_na=False,
        )
        assert len(read) == report.rows[upload]
        assert list(read.columns) == CLEAN[upload].column_names
        for name in read.columns:
            # The same plan without dirt and form; decimal commas are dirt here, or come with the semicolon.
            expected = [cell or "" for cell in CLEAN[upload][name].to_pylist()]
            found = read[name].str.replace(",", ".") if name == "VALUE" else read[name]
            assert list(found) == expected
        if upload == "resultados":
            commas, points = (read["VALUE"].str.contains(mark, regex=False).mean() for mark in ",.")
            assert (commas > 0.9 and points == 0) if separator == ";" else 0.05 < commas < 0.15
        if upload == "falhas":
            assert read["FALHA"].str.contains("[ÇÃÉÔÚ]").any()
