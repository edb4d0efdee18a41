"""Speed and memory of ingesting uploads, as ratios of medians taken in one run.

    python benchmarks/ingest.py                               (everything: some hours on 2 cores, 60 GB of disk)
    python benchmarks/ingest.py --only csv --rows 10_000_000 --repeat 3
    python benchmarks/ingest.py --write                       (also writes the README's table)

The files come from the simulator and are ingested by the platform's own jobs. Every piece of work runs in a process of
its own, and pieces that are compared alternate. Run it on an otherwise idle machine. Files, lakes and results are kept
in the work folder; the table shows the latest result of every part.
"""

import argparse
import json
from dataclasses import astuple
from pathlib import Path

from rich.console import Console

from ingest_parts import FULL_ROWS, PARTS, Options
from ingest_table import GIB, show, write


def main() -> None:
    """Measure the requested parts; show the latest results of all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="Parts to measure.")
    parser.add_argument("--rows", type=int, default=FULL_ROWS, help="Of the large csv; the rest is scaled with it.")
    parser.add_argument("--repeat", type=int, default=3, help="Runs of each piece; the median counts.")
    parser.add_argument("--work", type=Path, default=Path("data/benchmark"), help="Keeps files, lakes and results.")
    parser.add_argument("--memory-limit", type=float, default=20, help="GiB at which the prototype is stopped.")
    parser.add_argument("--write", action="store_true", help="Put the table into the README.")
    args = parser.parse_args()
    options = Options(args.work.resolve(), args.rows, args.repeat, round(args.memory_limit * GIB))
    results_file = options.work / f"figures_{options.rows}.json"
    results = json.loads(results_file.read_text()) if results_file.exists() else {}
    console = Console()
    for name in args.only:
        console.print(f"{name}: {PARTS[name].__doc__}")
        results[name] = [astuple(line) for line in PARTS[name](options)]
        results_file.write_text(json.dumps(results, indent=1))
    rows = [row for name in PARTS for row in results.get(name, [])]
    console.print(show(rows))
    if args.write:
        write(rows)


if __name__ == "__main__":
    main()
