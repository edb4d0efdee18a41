"""Write the upload files of a simulated plant and, next to them, the ground truth about its failures."""

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

from failure_platform.simulation.dirt import DirtKind, with_dirt
from failure_platform.simulation.falhas import simulated_falhas
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.resultados import simulated_resultados
from failure_platform.simulation.status import simulated_status
from failure_platform.simulation.truth import truth_about, truth_rows
from failure_platform.simulation.vehicles import simulated_vehicles

_ROWS = {"resultados": simulated_resultados, "falhas": simulated_falhas, "status": simulated_status}


@dataclass(frozen=True)
class SimulationReport:
    """What was written: uploads, their rows and bytes by kind, the truth files, and the start of a next batch."""

    uploads: Mapping[str, Path]
    rows: Mapping[str, int]
    bytes: Mapping[str, int]
    truth: Path
    truth_vehicles: Path
    next_start: date


def simulate(plan: Simulation, uploads: Path, progress: Callable[[int, int], None] | None = None) -> SimulationReport:
    """Write one batch to `uploads`/<kind>/<name>.csv, and its ground truth to the folder `truth` next to `uploads`.

    `progress(done, total)` is called with numbers of vehicles. Every file is written atomically and replaces one with
    the same name. Memory use is one block of vehicles, and about 100 bytes per vehicle for the ground truth.
    """
    paths = {kind: uploads / kind / f"{plan.name}.csv" for kind in _ROWS}
    truth = uploads.parent / "truth" / f"truth_{plan.name}.json"
    truth_vehicles = truth.with_suffix(".csv")
    rows: Counter[str] = Counter()
    dirt: dict[str, Counter[DirtKind]] = {kind: Counter() for kind in _ROWS}
    truth_parts: list[pd.DataFrame] = []
    with ExitStack() as files:
        write = {kind: files.enter_context(_upload(path, plan)) for kind, path in paths.items()}
        for block in range(plan.blocks):
            vehicles = simulated_vehicles(plan, block)
            truth_parts.append(truth_rows(vehicles))
            for kind, simulated in _ROWS.items():
                clean = simulated(plan, block, vehicles)
                table, counts = with_dirt(clean, kind, plan.dirt, plan.random_stream(block, f"dirt in {kind}"))
                write[kind](table)
                rows[kind] += table.num_rows
                dirt[kind].update(counts)
            if progress is not None:
                progress(sum(map(len, truth_parts)), plan.vehicles)
        truth_table = pd.concat(truth_parts, ignore_index=True)
        truth_json = json.dumps(truth_about(plan, truth_table, rows, dirt), indent=2, ensure_ascii=False)
        files.enter_context(_atomic_file(truth_vehicles)).write(truth_table.to_csv(index=False).encode())
        files.enter_context(_atomic_file(truth)).write(truth_json.encode())
    sizes = {kind: path.stat().st_size for kind, path in paths.items()}
    return SimulationReport(paths, dict(rows), sizes, truth, truth_vehicles, plan.next_start)


@contextmanager
def _atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that gets its name only when it is complete and synced to disk."""
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
    """Return a function that appends tables to an upload file, header first, in the format of the plan."""
    with ExitStack() as files:
        file = files.enter_context(_atomic_file(path))
        if plan.gzipped:  # without file name and time, so that the same plan gives the same bytes
            file = files.enter_context(cast(IO[bytes], gzip.GzipFile("", "wb", 6, file, mtime=0)))
        encode = codecs.getincrementalencoder(plan.encoding)().encode  # incremental: writes one byte order mark
        header_written = False

        def write(table: pa.Table) -> None:
            nonlocal header_written
            if not header_written:
                file.write(encode(plan.separator.join(table.column_names) + "\n"))
                header_written = True
            lines = _csv_lines(table, plan.separator)
            file.write(lines if plan.encoding.startswith("utf-8") else encode(lines.to_pybytes().decode()))

        yield write


def _csv_lines(table: pa.Table, separator: str) -> pa.Buffer:
    """Return the rows of a text table as CSV lines in UTF-8, with decimal commas if the separator is a semicolon.

    Joining the cells takes a third of the time of Arrow's CSV writer, which also quotes every text.
    """
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    if separator == ";" and "VALUE" in columns:
        columns["VALUE"] = pc.replace_substring(columns["VALUE"], ".", ",")
    cells = [_quoted(column, separator) for column in columns.values()]
    cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "", null_handling="replace")
    return pc.binary_join_element_wise(*cells, separator, null_handling="replace").buffers()[2]


def _quoted(column: pa.Array, separator: str) -> pa.Array:
    """Return the cells, quoted where they contain the separator; none contains a quote or a line break."""
    special = pc.match_substring(column, separator)
    if not pc.any(special).as_py():
        return column
    return pc.if_else(special, pc.binary_join_element_wise('"', column, '"', ""), column)
