"""How often the leak audit stops honest trainings, and how often it finds a leak, on simulated plants.

    python benchmarks/leaks.py                     (100 plants of each kind: about half an hour on one core)
    python benchmarks/leaks.py --plants 50 --only honest
    python benchmarks/leaks.py --write             (also writes the README's table)

A leak counts as caught where the audit stops the training by a finding that concerns it: it names a feature that leaks,
or is of the kind that leaks of times and files have. The same seed gives the same table.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.leaks.audit import audit
from failure_platform.domain.leaks.findings import Audit, LeakKind
from leak_plants import (
    Part,
    bad_weeks,
    codes,
    codes_carry_the_signal,
    copy,
    earlier_defect,
    file_with_tests,
    files_by_outcome,
    flags,
    honest,
    late_rows,
    limits,
    lost,
    only_failed,
    scores,
    skipped_tests,
    two_lines,
    variant_that_never_fails,
)
from readme_table import write_between

BEGIN, END = "<!-- leak audit -->", "<!-- end of leak audit -->"
COLUMNS = ("what is in the data", "failures", "plants", "stopped", "warned only", "allowed", "met")
STOPPED_HONEST, CAUGHT = 0.01, 0.95
SIZES = (60, 250)
LARGE = (250,)
_OF_VEHICLES = frozenset({LeakKind.newer_than_prediction_point, LeakKind.upload_effect})


@dataclass(frozen=True)
class Kind:
    """A kind of plant.

    Attributes:
        text: how the README calls it.
        parts: what its honest features are, beyond those of every plant.
        leak: what is drawn from the outcome; None: nothing.
        proves: numbers of failures that prove the leak; of fewer, the table shows the figure and asks for nothing.
    """

    text: str
    parts: tuple[Part, ...] = ()
    leak: Part | None = None
    proves: tuple[int, ...] = SIZES


KINDS = {
    "honest": Kind("honest: measurements, skipped tests, rare codes"),
    "honest_codes": Kind("honest: five sparse codes carry the signal", (codes_carry_the_signal(0.03, 3.0),)),
    "honest_strong_codes": Kind(
        "honest: the same, nearly nine failures in ten have one", (codes_carry_the_signal(0.02, 6.0),)
    ),
    "honest_one_code": Kind(
        "honest: one code, before half of the failures and 3 in 100 others", (codes_carry_the_signal(0.06, 4.5, 1),)
    ),
    "honest_defect": Kind("honest: 45 in 100 vehicles with an earlier defect fail", (earlier_defect(3.5),)),
    "honest_sure_defect": Kind("honest: four in five of them do", (earlier_defect(6.0),)),
    "honest_certain_defect": Kind("honest: all of them do, two failures in five", (earlier_defect(60.0, 0.025),)),
    "honest_limits": Kind("honest: beyond a limit all fail, one failure in ten", (limits(0.006),)),
    "honest_skipped": Kind("honest: vehicles in trouble skip tests and fail more often", (skipped_tests(2.5),)),
    "honest_variant": Kind("honest: a third are of a variant that never fails", (variant_that_never_fails(0.33),)),
    "honest_weeks": Kind("honest: bad weeks, new tests, an upload a week", (bad_weeks(2.0),)),
    "honest_lines": Kind("honest: a line with more failures, own tests and files", (two_lines(0.3, 1.2),)),
    "copy_0.1": Kind("leak: the outcome, noise 0.1", leak=copy(0.1)),
    "copy_0.3": Kind("leak: the outcome, noise 0.3", leak=copy(0.3)),
    "flags_0.95": Kind("leak: five flags on 95 % of the failures", leak=flags(0.95)),
    "flags_0.8": Kind("leak: five flags on 80 %", leak=flags(0.8)),
    "flags_0.5": Kind("leak: five flags on 50 %", leak=flags(0.5), proves=LARGE),
    "flags_wrong": Kind("leak: five flags on 80 %, 2 in 100 of them wrong", leak=flags(0.8, 0.02), proves=LARGE),
    "scores": Kind("leak: five scores with noise 0.1 on 80 %", leak=scores(0.8, 0.1), proves=LARGE),
    "codes_0.95": Kind("leak: five codes, recorded after 95 % of the failures only", leak=codes(0.95)),
    "codes_0.8": Kind("leak: five codes, recorded after 80 % only", leak=codes(0.8), proves=LARGE),
    "only_0.9": Kind("leak: a test made of 90 % of the failed vehicles only", leak=only_failed(0.9)),
    "only_0.6": Kind("leak: a test made of 60 % of the failed vehicles only", leak=only_failed(0.6)),
    "lost_0.9": Kind("leak: a test lost for 90 % of the failed vehicles, 2 % of the others", leak=lost(0.9)),
    "lost_0.6": Kind("leak: a test lost for 60 % of the failed vehicles, 2 % of the others", leak=lost(0.6)),
    "late_1": Kind("leak: one vehicle with a row after its prediction point", leak=late_rows(1)),
    "late_30": Kind("leak: thirty such vehicles", leak=late_rows(30)),
    "files_1": Kind("leak: failed vehicles in files of their own", leak=files_by_outcome(1.0)),
    "files_0.5": Kind(
        "leak: half of the failed vehicles in files of their own", leak=files_by_outcome(0.5), proves=LARGE
    ),
    "file_tests": Kind("leak: a second file with its own test, two in three of it failed", leak=file_with_tests(0.8)),
}


@dataclass(frozen=True)
class Result:
    """Whether the audit stopped the training (of a leak: for this leak), and whether it warned only."""

    stopped: bool
    warned: bool


def main() -> None:
    """Audit the requested plants and show how often they are stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plants", type=int, default=100, help="Plants of each kind and size.")
    parser.add_argument("--only", choices=list(KINDS), nargs="+", default=list(KINDS), help="Kinds.")
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
    seeds = range(args.seed * 1_000_000, args.seed * 1_000_000 + args.plants)
    for name in args.only:
        for failures in SIZES:
            results = list(pool.map(partial(audited, name, failures), seeds, chunksize=8))
            yield _row(KINDS[name], failures, results)


def audited(name: str, failures: int, seed: int) -> Result:
    """Audit one plant; the same arguments give the same result."""
    kind = KINDS[name]
    found = audit_of_plant(kind, failures, seed)
    blocking = [one for one in found.blocking if kind.leak is None or _concerns_the_leak(one.feature, one.kind)]
    return Result(bool(blocking), bool(found.warnings) and not found.blocking)


def audit_of_plant(kind: Kind, failures: int, seed: int) -> Audit:
    """Return the audit of one plant, all of it as the training side."""
    plant = honest(failures, seed, *kind.parts)
    if kind.leak is not None:
        kind.leak(plant)
    frame = plant.frame()
    return audit(frame, frame, frame.head(0), feature_columns(frame), {})


def _concerns_the_leak(feature: str | None, kind: LeakKind) -> bool:
    return kind in _OF_VEHICLES if feature is None else ":9:9" in feature


def _row(kind: Kind, failures: int, results: list[Result]) -> tuple[str, ...]:
    number = len(results)
    stopped = sum(one.stopped for one in results) / number
    warned = sum(one.warned for one in results) / number
    if kind.leak is None:
        allowed, met = f"at most {_percent(STOPPED_HONEST)}", stopped <= STOPPED_HONEST
    else:
        allowed, met = f"at least {_percent(CAUGHT)}", stopped >= CAUGHT
    asked = (allowed, "yes" if met else "no") if failures in kind.proves else ("", "")
    return (kind.text, str(failures), str(number), _percent(stopped), _percent(warned), *asked)


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"


if __name__ == "__main__":
    main()
