"""How often the intervals of a comparison hold the truth, and whether they stay inside what is possible.

    python benchmarks/interval_coverage.py                     (400 comparisons a line: about five minutes on one core)
    python benchmarks/interval_coverage.py --failures 2 5 --comparisons 100
    python benchmarks/interval_coverage.py --write             (also writes the README's table)

Every comparison is made by the platform itself, with the number of failures in the line, a tenth of all vehicles. The
truth is the metric of the same models on a million vehicles. The same seed gives the same table.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from interval_truths import METRICS, MODELS, Coverage, coverage
from readme_table import write_between

BEGIN, END = "<!-- interval coverage -->", "<!-- end of interval coverage -->"
LEVEL = 0.95
COLUMNS = (
    "models compared",
    "failures",
    "comparisons",
    "ROC AUC",
    "its difference",
    "average precision",
    "its difference",
    "worst other",
    "width: ROC AUC",
    "width: average precision",
    "impossible or inconsistent",
    "met",
)
RANKING = ("roc_auc", "average_precision")


def main() -> None:
    """Compare and show how often each interval holds the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=400, help="Of each kind and number of failures.")
    parser.add_argument("--failures", type=int, nargs="+", default=[2, 5, 10, 30], help="Among the compared vehicles.")
    parser.add_argument("--only", choices=list(MODELS), nargs="+", default=list(MODELS), help="Kinds of models.")
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
    seeds = range(args.seed * 1_000_000, args.seed * 1_000_000 + args.comparisons)
    for name in args.only:
        for failures in args.failures:
            one = partial(coverage, name, failures, args.resamples)
            found = list(pool.map(one, seeds, chunksize=8))
            yield _row(MODELS[name].text, failures, found)


def _row(text: str, failures: int, found: Sequence[Mapping[str, Coverage]]) -> tuple[str, ...]:
    def mean(metric: str, of: str) -> float:
        values = [value for one in found if (value := getattr(one[metric], of)) is not None]
        return sum(values) / len(values) if values else float("nan")

    held = [mean(metric, of) for metric in RANKING for of in ("value_held", "difference_held")]
    others = [metric for metric in METRICS if metric not in RANKING]
    worst = min(mean(metric, of) for metric in others for of in ("value_held", "difference_held"))
    impossible = sum(any(each.impossible for each in one.values()) for one in found) / len(found)
    # Chance: of 400 intervals at 95 %, fewer than 93 % hold the truth once in thirty times.
    met = min(*held, worst) >= LEVEL - 0.02 and impossible == 0
    return (
        text,
        str(failures),
        str(len(found)),
        *(_percent(one) for one in (*held, worst)),
        *(f"{mean(metric, 'width'):.2f}" for metric in RANKING),
        _percent(impossible),
        "yes" if met else "no",
    )


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"


if __name__ == "__main__":
    main()
