"""The decision threshold: the probability from which a vehicle is alarmed, one rule for each aim."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from failure_platform.domain.training.recipe import Aim, required_precision

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
# Alarms below certainty: none.
NO_ALARM = 1.0
# A precision counts as more than chance where its lower confidence bound at this level is above the failure rate.
_CHANCE = 0.05


def threshold_for(
    aim: Aim, inspections_per_day: int, y: Labels, p: Floats, predicted_at: NDArray[np.datetime64]
) -> float:
    """Return the probability from which to alarm.

    Nothing is alarmed below certainty where nothing can be chosen: without a failure among the vehicles, and, for the
    aim f1, where no threshold has alarms of the required precision. Where failures are frequent or the model knows
    little, the best F1 of all is that of alarming every vehicle: at a failure rate of 0.473 it alarmed 99.9 % of them
    with a precision of 0.474. The vehicles are those of the training side, scored out of fold, never those of the
    comparison.

    Args:
        aim: what the threshold is chosen for.
        inspections_per_day: alarms a day, on average over the days with vehicles (aim capacity).
        y: labels, shape (vehicles,).
        p: probabilities, same order.
        predicted_at: prediction points, same order.
    """
    if aim.kind == "capacity":
        return _within_capacity(inspections_per_day, p, predicted_at)
    if not y.any():
        return NO_ALARM
    if aim.kind == "f1":
        return _best_f1(aim.min_lift, y, p)
    if aim.kind == "recall":
        # The fewest alarms that find the share: the probability of that failure, counted from the riskiest.
        failures = np.sort(p[y == 1])[::-1]
        return float(failures[int(np.ceil(aim.recall * len(failures) - 1e-9)) - 1])
    return _least_cost(aim, y, p)


def _best_f1(min_lift: float, y: Labels, p: Floats) -> float:
    order = np.argsort(-p, kind="stable")
    # Vehicles of one probability are alarmed together.
    last = np.append(np.diff(p[order]) != 0, True)
    alarms, hits = np.arange(1, len(p) + 1)[last], np.cumsum(y[order] == 1)[last]
    rate = float(y.mean())
    # The lower bound of Clopper and Pearson: three right alarms of three are no evidence where half of all fail.
    beyond_chance = beta.ppf(_CHANCE, np.maximum(hits, 1), alarms - hits + 1) > rate
    worth_following = (hits > 0) & beyond_chance & (hits >= required_precision(rate, min_lift) * alarms)
    if not worth_following.any():
        return NO_ALARM
    f1 = np.where(worth_following, 2 * hits / (alarms + y.sum()), -1.0)
    return float(p[order][last][int(np.argmax(f1))])


def _least_cost(aim: Aim, y: Labels, p: Floats) -> float:
    order = np.argsort(-p, kind="stable")
    failed = y[order] == 1
    missed = failed.sum() - np.cumsum(failed)
    cost = aim.missed_failure_cost * missed + aim.false_alarm_cost * np.cumsum(~failed)
    # Vehicles of one probability are alarmed together.
    last = np.append(np.diff(p[order]) != 0, True)
    cheapest = int(np.argmin(np.where(last, cost, np.inf)))
    never = aim.missed_failure_cost * failed.sum()
    return float(p[order][cheapest]) if cost[cheapest] < never else NO_ALARM


def _within_capacity(per_day: int, p: Floats, predicted_at: NDArray[np.datetime64]) -> float:
    days = len(np.unique(predicted_at.astype("datetime64[D]")))
    wanted = per_day * days
    if wanted >= len(p):
        return 0.0
    riskiest = np.sort(p)[::-1]
    # Of equal probabilities at the edge none is alarmed: more would not fit into the days.
    return float(np.nextafter(riskiest[wanted], np.inf))
