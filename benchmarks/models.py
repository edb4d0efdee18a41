"""The cost of a trained and compared candidate: time, as a ratio to one bare scikit-learn fit, and memory.

    python benchmarks/models.py                                   (80,000 vehicles x 500 features: about 12 minutes)
    python benchmarks/models.py --vehicles 20_000 --features 200

Candidate and comparison are materialised as from the UI, with every default: families, search, leak audit, saving,
verification in a fresh process, intervals, slices, plots and report. Run it on an otherwise idle machine.
"""

import argparse
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ingest_table import GIB, gib
from measuring import Measurement, measure

PIECES = Path(__file__).with_name("model_pieces.py")
ALLOWED_MINUTES, ALLOWED_GIB = 10, 6


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=80_000)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--work", type=Path, default=Path("data/benchmark"), help="Keeps the lake and the logs.")
    args = parser.parse_args()
    home = (args.work / "models_home").resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)

    def run(piece: str, **arguments: object) -> Measurement:
        return measure(piece, args.work.resolve() / "log" / piece, pieces=PIECES, home=home, **arguments)

    lake = run("lake", vehicles=args.vehicles, features=args.features).figures
    bare, platform = run("bare_boosting"), run("train_and_compare")
    met = platform.seconds <= ALLOWED_MINUTES * 60 and platform.peak <= ALLOWED_GIB * GIB
    table = Table("what", "time", "ratio", "peak memory", "ROC AUC", "met")
    table.add_row("bare histogram boosting", f"{bare.seconds:.0f} s", "1", gib(bare.peak), _auc(bare.figures), "")
    table.add_row(
        "candidate_model and model_comparison",
        f"{platform.seconds:.0f} s",
        f"{platform.seconds / bare.seconds:.1f}",
        gib(platform.peak),
        _auc(platform.figures),
        f"{'yes' if met else 'no'}: {ALLOWED_MINUTES} min, {ALLOWED_GIB} GiB",
    )
    console = Console()
    console.print(f"{lake['vehicles']} vehicles x {args.features} features, {lake['failures']} failures")
    console.print(table)
    console.print(platform.figures)


def _auc(figures: dict[str, float]) -> str:
    return f"{figures['roc_auc']:.3f}"


if __name__ == "__main__":
    main()
