"""How many labels the rule of coverage loses with complete exports, and how many wrong labels it leaves with bad ones.

    python benchmarks/coverage.py                    (10 seeds of each kind: about 10 minutes on one core)
    python benchmarks/coverage.py --seeds 3 --only whole "one hall"
    python benchmarks/coverage.py --write            (also writes the README's table)

The vehicles and their falhas are the simulator's. Every export is cut from the complete one, and the labels are those
of the platform's own rule on an in-memory lake. The same seeds give the same table.
"""

import argparse
from collections.abc import Iterator
from dataclasses import fields

from coverage_exports import COMPLETE, FAULTS, PLANTS, Labelled, labelled
from readme_table import write_between

BEGIN, END = "<!-- coverage -->", "<!-- end of coverage -->"
COLUMNS = (
    "falhas exports",
    "vehicles a day",
    "known by first and last row",
    "lost",
    "allowed",
    "wrong 0 by first and last row",
    "wrong 0",
    "thin 0",
    "met",
)
MOST_LOST = 0.01


def main() -> None:
    """Label every export and show the sums over the seeds."""
    exports = COMPLETE | FAULTS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="Simulated plants of each kind.")
    parser.add_argument("--only", choices=list(exports), nargs="+", default=list(exports), help="Exports.")
    parser.add_argument("--plants", choices=list(PLANTS), nargs="+", default=list(PLANTS), help="Vehicles a day.")
    parser.add_argument("--write", action="store_true", help="Put the table into the README.")
    args = parser.parse_args()
    rows = []
    for row in _rows(args):
        rows.append(row)
        print(" | ".join(row), flush=True)
    if args.write:
        write_between(BEGIN, END, COLUMNS, rows)


def _rows(args: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    for name in args.only:
        for plant in args.plants:
            found = [labelled(name, plant, seed) for seed in range(1, args.seeds + 1)]
            yield _row(name, plant, found)


def _row(name: str, plant: str, found: list[Labelled]) -> tuple[str, ...]:
    sums = Labelled(*(sum(getattr(one, field.name) for one in found) for field in fields(Labelled)))
    complete = name in COMPLETE
    lost = sums.lost / sums.known_before
    met = lost <= MOST_LOST if complete else sums.wrong == 0
    return (
        name,
        plant,
        f"{sums.known_before:,}",
        f"{100 * lost:.2f} %" if complete else "",
        f"{100 * MOST_LOST:.0f} %" if complete else "0 wrong",
        f"{sums.wrong_before:,}",
        f"{sums.wrong:,}",
        f"{sums.thin:,}",
        "yes" if met else "no",
    )


if __name__ == "__main__":
    main()
