"""The parts of the ingest benchmark: what is compared with what, and the allowed limits."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ingest_data as data
from failure_platform.simulation.dirt import SOME_DIRT, DirtKind
from ingest_table import Line, gib, line
from measuring import Measurement, measure, median, most

FULL_ROWS = 10_000_000
LARGE_LAKE, SMALL_LAKE, SHIFT_VEHICLES = 85_000_000, 8_500_000, 1_000
HISTORY_VEHICLES = 82_000
SMALL_FILES, SMALL_ROWS, SMALL_SECONDS = 1_000, 20, 60
FEW_UPLOADS, MANY_UPLOADS, LEDGER_FILES = 100, 100_000, 10
TIGHT = "300MB"


@dataclass(frozen=True)
class Options:
    """Options of the command line. `rows` is the size of the large csv; all other sizes are scaled with it."""

    work: Path
    rows: int
    repeat: int
    memory_limit: int

    def scaled(self, full: int) -> int:
        """Return a number at the scale of this run."""
        return max(1, round(full * self.rows / FULL_ROWS))

    def log(self, name: str) -> Path:
        """Return the path of a piece's log."""
        return self.work / "log" / name

    def ingest(self, files: Sequence[Path], template: Path | None = None) -> Measurement:
        """Measure ingesting resultados files into an empty home, or into a copy of `template`."""
        with data.temporary_home(self.work, template) as home:
            data.drop(files, home)
            return measure("ingest", self.log("ingest"), home=home, kinds=["resultados"])

    def repetitions(self) -> range:
        """Return the range of repetitions."""
        return range(self.repeat)


def csv(options: Options) -> list[Line]:
    """One large csv, against bare DuckDB."""
    file = one_file(options, {})
    bare: list[Measurement] = []
    platform: list[Measurement] = []
    for _ in options.repetitions():
        with data.temporary_home(options.work) as home:
            bare.append(measure("bare_duckdb", options.log("bare"), home=home, file=file, kind="resultados"))
        platform.append(options.ingest([file]))
    rows = platform[0].figures["rows_in"]
    return [
        line(
            f"csv of {rows:,} rows, upload to merged and checked",
            f"{median(platform):.1f} s, {rows / median(platform):,.0f} rows/s",
            f"bare DuckDB reads, casts, hashes: {median(bare):.1f} s, {gib(most(bare))}",
            ratio=(median(platform) / median(bare), 3.0),
            memory=(most(platform), 2.5),
        )
    ]


def shift(options: Options) -> list[Line]:
    """A shift's upload into a lake, and into one a tenth as large."""
    runs: dict[int, list[Measurement]] = {options.scaled(size): [] for size in (SMALL_LAKE, LARGE_LAKE)}
    for _ in options.repetitions():
        for size, measurements in runs.items():
            home, last = data.lake(options.work, size)
            vehicles = options.scaled(SHIFT_VEHICLES)
            plan = replace(last, start=last.next_start, vehicles=vehicles, weeks=1, name=f"shift_after_{size}")
            measurements.append(options.ingest([data.upload(data.batch(options.work, plan), plan.name)], home))
    (small, into_small), (large, into_large) = runs.items()
    return [
        line(
            f"a shift's upload, {into_large[0].figures['rows_in']:,} rows, into a lake of {large:,}",
            f"{median(into_large):.1f} s",
            f"into a lake of {small:,}: {median(into_small):.1f} s, {gib(most(into_small))}",
            ratio=(median(into_large) / median(into_small), 1.5),
            memory=(most(into_large), 2.0),
        )
    ]


def history(options: Options) -> list[Line]:
    """The complete history in period files into an empty lake, once; and the same files with the earlier prototype."""
    batches = data.periods(options.work, options.scaled(HISTORY_VEHICLES))
    files = [data.upload(folder, plan.name) for plan, folder in batches]
    platform = options.ingest(files)
    with data.temporary_home(options.work) as home:
        naive = measure("prototype", options.log("prototype"), options.memory_limit, home=home, files=files)
    done = naive.figures.get("files", 0)
    outcome = f"stopped above {gib(options.memory_limit)} in file {done + 1}" if naive.stopped else "finished"
    rows, size = platform.figures["rows_in"], platform.figures["lake_bytes"]
    return [
        line(
            f"history of {rows:,} rows in {len(files)} files, from empty",
            f"{platform.seconds / 60:.1f} min, {rows / platform.seconds:,.0f} rows/s; lake {gib(size)} "
            f"of {gib(sum(file.stat().st_size for file in files))} csv",
            f"pandas concat, drop_duplicates, rewrite: {done} files, {naive.figures.get('merged', 0):,} rows in "
            f"{naive.figures.get('seconds', 0) / 60:.1f} min, then {outcome}; {gib(naive.peak)}",
            memory=(platform.peak, None),
        )
    ]


