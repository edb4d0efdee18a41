"""The failure function: the probability of a failed road test, given a few tests and stage times."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from failure_platform.simulation.line import CHECKPOINTS, STAGES, stage_hours
from failure_platform.simulation.plant_tests import nok_counts, plant_tests, row_plan

Floats = NDArray[np.float64]
EffectKind = Literal["deviation", "outside_window", "nok_count", "stage_time"]

EFFECT_MEANINGS: Mapping[EffectKind, str] = {
    "deviation": "coefficient * (last VALUE - nominal) / standard_deviation of (NAME, VALUE_ID)",
    "outside_window": "coefficient where the last VALUE is more than limit standard deviations from nominal, else 0",
    "nok_count": "coefficient * number of NOK verdicts of NAME",
    "stage_time": "coefficient * ln(hours from the checkpoint before to checkpoint name / median_hours)",
}


@dataclass(frozen=True)
class Effect:
    """One term of the log-odds, see EFFECT_MEANINGS.

    `name` is a test or a checkpoint. `group` is the S_GROUP_ID of failures whose largest term this is.
    """

    kind: EffectKind
    name: str
    coefficient: float
    group: str
    value_id: int = 0
    limit: float = 0.0

    @property
    def stage(self) -> int:
        """Position of the stage whose time matters (stage_time only)."""
        return CHECKPOINTS.index(self.name)

    def term(self, observed: Floats) -> Floats:
        """Return the term for deviations, counts or log stage times of any shape."""
        if self.kind == "outside_window":
            return self.coefficient * (np.abs(observed) > self.limit).astype(np.float64)
        return self.coefficient * observed

    def as_dict(self) -> dict[str, Any]:
        """Return the effect as JSON types, with the reference values of its measure."""
        values = asdict(self)
        if self.kind in ("deviation", "outside_window"):
            row = row_plan().at(self.name, self.value_id)
            values["nominal"] = float(row_plan().nominal[row])
            values["standard_deviation"] = float(row_plan().deviation[row])
        if self.kind == "stage_time":
            values["median_hours"] = STAGES[self.stage].median_hours
        return values


# Few and strong, all known before the prediction point; at signal 1 the best attainable ROC AUC is about 0.84.
EFFECTS = (
    Effect("deviation", "130100", -0.85, group="5"),
    Effect("deviation", "013002", 0.65, group="1"),
    Effect("outside_window", "SECTION_ALS_00000004", 1.5, group="9830946", limit=1.2),
    Effect("nok_count", "630500", 1.3, group="4"),
    Effect("stage_time", "M700", 0.7, group="2"),
    Effect("stage_time", "G700", 0.4, group="2"),
)

# From the drift date on, the first effect is zero and these tests measure DRIFT_SHIFT standard deviations more.
DRIFT_SHIFT = 0.8
DRIFTED_TESTS = (
    "013002",
    "040100",
    "130500",
    "200700",
    "310200",
    "720200",
    "SECTION_IBN_00000005",
    "UPSECOS_ALS_00000003",
)

_REFERENCE_VEHICLES = 400_000


@dataclass(frozen=True)
class FailureFunction:
    """P(failure) = 1 / (1 + exp(-(intercept + sum of the effects' terms)))."""

    intercept: float
    effects: tuple[Effect, ...]

    def terms(self, observed: Floats) -> Floats:
        """Return the terms of observations, both of shape (vehicles, effects)."""
        return np.stack([effect.term(observed[:, i]) for i, effect in enumerate(self.effects)], axis=1)

    def probability(self, observed: Floats) -> Floats:
        """Return the failure probability, shape (vehicles,), of observations of shape (vehicles, effects)."""
        return np.asarray(expit(self.intercept + self.terms(observed).sum(axis=1)), dtype=np.float64)

    def drifted(self) -> "FailureFunction":
        """Return the function that holds from the drift date on."""
        first, *rest = self.effects
        return replace(self, effects=(replace(first, coefficient=0.0), *rest))

    def as_dict(self) -> dict[str, Any]:
        """Return the function as JSON types."""
        return {"intercept": self.intercept, "effects": [effect.as_dict() for effect in self.effects]}


@cache
def failure_function(signal: float, rate: float) -> FailureFunction:
    """Return the function at a signal strength (0 none, 1 usual) whose mean probability is `rate` before any drift.

    The intercept is solved on a fixed reference population, so it depends on neither the seed, the number of vehicles
    nor the batch: all batches of a plant have the same function.
    """
    effects = tuple(replace(effect, coefficient=signal * effect.coefficient) for effect in EFFECTS)
    terms = FailureFunction(0.0, effects).terms(_reference_population()).sum(axis=1)

    def excess(intercept: float) -> float:
        return float(expit(intercept + terms).mean()) - rate

    return FailureFunction(float(brentq(excess, -60.0, 60.0, xtol=1e-10)), effects)


@cache
def _reference_population() -> Floats:
    """Return the observations of vehicles drawn like simulated ones, shape (reference vehicles, effects)."""
    rng = np.random.default_rng(20_230_102)
    hours = stage_hours(rng, _REFERENCE_VEHICLES)
    retest = {test.name: test.retest_share for test in plant_tests()}
    columns = []
    for effect in EFFECTS:
        if effect.kind == "stage_time":
            columns.append(np.log(hours[:, effect.stage] / STAGES[effect.stage].median_hours))
        elif effect.kind == "nok_count":
            columns.append(nok_counts(rng, np.full(_REFERENCE_VEHICLES, retest[effect.name])).astype(np.float64))
        else:
            columns.append(rng.standard_normal(_REFERENCE_VEHICLES))
    return np.stack(columns, axis=1)
