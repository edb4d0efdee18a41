"""The parts of the ingest benchmark: what is compared with what, and what is allowed.

What belongs here: which pieces run, in which order, and the lines that come of them. What does not: the pieces
(ingest_pieces), their files (ingest_data) and how they are watched (measuring).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ingest_data as data
from failure_platform.simulation.dirt import SOME_DIRT, DirtKind
from ingest_table import Line, gib, line
from measuring import Measured, measured, median, most

FULL_ROWS = 10_000_000
LARGE_LAKE, SMALL_LAKE, SHIFT_VEHICLES = 85_000_000, 8_500_000, 1_000
HISTORY_VEHICLES = 82_000
SMALL_FILES, SMALL_ROWS, SMALL_SECONDS = 1_000, 20, 60
FEW_UPLOADS, MANY_UPLOADS, LEDGER_FILES = 100, 100_000, 10
TIGHT = "300MB"


@dataclass(frozen=True)
class Options:
    """What the command line asks for. `rows` is of the large csv; lakes, history and sheet keep their size to it."""

    work: Path
    rows: int
    repeat: int
    memory_limit: int

    def scaled(self, full: int) -> int:
        """Return a number at the scale of this run."""
        return max(1, round(full * self.rows / FULL_ROWS))

    def log(self, name: str) -> Path:
        """Return where what a piece says goes."""
        return self.work / "log" / name

    def ingested(self, files: Sequence[Path], like: Path | None = None) -> Measured:
        """Take resultados files into a fresh home, or into a copy of another one."""
        with data.fresh(self.work, like) as home:
            data.drop(files, home)
            return measured("ingest", self.log("ingest"), home=home, kinds=["resultados"])

    def times(self) -> range:
        """Return as many numbers as there are repetitions."""
        return range(self.repeat)


def csv(options: Options) -> list[Line]:
    """One large csv, against bare DuckDB."""
    file = one_file(options, {})
    bare: list[Measured] = []
    platform: list[Measured] = []
    for _ in options.times():
        with data.fresh(options.work) as home:
            bare.append(measured("bare_duckdb", options.log("bare"), home=home, file=file, kind="resultados"))
        platform.append(options.ingested([file]))
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
    runs: dict[int, list[Measured]] = {options.scaled(size): [] for size in (SMALL_LAKE, LARGE_LAKE)}
    for _ in options.times():
        for size, found in runs.items():
            home, last = data.lake(options.work, size)
            vehicles = options.scaled(SHIFT_VEHICLES)
            plan = replace(last, start=last.next_start, vehicles=vehicles, weeks=1, name=f"shift_after_{size}")
            found.append(options.ingested([data.upload(data.batch(options.work, plan), plan.name)], home))
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
    """The whole history in period files, from empty, once; and the same files as the prototypes took them."""
    batches = data.periods(options.work, options.scaled(HISTORY_VEHICLES))
    files = [data.upload(folder, plan.name) for plan, folder in batches]
    platform = options.ingested(files)
    with data.fresh(options.work) as home:
        naive = measured("prototype", options.log("prototype"), options.memory_limit, home=home, files=files)
    done = naive.figures.get("files", 0)
    fate = f"stopped above {gib(options.memory_limit)} in file {done + 1}" if naive.stopped else "finished"
    rows, size = platform.figures["rows_in"], platform.figures["lake_bytes"]
    return [
        line(
            f"history of {rows:,} rows in {len(files)} files, from empty",
            f"{platform.seconds / 60:.1f} min, {rows / platform.seconds:,.0f} rows/s; lake {gib(size)} "
            f"of {gib(sum(file.stat().st_size for file in files))} csv",
            f"pandas concat, drop_duplicates, rewrite: {done} files, {naive.figures.get('merged', 0):,} rows in "
            f"{naive.figures.get('seconds', 0) / 60:.1f} min, then {fate}; {gib(naive.peak)}",
            memory=(platform.peak, None),
        )
    ]


def xlsx(options: Options) -> list[Line]:
    """A full sheet, against the bare native reader."""
    file = data.full_sheet(options.work, options.scaled(data.SHEET_ROWS))
    bare: list[Measured] = []
    reading: list[Measured] = []
    whole: list[Measured] = []
    for _ in options.times():
        bare.append(measured("fastexcel", options.log("fastexcel"), file=file))
        with data.fresh(options.work) as home:
            data.drop([file], home)
            reading.append(measured("read", options.log("read"), home=home, kind="resultados"))
        whole.append(options.ingested([file]))
    return [
        line(
            f"xlsx of {whole[0].figures['rows_in'] + 1:,} rows, {what}",
            f"{median(platform):.1f} s",
            f"bare fastexcel: {median(bare):.1f} s, {gib(most(bare))}",
            ratio=(median(platform) / median(bare), limit),
            memory=(most(platform), None),
        )
        for what, platform, limit in (
            ("upload to rows of text", reading, 1.5),
            ("upload to merged and checked", whole, None),
        )
    ]


def small(options: Options) -> list[Line]:
    """Many small files at once, through `process`."""
    files = data.small_files(options.work, options.scaled(SMALL_FILES), SMALL_ROWS)
    runs: list[Measured] = []
    for _ in options.times():
        with data.fresh(options.work) as home:
            data.drop(files, home, "status")
            runs.append(measured("process", options.log("process"), home=home))
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
    """The contract's share of a dirty csv's way in; and the same within little memory."""
    file = one_file(options, SOME_DIRT)
    runs: dict[str, list[Measured]] = {"2GB": [], TIGHT: []}
    whole: list[Measured] = []
    for _ in options.times():
        whole.append(options.ingested([file]))
        with data.fresh(options.work) as home:
            data.drop([file], home)
            (folder,) = measured("read", options.log("read"), home=home, kind="resultados").figures["folders"]
            for limit, found in runs.items():
                asked = {"home": home, "kind": "resultados", "folder": folder, "memory_limit": limit}
                found.append(measured("judge", options.log("judge"), **asked))
    usual, tight = runs.values()
    bad, unexplained = usual[0].figures["bad"], usual[0].figures["unexplained"]
    return [
        line(
            f"contract: typing, judging and hashing {whole[0].figures['rows_in']:,} rows, {bad:,} of them bad, "
            f"{unexplained} of these without a reason",
            f"{median(usual):.1f} s",
            f"upload to merged and checked: {median(whole):.1f} s",
            ratio=(median(usual) / median(whole), 0.4),
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
    """One small upload, where many uploads came before it and where few did. Without Dagster, from file to checks."""
    model, *files = data.small_files(options.work, LEDGER_FILES + 2, SMALL_ROWS)
    runs: dict[int, list[Measured]] = {FEW_UPLOADS: [], MANY_UPLOADS: []}
    for _ in options.times():
        for number, found in runs.items():
            with data.fresh(options.work, data.many_uploads(options.work, number, model, "status")) as home:
                data.drop(files, home, "status")
                found.append(measured("add_uploads", options.log("add_uploads"), home=home, kind="status"))
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
    """Return one csv of about as many resultados as asked for."""
    vehicles = max(1, round(options.rows / data.ROWS_A_VEHICLE))
    ((plan, folder),) = data.periods(options.work, vehicles, dirt)
    return data.upload(folder, plan.name)
