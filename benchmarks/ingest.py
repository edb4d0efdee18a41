"""How fast uploads get into the lake, and in how much memory: ratios of medians, taken in one run.

    python benchmarks/ingest.py                               (everything: some hours on 2 cores, 60 GB of disk)
    python benchmarks/ingest.py --only csv --rows 10_000_000 --repeat 3
    python benchmarks/ingest.py --write                       (also into the README's table)

Files come from the simulator and go through the platform's own jobs. Every measured piece runs in a process of its
own, and pieces that are compared take turns. Run it on an otherwise idle machine. Files and lakes are kept in the work
folder, and so are the figures: the table shows the last ones of every part.

What belongs here: the command line. What does not: what is compared with what (ingest_parts), the pieces of work
(ingest_pieces), their files (ingest_data), how they are watched (measuring) and the table (ingest_table).
"""

import argparse
import json
from dataclasses import astuple
from pathlib import Path

from rich.console import Console

from ingest_parts import FULL_ROWS, PARTS, Options
from ingest_table import GIB, show, write


def main() -> None:
    """Measure the parts asked for, show all that were ever measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="Parts to measure.")
    parser.add_argument("--rows", type=int, default=FULL_ROWS, help="Of the large csv; all else is scaled with it.")
    parser.add_argument("--repeat", type=int, default=3, help="Runs of each piece; the median counts.")
    parser.add_argument("--work", type=Path, default=Path("data/benchmark"), help="Keeps files, lakes and figures.")
    parser.add_argument("--memory-limit", type=float, default=20, help="GiB at which the prototypes' way is stopped.")
    parser.add_argument("--write", action="store_true", help="Put the table into the README.")
    asked = parser.parse_args()
    options = Options(asked.work.resolve(), asked.rows, asked.repeat, round(asked.memory_limit * GIB))
    kept = options.work / f"figures_{options.rows}.json"
    figures = json.loads(kept.read_text()) if kept.exists() else {}
    console = Console()
    for name in asked.only:
        console.print(f"{name}: {PARTS[name].__doc__}")
        figures[name] = [astuple(found) for found in PARTS[name](options)]
        kept.write_text(json.dumps(figures, indent=1))
    rows = [row for name in PARTS for row in figures.get(name, [])]
    console.print(show(rows))
    if asked.write:
        write(rows)


if __name__ == "__main__":
    main()