def xlsx(options: Options) -> list[Line]:
    """A full sheet, compared with the native reader alone."""
    file = data.full_sheet(options.work, options.scaled(data.SHEET_ROWS))
    bare: list[Measurement] = []
    reading: list[Measurement] = []
    complete: list[Measurement] = []
    for _ in options.repetitions():
        bare.append(measure("fastexcel", options.log("fastexcel"), file=file))
        with data.temporary_home(options.work) as home:
            data.drop([file], home)
            reading.append(measure("read", options.log("read"), home=home, kind="resultados"))
        complete.append(options.ingest([file]))
    return [
        line(
            f"xlsx of {complete[0].figures['rows_in'] + 1:,} rows, {what}",
            f"{median(platform):.1f} s",
            f"bare fastexcel: {median(bare):.1f} s, {gib(most(bare))}",
            ratio=(median(platform) / median(bare), limit),
            memory=(most(platform), None),
        )
        for what, platform, limit in (
            ("upload to rows of text", reading, 1.5),
            ("upload to merged and checked", complete, None),
        )
    ]


def small(options: Options) -> list[Line]:
    """Many small files at once, through `process`."""
    files = data.small_files(options.work, options.scaled(SMALL_FILES), SMALL_ROWS)
    runs: list[Measurement] = []
    for _ in options.repetitions():
        with data.temporary_home(options.work) as home:
            data.drop(files, home, "status")
            runs.append(measure("process", options.log("process"), home=home))
    retrains = max(run.figures["retrains"] for run in runs)
    return [
        line(
            f"{len(files):,} files of {SMALL_ROWS} rows at once, `process` from start to end",
            f"{median(runs):.0f} s, {runs[0].figures['runs']} runs, {retrains} retrain",
            f"{SMALL_SECONDS} s, one retrain",
            ratio=(median(runs) / SMALL_SECONDS * (1 if retrains == 1 else math.inf), 1.0),
            memory=(most(runs), None),
        )
    ]


def validation(options: Options) -> list[Line]:
    """The share of contract validation in ingesting a dirty csv; and the same validation with little memory."""
    file = one_file(options, SOME_DIRT)
    runs: dict[str, list[Measurement]] = {"2GB": [], TIGHT: []}
    complete: list[Measurement] = []
    for _ in options.repetitions():
        complete.append(options.ingest([file]))
        with data.temporary_home(options.work) as home:
            data.drop([file], home)
            (folder,) = measure("read", options.log("read"), home=home, kind="resultados").figures["folders"]
            for limit, measurements in runs.items():
                arguments = {"home": home, "kind": "resultados", "folder": folder, "memory_limit": limit}
                measurements.append(measure("validate", options.log("validate"), **arguments))
    usual, tight = runs.values()
    bad, unexplained = usual[0].figures["bad"], usual[0].figures["unexplained"]
    return [
        line(
            f"contract: typing, judging and hashing {complete[0].figures['rows_in']:,} rows, {bad:,} of them bad, "
            f"{unexplained} of these without a reason",
            f"{median(usual):.1f} s",
            f"upload to merged and checked: {median(complete):.1f} s",
            ratio=(median(usual) / median(complete), 0.4),
            memory=(most(usual), None),
        ),
        line(
            f"the same with {TIGHT} for DuckDB",
            f"{median(tight):.1f} s",
            f"with 2GB: {median(usual):.1f} s",
            ratio=(median(tight) / median(usual), None),
            memory=(most(tight), None),
        ),
    ]


def ledger(options: Options) -> list[Line]:
    """One small upload after many uploads, and after few; from file to checks, without Dagster."""
    model, *files = data.small_files(options.work, LEDGER_FILES + 2, SMALL_ROWS)
    runs: dict[int, list[Measurement]] = {FEW_UPLOADS: [], MANY_UPLOADS: []}
    for _ in options.repetitions():
        for number, measurements in runs.items():
            with data.temporary_home(options.work, data.many_uploads(options.work, number, model, "status")) as home:
                data.drop(files, home, "status")
                measurements.append(measure("add_uploads", options.log("add_uploads"), home=home, kind="status"))
    few, many = runs.values()
    return [
        line(
            f"a file of {SMALL_ROWS} rows, upload to merged and checked without Dagster, {MANY_UPLOADS:,} uploads in "
            "the ledger",
            f"{median(many):.2f} s",
            f"{FEW_UPLOADS} uploads in the ledger: {median(few):.2f} s, {gib(most(few))}",
            ratio=(median(many) / median(few), 1.3),
            memory=(most(many), None),
        )
    ]


PARTS: dict[str, Callable[[Options], list[Line]]] = {
    part.__name__: part for part in (csv, shift, history, xlsx, small, validation, ledger)
}


def one_file(options: Options, dirt: Mapping[DirtKind, float]) -> Path:
    """Return one csv with about as many rows of resultados as requested."""
    vehicles = max(1, round(options.rows / data.ROWS_PER_VEHICLE))
    ((plan, folder),) = data.periods(options.work, vehicles, dirt)
    return data.upload(folder, plan.name)
