"""The files and lakes of the ingest benchmark, made once by the platform's own simulator and jobs."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from math import ceil
from pathlib import Path

import openpyxl
import pyarrow.csv as pa_csv

from failure_platform.simulation.dirt import DirtKind
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.writing import simulate
from measuring import measure

ROWS_PER_VEHICLE = 835  # of resultados, as the simulator writes them
VEHICLES_PER_WEEK = 1_050  # as in the plant's history: 82,000 in 78 weeks
VEHICLES_PER_FILE = 13_667  # six period files
KINDS = ("resultados", "falhas", "status")
SHEET_ROWS = 1_048_576


def periods(work: Path, vehicles: int, dirt: Mapping[DirtKind, float] | None = None) -> list[tuple[Simulation, Path]]:
    """Return the batches (plan and folder with uploads/) of a history, split into files as the plant exports them."""
    plan = Simulation(seed=7, dirt=dirt or {})
    batches = []
    remaining = vehicles
    while remaining:
        taken = min(remaining, VEHICLES_PER_FILE)
        name = f"{'dirty' if dirt else 'clean'}_{plan.start:%Y%m%d}_{taken}"
        plan = replace(plan, vehicles=taken, weeks=ceil(taken / VEHICLES_PER_WEEK), name=name)
        batches.append((plan, batch(work, plan)))
        plan = replace(plan, start=plan.next_start)
        remaining -= taken
    return batches


def batch(work: Path, plan: Simulation) -> Path:
    """Return the folder of a simulated batch; simulates it if it does not exist."""
    folder = work / "data" / plan.name
    if not (folder / "truth" / f"truth_{plan.name}.json").exists():  # written last
        simulate(plan, folder / "uploads")
    return folder


def upload(folder: Path, name: str, kind: str = "resultados") -> Path:
    """Return the path of a simulated upload."""
    return folder / "uploads" / kind / f"{name}.csv"


def drop(files: Mapping[Path, str] | Sequence[Path], home: Path, kind: str = "resultados") -> None:
    """Hard-link files into an upload folder."""
    (home / "uploads" / kind).mkdir(parents=True, exist_ok=True)
    for file in files:
        os.link(file, home / "uploads" / kind / file.name)


def lake(work: Path, rows: int) -> tuple[Path, Simulation]:
    """Return a home whose lake has this many rows of resultados, and the plan of its last batch."""
    batches = periods(work, round(rows / ROWS_PER_VEHICLE))
    home = work / f"lake_{rows}"
    done = home / "built"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        drop([upload(folder, plan.name) for plan, folder in batches], home)
        measure("ingest", work / "log" / f"build_{rows}", home=home, kinds=["resultados"])
        # Files that stay in the upload folder would be scanned and hashed again by every measurement.
        shutil.rmtree(home / "uploads")
        done.touch()
    return home, batches[-1][0]


def many_uploads(work: Path, number: int, file: Path, kind: str) -> Path:
    """Return a home with this many uploads in its ledger and receipts, all copies of one small file."""
    home = work / f"ledger_{number}"
    done = home / "built"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        drop([file], home, kind)
        measure("fill_ledger", work / "log" / f"fill_{number}", home=home, kind=kind, number=number)
        shutil.rmtree(home / "uploads")
        done.touch()
    return home


@contextmanager
def temporary_home(work: Path, template: Path | None = None) -> Iterator[Path]:
    """Yield a home for one measurement, empty or a copy of `template`; it is deleted afterwards."""
    home = work / "home"
    shutil.rmtree(home, ignore_errors=True)
    if template is None:
        home.mkdir(parents=True)
    else:
        # Archived originals are immutable, so hard links are enough.
        shutil.copytree(
            template, home, copy_function=lambda a, b: os.link(a, b) if "archive" in a else shutil.copy2(a, b)
        )
    # Otherwise the preparation's writes would be flushed to disk during the measurement.
    os.sync()
    try:
        yield home
    finally:
        shutil.rmtree(home)


def small_files(work: Path, number: int, rows: int) -> list[Path]:
    """Return `number` status uploads of `rows` rows each, cut from one simulated upload."""
    folder = work / "data" / f"small_{number}_{rows}"
    if not folder.exists():
        plan = Simulation(vehicles=ceil(number * rows / 30), weeks=1, name="to_cut", seed=7)
        with upload(batch(work, plan), plan.name, "status").open() as source:
            header = next(source)
            draft = folder.with_suffix(".part")
            draft.mkdir(parents=True, exist_ok=True)
            for part in range(number):
                (draft / f"part_{part:05}.csv").write_text(header + "".join(islice(source, rows)))
        draft.rename(folder)
    return sorted(folder.iterdir())


def full_sheet(work: Path, rows: int) -> Path:
    """Return a workbook with one sheet of this many rows of resultados, typed as in Excel, header included."""
    file = work / "data" / f"sheet_{rows}.xlsx"
    if not file.exists():
        plan = Simulation(vehicles=ceil(1.1 * rows / ROWS_PER_VEHICLE), weeks=2, name=f"for_sheet_{rows}", seed=7)
        table = pa_csv.read_csv(
            upload(batch(work, plan), plan.name),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(("NAME", "UNIT", "DATA"), "string")),
        )
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("resultados")
        sheet.append(table.column_names)
        date_column = table.column_names.index("DATA")
        for chunk in table.slice(0, rows - 1).to_batches(max_chunksize=10_000):
            for row in zip(*chunk.to_pydict().values(), strict=True):
                sheet.append([*row[:date_column], datetime.fromisoformat(row[date_column]), *row[date_column + 1 :]])
        book.save(file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    return file
