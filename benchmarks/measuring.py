"""Runs one piece of work in a process of its own and measures its duration and the memory of its process tree."""

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

POLL_SECONDS = 0.05
PIECES = Path(__file__).with_name("ingest_pieces.py")


class PieceFailedError(Exception):
    """A piece ended with an error; the message gives the path of its log."""


@dataclass(frozen=True)
class Measurement:
    """One run of a piece.

    Attributes:
        figures: the last results that the piece wrote; `seconds` is its own time, without the start of its process.
        peak: maximum resident memory of its processes together, in bytes; shared pages count in each process.
        stopped: whether it was stopped at the memory limit; `figures` are then the last ones before.
    """

    figures: dict[str, Any]
    peak: int
    stopped: bool = False

    @property
    def seconds(self) -> float:
        """The piece's own time."""
        return float(self.figures["seconds"])


def measure(piece: str, log: Path, limit: int | None = None, pieces: Path = PIECES, **arguments: Any) -> Measurement:
    """Run a piece of the file `pieces` to its end, or until its processes use more than `limit` bytes of memory."""
    home = {"FAILURE_PLATFORM_HOME": str(arguments["home"])} if "home" in arguments else {}
    log.parent.mkdir(parents=True, exist_ok=True)
    output, errors = log.with_suffix(".out"), log.with_suffix(".err")
    with output.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, str(pieces), piece, json.dumps(arguments, default=str)],
            env={**os.environ, **home},
            stdout=out,
            stderr=err,
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, used := memory(process.pid))
            if limit is not None and used > limit:
                end(process)
                return Measurement(last_figures(output), peak, stopped=True)
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise PieceFailedError(f"{piece} ended with {process.returncode}: {errors.read_text()[-2000:]} (log: {errors})")
    return Measurement(last_figures(output), peak)


def median(runs: Sequence[Measurement]) -> float:
    """Return the median of the seconds of some runs."""
    return statistics.median(run.seconds for run in runs)


def most(runs: Sequence[Measurement]) -> int:
    """Return the maximum peak memory of some runs."""
    return max(run.peak for run in runs)


def memory(pid: int) -> int:
    """Return the current resident memory of a process and its descendants, in bytes."""
    used = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                used += process.memory_info().rss
    return used


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its descendants."""
    tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def last_figures(output: Path) -> dict[str, Any]:
    """Return the results in the last complete line that a piece wrote, or an empty dict."""
    lines = [line for line in output.read_text().split("\n")[:-1] if line]
    figures: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return figures
