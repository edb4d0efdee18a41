"""The cost of an epoch of the sequence model on each device of this machine, and of a prediction.

    make setup-sequence
    python benchmarks/sequence.py                                 (CPU, and the GPU if there is one)
    python benchmarks/sequence.py --vehicles 60_000 --units 64

Cells are random: the cost depends on their number, not on their values. An epoch's time is the difference between
three epochs and one, divided by two, so that reading the cells and starting the device do not count.
"""

import argparse
import statistics
import time

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from failure_platform.domain.features.sequences import LENGTH
from failure_platform.domain.sequence.model import SequenceClassifier

MIB = 1024**2
TESTS = 900
FAILED = 0.06


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicles", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=LENGTH)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    x, y = cells(args.vehicles, args.steps)
    table = Table(
        title=f"{args.vehicles} vehicles x {args.steps} rows, {args.units} units, PyTorch {torch.__version__}"
    )
    for column in ("device", "seconds an epoch", "vehicles a second", "CPU / this"):
        table.add_column(column, justify="right")
    first = None
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        seconds = epoch(SequenceClassifier(units=args.units, batch=args.batch, device=device), x, y, args.repeats)
        first = first or seconds
        name = torch.cuda.get_device_name() if device == "cuda" else "CPU, one thread"
        table.add_row(name, f"{seconds:.2f}", f"{args.vehicles / seconds:,.0f}", f"{first / seconds:.1f}")
    model = SequenceClassifier(units=args.units, epochs=1).fit(x[:2000], y[:2000])
    begin = time.perf_counter()
    model.predict_proba(x)
    seconds_per_vehicle = (time.perf_counter() - begin) / len(x)
    Console().print(table)
    resident = psutil.Process().memory_info().rss / MIB
    Console().print(
        f"prediction (CPU, one thread): {seconds_per_vehicle * 1e6:.0f} us a vehicle; "
        f"memory held at the end: {resident:,.0f} MiB"
    )


def cells(vehicles: int, steps: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return random cells in the layout of `sequence_names`, and random labels."""
    rng = np.random.default_rng(0)
    shape = (vehicles, steps)
    channels = (
        rng.integers(0, TESTS, shape),
        np.where(rng.random(shape) < 0.01, 13, 10),
        rng.normal(size=shape),
        np.sort(rng.exponential(50, shape), axis=1),
    )
    return np.stack(channels, axis=2).reshape(vehicles, -1).astype(np.float32), rng.binomial(1, FAILED, vehicles)


def epoch(model: SequenceClassifier, x: NDArray[np.float32], y: NDArray[np.int64], repeats: int) -> float:
    """Return the median seconds of one pass over the data."""

    def seconds(epochs: int) -> float:
        begin = time.perf_counter()
        model.set_params(epochs=epochs, patience=epochs + 1).fit(x, y)
        return time.perf_counter() - begin

    seconds(1)
    return statistics.median((seconds(3) - seconds(1)) / 2 for _ in range(repeats))


if __name__ == "__main__":
    main()
