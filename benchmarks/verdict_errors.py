"""How often the verdict is wrong, and how often it finds a real difference: simulated pairs of models.

    python benchmarks/verdict_errors.py                    (400 pairs of each kind: some half an hour of one core)
    python benchmarks/verdict_errors.py --pairs 100 --only equal better
    python benchmarks/verdict_errors.py --write            (also into the README's table)

Every pair goes through the platform's own comparison, with as many failures as the line says, a tenth of all vehicles.
The same seed gives the same table.

What belongs here: the command line, the processes and the table. What does not: what is true of the pairs and what
the verdict may say (verdict_truths).
"""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from failure_platform.domain.comparison.values import Comparison
from readme_table import write_between
from verdict_truths import ERROR, TRUTHS, Truth, any_better, compared, counted, share

BEGIN, END = "<!-- verdict errors -->", "<!-- end of verdict errors -->"
COLUMNS = (
    "what is true",
    "failures",
    "pairs",
    "better",
    "no evidence",
    "worse",
    "no signal",
    "a slice flagged",
    "wrong",
    "allowed",
    "met",
)
REUSED, REUSED_FAILURES = "reused", 100


def main() -> None:
    """Judge the pairs asked for and show how often each outcome came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400, help="Pairs of each kind and size.")
    parser.add_argument("--only", choices=[*TRUTHS, REUSED], nargs="+", default=[*TRUTHS, REUSED], help="Kinds.")
    parser.add_argument("--resamples", type=int, default=600, help="Behind each interval; the platform takes 2,000.")
    parser.add_argument("--seed", type=int, default=1, help="Of everything random.")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="Processes.")
    parser.add_argument("--write", action="store_true", help="Put the table into the README.")
    asked = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(asked.workers) as pool:
        for row in _rows(asked, pool):
            rows.append(row)
            print(" | ".join(row), flush=True)
    if asked.write:
        write_between(BEGIN, END, COLUMNS, rows)


def _rows(asked: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[tuple[str, ...]]:
    seeds = range(asked.seed * 1_000_000, asked.seed * 1_000_000 + asked.pairs)
    for name in asked.only:
        if name == REUSED:
            one = partial(any_better, REUSED_FAILURES, resamples=asked.resamples)
            called = sum(pool.map(one, seeds, chunksize=4))
            text = "ten equally good candidates, one after another on the same vehicles; better: any of them"
            found = called / asked.pairs
            empty = ("",) * 4
            yield (text, str(REUSED_FAILURES), str(asked.pairs), _percent(found), *empty, *_held(found, ERROR))
            continue
        for failures in TRUTHS[name].sizes:
            one = partial(_compared, name, failures, asked.resamples)
            counts = counted(pool.map(one, seeds, chunksize=4))
            yield _row(TRUTHS[name], failures, asked.pairs, counts)


def _compared(name: str, failures: int, resamples: int, seed: int) -> Comparison:
    # Truths hold functions made on the spot, which do not travel to another process; their names do.
    return compared(TRUTHS[name], failures, seed, resamples)


def _row(truth: Truth, failures: int, pairs: int, counts: Counter[str]) -> tuple[str, ...]:
    shares = [_percent(counts[name] / pairs) for name in ("better", "no_evidence", "worse", "no_signal", "slice")]
    found = share(counts, truth.wrong, pairs)
    return (truth.text, str(failures), str(pairs), *shares, *_held(found, truth.limit))


def _held(found: float, limit: float) -> tuple[str, str, str]:
    return _percent(found), _percent(limit), "yes" if found <= limit else "no"


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"


if __name__ == "__main__":
    main()
