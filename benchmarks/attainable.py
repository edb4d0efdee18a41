"""How much of the attainable signal the candidate finds on simulated plants: ROC AUC above 0.5, as a share.

    python benchmarks/attainable.py                  (10 seeds of 6,000 vehicles: about 3 minutes each on two cores)
    python benchmarks/attainable.py --seeds 3 4
    python benchmarks/attainable.py --write          (also writes the README's table)

The uploads of each plant are taken in, and a candidate is trained and compared, as by `process` with every default.
Attainable is the ROC AUC of the vehicles' true probability of failing on the vehicles of the comparison.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.writing import simulate
from readme_table import write_between

BEGIN, END = "<!-- attainable -->", "<!-- end of attainable -->"
COLUMNS = ("seed", "vehicles, failures of the comparison", "attainable ROC AUC", "candidate", "share found")
LEAST_MEDIAN, LEAST = 0.90, 0.85


def main() -> None:
    """Measure each seed and show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--vehicles", type=int, default=6_000)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--work", type=Path, default=Path("data/benchmark/attainable"), help="Keeps the homes.")
    parser.add_argument("--write", action="store_true", help="Put the table into the README.")
    args = parser.parse_args()
    rows, shares = [], []
    for seed in args.seeds:
        plan = Simulation(vehicles=args.vehicles, weeks=args.weeks, seed=seed)
        row, share = _measured(plan, (args.work / f"{args.vehicles}_{args.weeks}_{seed}").resolve())
        rows.append(row)
        shares.append(share)
        print(" | ".join(row), flush=True)
    median, least = statistics.median(shares), min(shares)
    met = "met" if median >= LEAST_MEDIAN and least >= LEAST else "not met"
    rows.append((f"{len(shares)} seeds", "", "", "", f"median {median:.0%}, least {least:.0%}: {met}"))
    print(" | ".join(rows[-1]))
    if args.write:
        write_between(BEGIN, END, COLUMNS, rows)


def _measured(plan: Simulation, home: Path) -> tuple[tuple[str, ...], float]:
    settings = Settings(home=home)
    if not home.exists():
        simulate(plan, settings.uploads_folder)
    done = subprocess.run(  # noqa: S603 - the platform's own command
        [str(Path(sys.executable).with_name("failure-platform")), "process", "--json"],
        env={**os.environ, "FAILURE_PLATFORM_HOME": str(home), "FAILURE_PLATFORM_SETTLE_SECONDS": "0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"process of {home} ended with {done.returncode}: {done.stderr[-2000:]}")
    candidate = json.loads(done.stdout)["targets"]["road_test"]["candidate"]
    platform = Platform(settings)
    compared = platform.registry.comparisons("road_test")[0].comparison
    truth = pd.read_csv(settings.root / "truth" / f"truth_{plan.name}.csv")
    vehicles = read_table(platform.lake, vehicles_table("road_test"))
    if vehicles is None:
        sys.exit(f"{home} has no vehicles")
    known = vehicles[vehicles["label"].notna()].sort_values(["predicted_at", "KNR"])
    held = known.tail(compared.vehicles)[["KNR", "label"]].merge(truth[["KNR", "probability"]], on="KNR")
    if len(held) != compared.vehicles or int(held["label"].sum()) != compared.failures:
        sys.exit(f"the newest {compared.vehicles} vehicles of {home} are not those of the comparison")
    best = float(roc_auc_score(held["label"].astype(int), held["probability"]))
    found = float(candidate["metrics"]["roc_auc"])
    share = (found - 0.5) / (best - 0.5)
    counts = f"{compared.vehicles:,}, {compared.failures}"
    return (str(plan.seed), counts, f"{best:.3f}", f"{found:.3f} ({candidate['family']})", f"{share:.0%}"), share


if __name__ == "__main__":
    main()
