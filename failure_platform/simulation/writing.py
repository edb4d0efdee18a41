"""The simulator's door: writes the uploads of a simulated plant, and beside them the truth about its failures.

Belongs here: files, encodings, progress over blocks. Does not belong here: what the vehicles, rows and dirt are
(domain/simulation).
"""

import codecs
import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failure_platform.simulation.dirt import DirtKind, soiled
from failure_platform.simulation.falhas import simulated_falhas
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.resultados import simulated_resultados
from failure_platform.simulation.status import simulated_status
from failure_platform.simulation.truth import truth_about, truth_rows
from failure_platform.simulation.vehicles import simulated_vehicles

_ROWS = {"resultados": simulated_resultados, "falhas": simulated_falhas, "status": simulated_status}


@dataclass(frozen=True)
class SimulationReport:
    """What was written: uploads, their rows and bytes by kind, the truth files, and where a next batch may start."""

    uploads: Mapping[str, Path]
    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    truth: Path
    truth_vehicles: Path
    next_start: date


def simulate(plan: Simulation, uploads: Path, progress: Callable[[int, int], None] | None = None) -> SimulationReport:
    """Write one batch to `uploads`/<kind>/<name>.csv, and its truth to the folder `truth` beside `uploads`.

    `progress(done, total)` is told numbers of vehicles. Every file appears whole or not at all, and replaces one of the
    same name. Memory holds one block of vehicles, and some 100 bytes per vehicle for the truth.
    """
    paths = {kind: uploads / kind / f"{plan.name}.csv" for kind in _ROWS}
    truth = uploads.parent / "truth" / f"truth_{plan.name}.json"
    truth_vehicles = truth.with_suffix(".csv")
    rows: Counter[str] = Counter()
    dirt: dict[str, Counter[DirtKind]] = {kind: Counter() for kind in _ROWS}
    about: list[pd.DataFrame] = []
    with ExitStack() as files:
        write = {kind: files.enter_context(_upload(path, plan)) for kind, path in paths.items()}
        for block in range(plan.blocks):
            vehicles = simulated_vehicles(plan, block)
            about.append(truth_rows(vehicles))
            for kind, simulated in _ROWS.items():
                clean = simulated(plan, block, vehicles)
                table, counts = soiled(clean, kind, plan.dirt, plan.random_stream(block, f"dirt in {kind}"))
                write[kind](table)
                rows[kind] += table.num_rows
                dirt[kind].update(counts)
            if progress is not None:
                progress(sum(map(len, about)), plan.vehicles)
        table = pd.concat(about, ignore_index=True)
        described = json.dumps(truth_about(plan, table, rows, dirt), indent=2, ensure_ascii=False)
        files.enter_context(_whole(truth_vehicles)).write(table.to_csv(index=False).encode())
        files.enter_context(_whole(truth)).write(described.encode())
    sizes = {kind: path.stat().st_size for kind, path in paths.items()}
    return SimulationReport(paths, dict(rows), sizes, truth, truth_vehicles, plan.next_start)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name only when all of it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _upload(path: Path, plan: Simulation) -> Iterator[Callable[[pa.Table], None]]:
    """A function that appends tables to an upload file, header first, in the form that the plan asks for."""
    with ExitStack() as files:
        file = files.enter_context(_whole(path))
        if plan.gzipped:  # without name and time inside, so that the same plan gives the same bytes
            file = files.enter_context(cast(IO[bytes], gzip.GzipFile("", "wb", 6, file, mtime=0)))
        encode = codecs.getincrementalencoder(plan.encoding)().encode  # remembers that it wrote a byte order mark
        begun = False

        def write(table: pa.Table) -> None:
            nonlocal begun
            if not begun:
                file.write(encode(plan.separator.join(table.column_names) + "\n"))
                begun = True
            lines = _csv_lines(table, plan.separator)
            file.write(lines if plan.encoding.startswith("utf-8") else encode(lines.to_pybytes().decode()))

        yield write


def _csv_lines(table: pa.Table, separator: str) -> pa.Buffer:
    """The rows of a table of texts as CSV lines in UTF-8. A semicolon brings the decimal comma with it.

    Arrow joins the cells. Its CSV writer quotes every text, and takes three times as long.
    """
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    if separator == ";" and "VALUE" in columns:
        columns["VALUE"] = pc.replace_substring(columns["VALUE"], ".", ",")
    cells = [_quoted(column, separator) for column in columns.values()]
    cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "", null_handling="replace")
    return pc.binary_join_element_wise(*cells, separator, null_handling="replace").buffers()[2]


def _quoted(column: pa.Array, separator: str) -> pa.Array:
    """The cells, those with the separator in quotes; no simulated cell holds a quote or a line end."""
    special = pc.match_substring(column, separator)
    if not pc.any(special).as_py():
        return column
    return pc.if_else(special, pc.binary_join_element_wise('"', column, '"', ""), column)
