"""Error rates of the verdict and its power to find real differences, on simulated pairs of models.

    python benchmarks/verdict_errors.py                    (400 pairs of each kind: about half an hour on one core)
    python benchmarks/verdict_errors.py --pairs 100 --only equal better
    python benchmarks/verdict_errors.py --write            (also writes the README's table)

Every pair is compared by the platform's own comparison, with the number of failures in the line, a tenth of all
vehicles. The same seed gives the same table.
"""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from failure_platform.domain.comparison.result import Comparison
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
    """Compare the requested pairs and show how often each outcome occurs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400, help="Pairs of each kind and size.")
    parser.add_argument("--only", choices=[*TRUTHS, REUSED], nargs="+", default=[*TRUTHS, REUSED], help="Kinds.")
    parser.add_argument("--resamples", type=int, default=600, help="Of each interval; the platform uses 2,000.")
    parser.add_argument("--seed", type=int, default=1, help="Of everything random.")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="Processes.")
    parser.add_argument("--write", action="store_true", help="Put the table into the README.")
    args = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(args.workers) as pool:
        for row in _rows(args, pool):
            rows.append(row)
            print(" | ".join(row), flush=True)
    if args.write:
        write_between(BEGIN, END, COLUMNS, rows)


def _rows(args: argparse.Namespace, pool: ProcessPoolExecutor) -> Iterator[tuple[str, ...]]:
    seeds = range(args.seed * 1_000_000, args.seed * 1_000_000 + args.pairs)
    for name in args.only:
        if name == REUSED:
            one = partial(any_better, REUSED_FAILURES, resamples=args.resamples)
            any_called_better = sum(pool.map(one, seeds, chunksize=4))
            text = "ten equally good candidates, one after another on the same vehicles; better: any of them"
            rate = any_called_better / args.pairs
            empty = ("",) * 4
            yield (text, str(REUSED_FAILURES), str(args.pairs), _percent(rate), *empty, *_limit_columns(rate, ERROR))
            continue
        for failures in TRUTHS[name].sizes:
            one = partial(_compared, name, failures, args.resamples)
            counts = counted(pool.map(one, seeds, chunksize=4))
            yield _row(TRUTHS[name], failures, args.pairs, counts)


def _compared(name: str, failures: int, resamples: int, seed: int) -> Comparison:
    # A Truth contains closures, which cannot be pickled for another process; its name can.
    return compared(TRUTHS[name], failures, seed, resamples)


def _row(truth: Truth, failures: int, pairs: int, counts: Counter[str]) -> tuple[str, ...]:
    shares = [_percent(counts[name] / pairs) for name in ("better", "no_evidence", "worse", "no_signal", "slice")]
    wrong = share(counts, truth.wrong, pairs)
    return (truth.text, str(failures), str(pairs), *shares, *_limit_columns(wrong, truth.limit))


def _limit_columns(rate: float, limit: float) -> tuple[str, str, str]:
    return _percent(rate), _percent(limit), "yes" if rate <= limit else "no"


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"


if __name__ == "__main__":
    main()
