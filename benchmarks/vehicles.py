"""The cost of the vehicles table: a full build, compared with one bare DuckDB `GROUP BY`, and an incremental update.

    python benchmarks/vehicles.py                       (20,000 vehicles: about 5 minutes on 2 cores, 4 GB of disk)
    python benchmarks/vehicles.py --whole               (82,000 vehicles, the complete simulated history)
    python benchmarks/vehicles.py --vehicles 5_000 --repeat 3

The history comes from the simulator and is ingested by the platform's own jobs; the lake is kept in the work folder.
Every piece runs in a process of its own, on a copy of the lake. Run it on an otherwise idle machine.
"""

import argparse
from dataclasses import astuple, replace
from pathlib import Path

from rich.console import Console

import ingest_data as data
from failure_platform.simulation.plan import Simulation
from ingest_table import Line, gib, line, show
from measuring import Measurement, measure, median, most

PIECES = Path(__file__).with_name("vehicle_pieces.py")
HISTORY_VEHICLES, VEHICLES_PER_DAY = 82_000, 210
ALLOWED_RATIO, ALLOWED_GIB = 3.0, 4.0


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=20_000, help="Vehicles in the lake.")
    parser.add_argument("--whole", action="store_true", help=f"The complete history: {HISTORY_VEHICLES:,} vehicles.")
    parser.add_argument("--repeat", type=int, default=1, help="Runs of each piece; the median counts.")
    parser.add_argument("--work", type=Path, default=Path("data/benchmark"), help="Keeps files and lakes.")
    args = parser.parse_args()
    vehicles = HISTORY_VEHICLES if args.whole else args.vehicles
    rows = measure_all(args.work.resolve(), vehicles, args.repeat)
    Console().print(show([astuple(row) for row in rows]))


def measure_all(work: Path, vehicles: int, repeat: int) -> list[Line]:
    """Compare a full build with the bare query, and a day's update with the full build after it."""
    home, last = history(work, vehicles)
    day = replace(last, start=last.next_start, vehicles=VEHICLES_PER_DAY, weeks=1, name=f"day_after_{vehicles}")

    def piece(name: str, home: Path) -> Measurement:
        return measure(name, work / "log" / name, pieces=PIECES, home=home)

    bare, full, update, after = [], [], [], []
    for _ in range(repeat):
        with data.temporary_home(work, home) as copy:
            bare.append(piece("bare", copy))
            full.append(piece("full", copy))
            ingest_batches(copy, [(day, data.batch(work, day))], work / "log" / "day")
            update.append(piece("update", copy))
            after.append(piece("full", copy))
    built, updated = full[0].figures, update[0].figures
    if updated["data_version"] != after[0].figures["data_version"]:
        raise SystemExit("the table kept up to date is not the one that is built whole")
    return [
        line(
            f"vehicles built whole, {built['vehicles']:,} x {built['features']:,}, {built['rows']:,} rows in the lake",
            f"{median(full):.1f} s",
            f"bare GROUP BY KNR, test: {median(bare):.1f} s, {gib(most(bare))}",
            ratio=(median(full) / median(bare), ALLOWED_RATIO),
            memory=(most(full), ALLOWED_GIB),
        ),
        line(
            f"the same after a day's uploads, {updated['anew']:,} vehicles touched",
            f"{median(update):.1f} s",
            f"built whole: {median(after):.1f} s, {gib(most(after))}; the same table",
            ratio=(median(update) / median(after), None),
            memory=(most(update), ALLOWED_GIB),
        ),
    ]


def history(work: Path, vehicles: int) -> tuple[Path, Simulation]:
    """Return a home whose lake has a history of all three kinds, and the plan of its last batch."""
    batches = data.periods(work, vehicles)
    home = work / f"history_{vehicles}"
    if not (home / "built").exists():
        ingest_batches(home, batches, work / "log" / f"history_{vehicles}")
        (home / "built").touch()
    return home, batches[-1][0]


def ingest_batches(home: Path, batches: list[tuple[Simulation, Path]], log: Path) -> None:
    """Ingest batches into a home's lake with the platform's jobs, in addition to what it contains."""
    for kind in data.KINDS:
        for plan, folder in batches:
            file = home / "uploads" / kind / f"{plan.name}.csv"
            file.unlink(missing_ok=True)
            data.drop([data.upload(folder, plan.name, kind)], home, kind)
    measure("ingest", log, home=home, kinds=data.KINDS)
    for kind in data.KINDS:
        for file in (home / "uploads" / kind).iterdir():
            # A file that stays in the upload folder would be scanned and hashed again.
            file.unlink()


if __name__ == "__main__":
    main()
