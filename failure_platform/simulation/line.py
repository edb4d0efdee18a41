"""The simulated assembly line: its checkpoints in order, the duration of each stage, and missing scans."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stage:
    """A stage up to a checkpoint: the `code` of the checkpoint and the median time since the one before."""

    code: str
    median_hours: float


# ZP5, ZP5A, ZP61, ZP6 and ZP62, CAB, ZP7 [prediction point], road test, water test, ZP8. Hours are chosen.
STAGES = (
    Stage("R750", 6.0),
    Stage("L540", 5.0),
    Stage("G700", 4.0),
    Stage("M600", 7.0),
    Stage("M620", 3.0),
    Stage("M700", 6.0),
    Stage("M710", 8.0),
    Stage("M720", 3.0),
    Stage("M800", 10.0),
)
CHECKPOINTS = tuple(stage.code for stage in STAGES)
PREDICTION_STAGE = CHECKPOINTS.index("M700")
ROAD_STAGE = CHECKPOINTS.index("M710")

# Stage times are lognormal around the median; a few vehicles wait in a stage for days, at most LONGEST_HOURS.
STAGE_SIGMA = 0.6
WAITING_SHARE = 0.008
WAITING_MEDIAN_HOURS = 72.0
WAITING_SIGMA = 1.0
LONGEST_HOURS = 2_400.0

# 18.4 % of real vehicles lack a checkpoint. Here 2 % are never finished and 16.5 % lack one scan: 1.5 % that of M700.
UNFINISHED_SHARE = 0.02
LOST_PREDICTION_SCAN_SHARE = 0.015
LOST_OTHER_SCAN_SHARE = 0.15
# By stage: share of vehicles with the times of its checkpoint and of the next one swapped.
SWAPPED_STAMPS = {CHECKPOINTS.index("G700"): 0.007, CHECKPOINTS.index("M720"): 0.005}


def stage_hours(rng: np.random.Generator, vehicles: int) -> NDArray[np.float64]:
    """Return the hours of vehicles in each stage, shape (vehicles, stages), heavy-tailed."""
    shape = (vehicles, len(STAGES))
    usual = np.array([stage.median_hours for stage in STAGES]) * np.exp(STAGE_SIGMA * rng.standard_normal(shape))
    waiting = WAITING_MEDIAN_HOURS * np.exp(WAITING_SIGMA * rng.standard_normal(shape))
    hours = np.where(rng.random(shape) < WAITING_SHARE, usual + waiting, usual)
    return np.minimum(hours, LONGEST_HOURS)


def lost_scans(rng: np.random.Generator, vehicles: int) -> NDArray[np.int64]:
    """Return the stage whose checkpoint is missing from status, shape (vehicles,); -1 for none."""
    shares = np.full(len(STAGES), LOST_OTHER_SCAN_SHARE / (len(STAGES) - 1))
    shares[PREDICTION_STAGE] = LOST_PREDICTION_SCAN_SHARE
    drawn = rng.choice(np.arange(-1, len(STAGES)), size=vehicles, p=[1 - shares.sum(), *shares])
    return np.asarray(drawn, dtype=np.int64)
