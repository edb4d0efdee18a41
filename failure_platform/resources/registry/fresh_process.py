"""Verifies in a new process that a saved model gives the probabilities recorded when it was saved.

The process runs this module. It gets folder, hashes and libraries on stdin and does not open the lake.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from failure_platform.resources.registry.model_files import (
    PROBABILITY_TOLERANCE,
    ModelRefusedError,
    failure_probabilities,
    load_model,
)

TIMEOUT_SECONDS = 120.0


def verify_model(folder: Path, files: Mapping[str, str], libraries: Mapping[str, str]) -> float:
    """Return the largest difference between recorded and new probabilities, at most PROBABILITY_TOLERANCE.

    Raises ModelRefusedError if the model does not load in the new process, gives other probabilities, or takes longer
    than TIMEOUT_SECONDS.
    """
    request = json.dumps({"folder": str(folder), "files": dict(files), "libraries": dict(libraries)})
    # -P: a file in the working directory must not shadow a library.
    command = [sys.executable, "-P", "-m", __name__]
    try:
        process = subprocess.run(  # noqa: S603 - this interpreter and this module; the rest goes through stdin
            command, input=request, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelRefusedError(
            f"The model in {folder} did not load in a fresh process within {TIMEOUT_SECONDS:g} s. Try again when the "
            f"machine is less busy."
        ) from error
    if process.returncode:
        errors = process.stderr.strip().splitlines() or [f"It ended with {process.returncode} without a message."]
        raise ModelRefusedError(f"The model in {folder} does not work in a fresh process. {errors[-1]}")
    return float(json.loads(process.stdout)["largest_difference"])


def _largest_difference(request: str) -> float:
    arguments = json.loads(request)
    pipeline, sample = load_model(Path(arguments["folder"]), arguments["files"], arguments["libraries"])
    difference = float(np.abs(failure_probabilities(pipeline, sample.rows) - np.array(sample.probabilities)).max())
    # Written so that NaN is refused too.
    if not difference <= PROBABILITY_TOLERANCE:
        raise ModelRefusedError(
            "It gives other probabilities of its recorded sample than when it was saved, up to "
            f"{difference:.3g} apart. Install the libraries in its requirements.txt, or train a new candidate."
        )
    return difference


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps({"largest_difference": _largest_difference(sys.stdin.read())}))
    except ModelRefusedError as refusal:
        sys.exit(str(refusal))
