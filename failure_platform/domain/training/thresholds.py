"""The decision threshold: from which probability a vehicle is alarmed, for a stated aim.

What belongs here: one rule per aim. What does not: the vehicles it is chosen on; these are out of fold, never those
that the comparison judges.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
# Alarms below certainty: none.
NO_ALARM = 1.0
_NUMBERS: dict[str, tuple[str, ...]] = {
    "f1": (),
    "recall": ("recall",),
    "cost": ("missed_failure_cost", "false_alarm_cost"),
    "capacity": ("alarms_per_day",),
}


@dataclass(frozen=True)
class Aim:
    """What the threshold is chosen for.

    Attributes:
        kind: f1 (best balance), recall (fewest alarms that find the share), cost (least cost), capacity (alarms a day).
        recall: share of the failures to find.
        missed_failure_cost, false_alarm_cost: in any one unit.
        alarms_per_day: on average over the days with vehicles.
    """

    kind: Literal["f1", "recall", "cost", "capacity"] = "f1"
    recall: float = 0.8
    missed_failure_cost: float = 30.0
    false_alarm_cost: float = 1.0
    alarms_per_day: int = 20

    def as_dict(self) -> dict[str, Any]:
        """Return the kind and the numbers that it uses, as JSON types: others are no part of what was asked."""
        numbers = asdict(self)
        return {"kind": self.kind, **{name: numbers[name] for name in _NUMBERS[self.kind]}}


def threshold_for(aim: Aim, y: Labels, p: Floats, asked: NDArray[np.datetime64]) -> float:
    """Return the probability from which to alarm.

    Without a failure among the vehicles, or with one probability for all (aim f1), nothing can be chosen and nothing is
    alarmed below certainty.

    Args:
        aim: what for.
        y: labels, shape (vehicles,).
        p: probabilities, same order.
        asked: prediction points, same order.
    """
    if aim.kind == "capacity":
        return _within_capacity(aim.alarms_per_day, p, asked)
    if not y.any():
        return NO_ALARM
    if aim.kind == "f1":
        return _best_f1(y, p)
    if aim.kind == "recall":
        # The least alarms that find the share: the probability of that failure, counted from the riskiest.
        found = np.sort(p[y == 1])[::-1]
        return float(found[int(np.ceil(aim.recall * len(found) - 1e-9)) - 1])
    return _least_cost(aim, y, p)


def _best_f1(y: Labels, p: Floats) -> float:
    if p.min() == p.max():
        return NO_ALARM
    precision, recall, thresholds = precision_recall_curve(y, p)
    hits = precision[:-1] * recall[:-1]
    f1 = np.divide(2 * hits, precision[:-1] + recall[:-1], out=np.zeros_like(hits), where=hits > 0)
    return float(thresholds[int(np.argmax(f1))])


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


def _within_capacity(per_day: int, p: Floats, asked: NDArray[np.datetime64]) -> float:
    days = len(np.unique(asked.astype("datetime64[D]")))
    wanted = per_day * days
    if wanted >= len(p):
        return 0.0
    riskiest = np.sort(p)[::-1]
    # Of equal probabilities at the edge none is alarmed: more would not fit into the days.
    return float(np.nextafter(riskiest[wanted], np.inf))
