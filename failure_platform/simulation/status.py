"""The status events of simulated vehicles: checkpoints, and the minor codes between them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from failure_platform.simulation.line import CHECKPOINTS, STAGES, SWAPPED_STAMPS
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.text_columns import taken_texts, timestamps
from failure_platform.simulation.vehicles import Vehicles

# 107 minor codes in addition to the 9 checkpoints: 36 of every vehicle, the others rare; about 50 events a vehicle.
_MINOR_CODES, _COMMON_CODES, _RARE_SHARE = 107, 36, 0.07
_STAGE_LETTERS = "RLGMMMMMM"


@dataclass(frozen=True)
class _Codes:
    """All codes in line order: stage, fraction of its duration (1: the checkpoint), share of vehicles."""

    code: NDArray[np.object_]
    stage: NDArray[np.int64]
    fraction: NDArray[np.float64]
    share: NDArray[np.float64]

    @property
    def checkpoints(self) -> NDArray[np.int64]:
        """Position of each stage's checkpoint."""
        return np.flatnonzero(self.fraction == 1.0)


@cache
def _codes() -> _Codes:
    rows = [(code, stage, 1.0, 1.0) for stage, code in enumerate(CHECKPOINTS)]
    for number in range(_MINOR_CODES):
        place, stage = divmod(number, len(STAGES))
        code = "L66A" if number == 1 else f"{_STAGE_LETTERS[stage]}{100 + 9 * stage + 40 * place + 13 * (number % 2)}"
        rows.append((code, stage, (place + 1) / 13, 1.0 if number < _COMMON_CODES else _RARE_SHARE))
    rows.sort(key=lambda row: (row[1], row[2]))
    codes, stages, fractions, shares = zip(*rows, strict=True)
    return _Codes(np.array(codes, dtype=object), np.array(stages), np.array(fractions), np.array(shares))


def simulated_status(plan: Simulation, block: int, vehicles: Vehicles) -> pa.Table:
    """Return a text table with about 50 events of a finished vehicle, or the first stage's of an unfinished one."""
    rng = plan.random_stream(block, "status")
    codes = _codes()
    begin, end = vehicles.boundaries[:, codes.stage], vehicles.boundaries[:, codes.stage + 1]
    seconds = (begin + codes.fraction * (end - begin)).astype(np.int64)
    present = rng.random(seconds.shape) < codes.share
    lost = np.flatnonzero(vehicles.lost_scan >= 0)
    present[lost, codes.checkpoints[vehicles.lost_scan[lost]]] = False
    present &= vehicles.finished[:, None] | ((codes.stage == 0) & (codes.fraction < 1.0))

    for first, share in SWAPPED_STAMPS.items():
        swapped = np.flatnonzero(rng.random(vehicles.knr.size) < share)
        pair = codes.checkpoints[[first, first + 1]]
        seconds[np.ix_(swapped, pair)] = seconds[np.ix_(swapped, pair[::-1])]
    vehicle, event = np.nonzero(present)
    return pa.table(
        {
            "KNR": taken_texts(vehicles.knr, vehicle),
            "STATUS": taken_texts(codes.code, event),
            "DATA": timestamps(seconds[vehicle, event].astype("datetime64[s]")),
        }
    )
