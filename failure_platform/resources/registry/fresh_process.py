"""Asks a saved model, in a process that never saw it, for the probabilities it gave when it was saved.

What belongs here: the question (`ask`) and the process that answers it (run as a module). What does not: what follows
from the answer (resources.registry). The process is told folder, hashes and libraries; it opens no lake.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from failure_platform.resources.registry.model_files import TOLERANCE, ModelRefusedError, probabilities, read

LONGEST_SECONDS = 120.0


def ask(folder: Path, files: Mapping[str, str], libraries: Mapping[str, str]) -> float:
    """Return the largest difference between recorded and fresh probabilities; at most TOLERANCE.

    Raises ModelRefusedError when the model does not load there, says something else, or does not answer in time.
    """
    question = json.dumps({"folder": str(folder), "files": dict(files), "libraries": dict(libraries)})
    # -P: a file in the working directory must not stand in for a library.
    command = [sys.executable, "-P", "-m", __name__]
    try:
        answer = subprocess.run(  # noqa: S603 - this interpreter and this module; the rest goes through stdin
            command, input=question, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelRefusedError(
            f"The model in {folder} did not load in a fresh process within {LONGEST_SECONDS:g} s. Try again when the "
            f"machine is less busy."
        ) from error
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or [f"It ended with {answer.returncode} and said nothing."]
        raise ModelRefusedError(f"The model in {folder} does not work in a fresh process. {said[-1]}")
    return float(json.loads(answer.stdout)["largest_difference"])


def _answer(question: str) -> float:
    asked = json.loads(question)
    pipeline, sample = read(Path(asked["folder"]), asked["files"], asked["libraries"])
    apart = float(np.abs(probabilities(pipeline, sample.rows) - np.array(sample.probabilities)).max())
    # Written so that NaN, too, is a disagreement.
    if not apart <= TOLERANCE:
        raise ModelRefusedError(
            f"It gives other probabilities of its recorded sample than when it was saved, up to {apart:.3g} apart. "
            f"Install the libraries in its requirements.txt, or train a new candidate."
        )
    return apart


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps({"largest_difference": _answer(sys.stdin.read())}))
    except ModelRefusedError as refusal:
        sys.exit(str(refusal))
