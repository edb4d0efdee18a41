"""Runs one piece of work in a process of its own and says how long it took and what memory its processes held.

What belongs here: starting a piece, watching its tree of processes, stopping it at a limit. What does not: the pieces
(ingest_pieces) and what their figures mean (ingest).
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LOOK_SECONDS = 0.05
PIECES = Path(__file__).with_name("ingest_pieces.py")


class PieceFailedError(Exception):
    """A piece ended with an error; the message names its log."""


@dataclass(frozen=True)
class Measured:
    """One run of a piece.

    Args:
        figures: what the piece said last; `seconds` is its own time, without the start of its process.
        peak: most bytes that its processes held together, pages that they share counted in each.
        stopped: whether it was stopped because they held more than allowed; `figures` are then from before.
    """

    figures: dict[str, Any]
    peak: int
    stopped: bool = False

    @property
    def seconds(self) -> float:
        """The piece's own time."""
        return float(self.figures["seconds"])


def measured(piece: str, log: Path, limit: int | None = None, pieces: Path = PIECES, **arguments: Any) -> Measured:
    """Run a piece of a file of `pieces` to its end, or until its processes hold more than `limit` bytes."""
    home = {"FAILURE_PLATFORM_HOME": str(arguments["home"])} if "home" in arguments else {}
    log.parent.mkdir(parents=True, exist_ok=True)
    said, errors = log.with_suffix(".out"), log.with_suffix(".err")
    with said.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, str(pieces), piece, json.dumps(arguments, default=str)],
            env={**os.environ, **home},
            stdout=out,
            stderr=err,
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, held := memory(process.pid))
            if limit is not None and held > limit:
                end(process)
                return Measured(last_figures(said), peak, stopped=True)
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise PieceFailedError(f"{piece} ended with {process.returncode}: {errors.read_text()[-2000:]} (log: {errors})")
    return Measured(last_figures(said), peak)


def median(runs: Sequence[Measured]) -> float:
    """Return the median of the seconds of some runs."""
    return statistics.median(run.seconds for run in runs)


def most(runs: Sequence[Measured]) -> int:
    """Return the most memory that any of some runs held."""
    return max(run.peak for run in runs)


def memory(pid: int) -> int:
    """Return the bytes that a process and its descendants hold in memory now."""
    held = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                held += process.memory_info().rss
    return held


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process with its descendants."""
    tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def last_figures(said: Path) -> dict[str, Any]:
    """Return the last whole line that a piece wrote, or nothing."""
    lines = [line for line in said.read_text().split("\n")[:-1] if line]
    figures: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return figures
