"""What a trained and judged candidate costs: time, as a ratio to one bare scikit-learn fit, and memory.

    python benchmarks/models.py                                   (80,000 vehicles x 500 features: some 12 minutes)
    python benchmarks/models.py --vehicles 20_000 --features 200

Candidate and comparison are materialised as from the UI, with every default: families, search, leak audit, saving,
the fresh process, intervals, slices, pictures and report. Run it on an otherwise idle machine.

What belongs here: the command line and the table. What does not: the pieces of work (model_pieces), how they are
watched (measuring).
"""

import argparse
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ingest_table import GIB, gib
from measuring import Measured, measured

PIECES = Path(__file__).with_name("model_pieces.py")
ALLOWED_MINUTES, ALLOWED_GIB = 10, 6


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=80_000)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--work", type=Path, default=Path("data/benchmark"), help="Keeps the lake and the logs.")
    asked = parser.parse_args()
    home = (asked.work / "models_home").resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)

    def run(piece: str, **arguments: object) -> Measured:
        return measured(piece, asked.work.resolve() / "log" / piece, pieces=PIECES, home=home, **arguments)

    made = run("lake", vehicles=asked.vehicles, features=asked.features).figures
    bare, whole = run("bare_boosting"), run("train_and_compare")
    met = whole.seconds <= ALLOWED_MINUTES * 60 and whole.peak <= ALLOWED_GIB * GIB
    table = Table("what", "time", "ratio", "peak memory", "ROC AUC", "met")
    table.add_row("bare histogram boosting", f"{bare.seconds:.0f} s", "1", gib(bare.peak), _auc(bare.figures), "")
    table.add_row(
        "candidate_model and model_comparison",
        f"{whole.seconds:.0f} s",
        f"{whole.seconds / bare.seconds:.1f}",
        gib(whole.peak),
        _auc(whole.figures),
        f"{'yes' if met else 'no'}: {ALLOWED_MINUTES} min, {ALLOWED_GIB} GiB",
    )
    console = Console()
    console.print(f"{made['vehicles']} vehicles x {asked.features} features, {made['failures']} failures")
    console.print(table)
    console.print(whole.figures)


def _auc(figures: dict[str, float]) -> str:
    return f"{figures['roc_auc']:.3f}"


if __name__ == "__main__":
    main()
