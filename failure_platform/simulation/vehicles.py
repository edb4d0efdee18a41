"""Simulated vehicles: their times at the checkpoints, their measured values, and the outcome of the road test."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from failure_platform.simulation.cause import DRIFT_SHIFT, DRIFTED_TESTS, EFFECTS, Effect
from failure_platform.simulation.line import (
    PREDICTION_STAGE,
    ROAD_STAGE,
    STAGES,
    UNFINISHED_SHARE,
    lost_scans,
    stage_hours,
)
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.plant_tests import MOST_RETEST_ROWS, TOLERANCE, nok_counts, plant_tests, row_plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MOST_UNFINISHED_ROWS = 80
# After a failed road test the tests of ZP8 measure this many standard deviations more.
AFTER_FAILURE_SHIFT = 1.5


@dataclass(frozen=True)
class Vehicles:
    """A block of n vehicles, in order of start. Times are seconds since 1970.

    Args:
        knr: (n,) texts.
        boundaries: (n, stages + 1) start of the first stage, then the time of each checkpoint.
        finished: (n,) whether it completed all stages before the export; the others stop in the first stage.
        lost_scan: (n,) the stage whose checkpoint is missing from status, -1 for none.
        unfinished_rows: (n,) number of resultados rows if it is unfinished.
        values: (n, rows of the row plan) last values.
        nok: (n, tests) number of NOK verdicts before the OK one.
        drifted: (n,) whether it started at or after the drift date.
        probability: (n,) of failing the road test.
        failed: (n,) whether it failed; never for unfinished vehicles.
        failed_at: (n,) time of the failure, if it failed.
        group: (n,) failure group, if it failed; None where all terms are zero.
    """

    knr: NDArray[np.object_]
    boundaries: Ints
    finished: Bools
    lost_scan: Ints
    unfinished_rows: Ints
    values: Floats
    nok: Ints
    drifted: Bools
    probability: Floats
    failed: Bools
    failed_at: Ints
    group: NDArray[np.object_]


def simulated_vehicles(plan: Simulation, block: int) -> Vehicles:
    """Return the vehicles of one block, which depend on the plan and the block only."""
    rng = plan.random_stream(block, "vehicles")
    names, begin, drift = zip(*plan.starts(block), strict=True)
    count, drifted = len(names), np.array(drift, dtype=bool)
    seconds = np.rint(3600 * stage_hours(rng, count)).astype(np.int64)
    boundaries = np.cumsum(np.concatenate([np.array(begin)[:, None], seconds], axis=1), axis=1)
    finished = (rng.random(count) >= UNFINISHED_SHARE) & (boundaries[:, -1] < _seconds(plan.exported_at))

    rows = row_plan()
    deviations = rng.standard_normal((count, rows.test.size)).clip(-TOLERANCE, TOLERANCE)
    deviations[np.ix_(drifted, np.isin(rows.name, DRIFTED_TESTS))] += DRIFT_SHIFT
    values = rows.values(deviations, slice(None))
    nok = _nok(rng, count)

    observed = np.stack([_observed(effect, values, nok, seconds) for effect in EFFECTS], axis=1)
    before, after = plan.functions()
    probability = np.where(drifted, after.probability(observed), before.probability(observed))
    terms = np.where(drifted[:, None], after.terms(observed), before.terms(observed))
    failed = (rng.random(count) < probability) & finished
    into_road = np.rint(seconds[:, ROAD_STAGE] * rng.uniform(0.3, 0.95, count)).astype(np.int64)

    late = np.flatnonzero(rows.stage > ROAD_STAGE)
    shifted = deviations[np.ix_(failed, late)] + AFTER_FAILURE_SHIFT
    values[np.ix_(failed, late)] = rows.values(shifted, late)
    groups = np.array([effect.group for effect in EFFECTS], dtype=object)[terms.argmax(axis=1)]
    groups[~terms.any(axis=1)] = None
    return Vehicles(
        knr=np.array(names, dtype=object),
        boundaries=boundaries,
        finished=finished,
        lost_scan=lost_scans(rng, count),
        unfinished_rows=rng.integers(1, MOST_UNFINISHED_ROWS + 1, size=count),
        values=values,
        nok=nok,
        drifted=drifted,
        probability=probability,
        failed=failed,
        failed_at=boundaries[:, 1 + PREDICTION_STAGE] + into_road,
        group=groups,
    )


def _seconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1)).total_seconds())


def _nok(rng: np.random.Generator, vehicles: int) -> Ints:
    """Return numbers of NOK verdicts, shape (vehicles, tests), with at most MOST_RETEST_ROWS retest rows a vehicle."""
    tests = plant_tests()
    share = np.broadcast_to([test.retest_share for test in tests], (vehicles, len(tests)))
    nok = nok_counts(rng, share)
    rows = np.array([len(test.value_ids) for test in tests])
    # The most often retested test is counted first, so that the limit does not change the count that an effect uses.
    order = np.argsort([-test.retest_share for test in tests], kind="stable")
    used = np.cumsum((nok * rows)[:, order], axis=1)
    nok[:, order] = np.where(used <= MOST_RETEST_ROWS, nok[:, order], 0)
    return nok


def _observed(effect: Effect, values: Floats, nok: Ints, seconds: Ints) -> Floats:
    """Return the observations of an effect as they can be computed from the uploads, shape (vehicles,)."""
    if effect.kind == "stage_time":
        return np.asarray(np.log(seconds[:, effect.stage] / 3600 / STAGES[effect.stage].median_hours))
    if effect.kind == "nok_count":
        return nok[:, [test.name for test in plant_tests()].index(effect.name)].astype(np.float64)
    rows = row_plan()
    row = rows.at(effect.name, effect.value_id)
    return np.asarray((values[:, row] - rows.nominal[row]) / rows.deviation[row])
