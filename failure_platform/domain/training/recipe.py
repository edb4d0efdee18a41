"""What a training run is made with: the settings of `[training]`, and the recipe that they become part of.

Nothing here imports a library for models: every command reads the settings when it starts.
"""

from dataclasses import asdict, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

SearchKind = Literal["grid", "random", "bayesian"]
Balance = Literal["none", "class_weight", "oversample", "smote"]
CalibrationChoice = Literal["auto", "none", "sigmoid", "isotonic"]

_STRICT = ConfigDict(extra="forbid")
# Fields of a recipe that do not make the model, or that its record holds in another form.
_NOT_RECORDED = {"mode", "search_seconds", "recency_half_life_days", "inspections_per_day"}


def required_precision(failure_rate: float, lift: float) -> float:
    """Return the precision that alarms must have to be worth following, 0 to 1.

    `lift` times the failure rate, which is the precision of alarming at random; where failures are so frequent that
    this would be out of reach, half of the way from the failure rate to 1.
    """
    return min(lift * failure_rate, (1 + failure_rate) / 2)


@dataclass(frozen=True, config=_STRICT)
class Aim:
    """What the decision threshold is chosen for, `[training.aim]`; costs in any one unit."""

    kind: Annotated[
        Literal["f1", "recall", "cost", "capacity"],
        Field(
            description="f1: the best balance of misses and false alarms that has `min_lift`; recall: fewest alarms "
            "that find `recall` of the failures; cost: the least cost; capacity: as many alarms a day as "
            "`inspections_per_day`."
        ),
    ] = "f1"
    min_lift: Annotated[
        float,
        Field(
            ge=1,
            description="Least precision of the alarms as a multiple of the failure rate, which is that of alarms at "
            "random; at most half of the way from it to 1. Where no threshold has it, nothing is alarmed (kind f1).",
        ),
    ] = 1.5
    recall: Annotated[float, Field(gt=0, le=1, description="Share of the failures to find (kind recall).")] = 0.8
    missed_failure_cost: Annotated[float, Field(gt=0, description="Cost of a failure not alarmed (kind cost).")] = 30.0
    false_alarm_cost: Annotated[float, Field(gt=0, description="Cost of an alarm on a good vehicle (kind cost).")] = 1.0

    def as_dict(self, inspections_per_day: int) -> dict[str, Any]:
        """Return the kind and the numbers that it uses, as JSON types; the others are no part of a model's record."""
        numbers: dict[str, dict[str, float]] = {
            "f1": {"min_lift": self.min_lift},
            "recall": {"recall": self.recall},
            "cost": {"missed_failure_cost": self.missed_failure_cost, "false_alarm_cost": self.false_alarm_cost},
            "capacity": {"alarms_per_day": inspections_per_day},
        }
        return {"kind": self.kind, **numbers[self.kind]}


@dataclass(frozen=True, config=_STRICT)
class TrainingSettings:
    """How candidates are trained, `[training]`."""

    families: Annotated[
        tuple[str, ...] | None,
        Field(description="Model families that compete; by default, all but the optional ones."),
    ] = None
    search: Annotated[SearchKind, Field(description="How settings of a family are searched.")] = "grid"
    search_trials: Annotated[int, Field(ge=1, description="Most settings tried (random and bayesian).")] = 40
    search_seconds: Annotated[float, Field(gt=0, description="No further setting is tried after this long.")] = 600.0
    mode: Annotated[
        Literal["full", "incremental"],
        Field(description="full: all vehicles from nothing; incremental: goes on from production with newer vehicles."),
    ] = "full"
    balance: Annotated[
        Balance,
        Field(description="Reweighting or resampling inside the pipeline; measured, none gives better probabilities."),
    ] = "none"
    calibration: Annotated[
        CalibrationChoice,
        Field(description="How probabilities are corrected; auto takes what had the least log loss out of fold."),
    ] = "auto"
    recency_half_life_days: Annotated[
        float | None,
        Field(gt=0, description="A vehicle this much older than the newest weighs half; empty: all weigh the same."),
    ] = None
    aim: Annotated[Aim, Field(description="What the decision threshold is chosen for.")] = field(default_factory=Aim)


@dataclass(frozen=True, config=_STRICT)
class Recipe(TrainingSettings):
    """Everything that a training run is made with. The same recipe on the same frame gives the same model.

    Attributes:
        folds: blocks of the inner validation.
        trials_done: settings after which the time had run out. Time differs between machines, so a model that it cut
            short records where; the same recipe with this number gives the same model on any machine.
        started_from: version that incremental training went on from; None: trained from nothing.
    """

    seed: Annotated[int, Field(description="Seed of everything random; recorded with every version.")] = 20240101
    min_failures: Annotated[int, Field(ge=2, description="Fewer failures on the training side: no candidate.")] = 10
    holdout_share: Annotated[
        float, Field(gt=0, lt=1, description="Newest share of vehicles kept for the comparison.")
    ] = 0.25
    inspections_per_day: Annotated[
        int, Field(ge=1, description="Vehicles that can be inspected in a day: of each day, the riskiest this many.")
    ] = 20
    folds: int = 3
    trials_done: int | None = None
    started_from: str | None = None

    @property
    def competing(self) -> tuple[str, ...]:
        """The families that compete."""
        # Imports scikit-learn, which takes seconds; the settings need none of it.
        from failure_platform.domain.families.available import DEFAULT

        return self.families or DEFAULT

    @property
    def half_life(self) -> timedelta | None:
        """The age at which a vehicle weighs half; None: all weigh the same."""
        return None if self.recency_half_life_days is None else timedelta(days=self.recency_half_life_days)

    def as_dict(self) -> dict[str, Any]:
        """Return what makes the model, as JSON types."""
        made = {
            **asdict(self),
            "families": list(self.competing),
            "aim": self.aim.as_dict(self.inspections_per_day),
            "half_life_days": self.recency_half_life_days,
        }
        return {name: value for name, value in made.items() if name not in _NOT_RECORDED}
