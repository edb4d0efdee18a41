"""The files and lakes that the ingest benchmark works on, made once by the platform's own simulator and flow.

What belongs here: making and keeping them in the work folder. What does not: measuring.
"""

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
from measuring import measured

ROWS_A_VEHICLE = 835  # of resultados, as the simulator writes them
VEHICLES_A_WEEK = 1_050  # as in the plant's history: 82,000 in 78 weeks
VEHICLES_A_FILE = 13_667  # six period files
KINDS = ("resultados", "falhas", "status")
SHEET_ROWS = 1_048_576


def periods(work: Path, vehicles: int, dirt: Mapping[DirtKind, float] | None = None) -> list[tuple[Simulation, Path]]:
    """Return the batches (plan and folder with uploads/) of a history, in files as the plant exports them."""
    plan = Simulation(seed=7, dirt=dirt or {})
    found = []
    left = vehicles
    while left:
        taken = min(left, VEHICLES_A_FILE)
        name = f"{'dirty' if dirt else 'clean'}_{plan.start:%Y%m%d}_{taken}"
        plan = replace(plan, vehicles=taken, weeks=ceil(taken / VEHICLES_A_WEEK), name=name)
        found.append((plan, batch(work, plan)))
        plan = replace(plan, start=plan.next_start)
        left -= taken
    return found


def batch(work: Path, plan: Simulation) -> Path:
    """Return the folder of a simulated batch, simulating it at first."""
    folder = work / "data" / plan.name
    if not (folder / "truth" / f"truth_{plan.name}.json").exists():  # it appears last
        simulate(plan, folder / "uploads")
    return folder


def upload(folder: Path, name: str, kind: str = "resultados") -> Path:
    """Return a simulated upload."""
    return folder / "uploads" / kind / f"{name}.csv"


def drop(files: Mapping[Path, str] | Sequence[Path], home: Path, kind: str = "resultados") -> None:
    """Put files into an upload folder."""
    (home / "uploads" / kind).mkdir(parents=True, exist_ok=True)
    for file in files:
        os.link(file, home / "uploads" / kind / file.name)


def lake(work: Path, rows: int) -> tuple[Path, Simulation]:
    """Return a home whose lake holds so many rows of resultados, and the plan of its last batch."""
    batches = periods(work, round(rows / ROWS_A_VEHICLE))
    home = work / f"lake_{rows}"
    done = home / "built"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        drop([upload(folder, plan.name) for plan, folder in batches], home)
        measured("ingest", work / "log" / f"build_{rows}", home=home, kinds=["resultados"])
        # Left there, they would be looked at and hashed once more.
        shutil.rmtree(home / "uploads")
        done.touch()
    return home, batches[-1][0]


def many_uploads(work: Path, number: int, file: Path, kind: str) -> Path:
    """Return a home with so many uploads in its ledger and among its receipts, all made from one small file."""
    home = work / f"ledger_{number}"
    done = home / "built"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        drop([file], home, kind)
        measured("fill_ledger", work / "log" / f"fill_{number}", home=home, kind=kind, number=number)
        shutil.rmtree(home / "uploads")
        done.touch()
    return home


@contextmanager
def fresh(work: Path, like: Path | None = None) -> Iterator[Path]:
    """Give a home of one measurement, a copy of another or empty; it is gone afterwards."""
    home = work / "home"
    shutil.rmtree(home, ignore_errors=True)
    if like is None:
        home.mkdir(parents=True)
    else:
        # Originals never change: a link will do.
        shutil.copytree(like, home, copy_function=lambda a, b: os.link(a, b) if "archive" in a else shutil.copy2(a, b))
    # What was written for the measurement must not be on its way to the disk during it.
    os.sync()
    try:
        yield home
    finally:
        shutil.rmtree(home)


def small_files(work: Path, number: int, rows: int) -> list[Path]:
    """Return status uploads of a few rows each, cut out of a simulated one."""
    folder = work / "data" / f"small_{number}_{rows}"
    if not folder.exists():
        plan = Simulation(vehicles=ceil(number * rows / 30), weeks=1, name="to_cut", seed=7)
        with upload(batch(work, plan), plan.name, "status").open() as whole:
            header = next(whole)
            draft = folder.with_suffix(".part")
            draft.mkdir(parents=True, exist_ok=True)
            for part in range(number):
                (draft / f"part_{part:05}.csv").write_text(header + "".join(islice(whole, rows)))
        draft.rename(folder)
    return sorted(folder.iterdir())


def full_sheet(work: Path, rows: int) -> Path:
    """Return a workbook of one sheet with so many rows of resultados, as Excel would hold them, header included."""
    file = work / "data" / f"sheet_{rows}.xlsx"
    if not file.exists():
        plan = Simulation(vehicles=ceil(1.1 * rows / ROWS_A_VEHICLE), weeks=2, name=f"for_sheet_{rows}", seed=7)
        table = pa_csv.read_csv(
            upload(batch(work, plan), plan.name),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(("NAME", "UNIT", "DATA"), "string")),
        )
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("resultados")
        sheet.append(table.column_names)
        place = table.column_names.index("DATA")
        for chunk in table.slice(0, rows - 1).to_batches(max_chunksize=10_000):
            for row in zip(*chunk.to_pydict().values(), strict=True):
                sheet.append([*row[:place], datetime.fromisoformat(row[place]), *row[place + 1 :]])
        book.save(file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    return file
