"""The policy: what a comparison must show before a version may be promoted without a person."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

from failure_platform.domain.comparison.consequence import lift
from failure_platform.domain.comparison.result import Comparison, ComparisonRecord, Slice, counted_uses
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.training.recipe import required_precision

BETTER = "better"
_Z = 1.96  # of the two-sided level 0.95
_STRICT = ConfigDict(extra="forbid")


class Policy(StrEnum):
    """Who decides: a person, or the gates."""

    manual = "manual"
    automatic = "automatic"


class Advice(StrEnum):
    """What the gates advise. `ask`: there is too little evidence for any rule, so a person decides."""

    promote = "promote"
    keep = "keep"
    ask = "a person decides"


@validated(frozen=True, config=_STRICT)
class GateSettings:
    """What the automatic policy requires beyond the verdict, `[gates]`. A person may decide otherwise, saying why."""

    min_failures: Annotated[int, Field(ge=2, description="Fewer failures in the comparison: a person decides.")] = 100
    min_recall: Annotated[
        float, Field(ge=0, le=1, description="Least share of the failures that the candidate alarms.")
    ] = 0.0
    min_precision_lift: Annotated[
        float,
        Field(
            ge=1,
            description="Least precision of the candidate's alarms, as a multiple of the failure rate, which is that "
            "of alarms at random; at most half of the way from it to 1.",
        ),
    ] = 1.5
    within_capacity: Annotated[
        bool, Field(description="Credibly more alarms than `inspections_per_day` allows hold it back.")
    ] = True
    max_calibration_error: Annotated[
        float, Field(gt=0, le=1, description="Most calibration error of the candidate.")
    ] = 0.05
    worst_slice: Annotated[
        bool, Field(description="A slice that is credibly worse than in production holds it back.")
    ] = True


@validated(frozen=True, config=_STRICT)
class Gates(GateSettings):
    """The limits: the settings of `[gates]`, and those of the comparison.

    Attributes:
        most_uses: comparisons on the same vehicles; more than these: a person decides.
    """

    most_uses: int = ComparisonSettings.most_uses


@dataclass(frozen=True)
class GateResult:
    """One gate: the figure, its limit (None: it has none), whether it was passed, and both in a sentence."""

    gate: str
    number: float | None
    limit: float | None
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Ruling:
    """What the gates advise after a comparison, and each of them."""

    advice: Advice
    gates: tuple[GateResult, ...]

    @property
    def reason(self) -> str:
        """The gates that were not passed, or that all were, in a sentence or more."""
        failed = [one.sentence for one in self.gates if not one.passed]
        return " ".join(failed) if failed else f"All {len(self.gates)} gates are passed."

    def as_list(self) -> list[dict[str, Any]]:
        """Return the gates as JSON types, as they are kept with a decision."""
        return [asdict(one) for one in self.gates]


def ruling(record: ComparisonRecord, gates: Gates) -> Ruling:
    """Return what the gates advise after a comparison.

    With too few failures, or on vehicles that too many candidates were compared on, no rule applies and a person
    decides. Otherwise all gates passed means promote, and any other result keep.
    """
    enough = tuple(_enough(record.comparison, gates))
    good = tuple(_good(record.comparison, gates))
    if not all(gate.passed for gate in enough):
        advice = Advice.ask
    else:
        advice = Advice.promote if all(gate.passed for gate in good) else Advice.keep
    return Ruling(advice, (*enough, *good))


def _enough(compared: Comparison, gates: Gates) -> Iterator[GateResult]:
    failures, uses = compared.failures, compared.uses
    yield GateResult(
        "failures",
        failures,
        gates.min_failures,
        failures >= gates.min_failures,
        f"{failures} of the compared vehicles failed; the policy asks for at least {gates.min_failures}.",
    )
    yield GateResult(
        "uses of the holdout",
        uses,
        gates.most_uses,
        uses <= gates.most_uses,
        f"This is comparison {counted_uses(uses, gates.most_uses)}; each "
        f"is judged more strictly, so that a wrong 'better' among all has a chance of at most {compared.alpha:g}.",
    )


def _good(compared: Comparison, gates: Gates) -> Iterator[GateResult]:
    yield GateResult(
        "verdict",
        None,
        None,
        compared.verdict.outcome == BETTER,
        f"The verdict is {compared.verdict.outcome}: {compared.verdict.reason}",
    )
    recall, error = compared.candidate.get("recall"), compared.candidate.get("calibration_error")
    yield GateResult(
        "recall",
        recall,
        gates.min_recall,
        recall is not None and recall >= gates.min_recall,
        f"It alarms {_text(recall)} of the failures; the policy asks for at least {gates.min_recall:.3f}.",
    )
    yield GateResult(
        "calibration error",
        error,
        gates.max_calibration_error,
        error is not None and error <= gates.max_calibration_error,
        f"Its probabilities are off by {_text(error)} on average; the policy allows {gates.max_calibration_error:.3f}.",
    )
    yield _precision_lift(compared, gates)
    if gates.within_capacity:
        yield _alarm_share(compared)
    if gates.worst_slice:
        yield _slice(compared.worst_slice)


def _precision_lift(compared: Comparison, gates: Gates) -> GateResult:
    confusion = compared.confusions.get("candidate")
    found = None if confusion is None else lift(confusion)
    if confusion is None or found is None:
        sentence = "It alarms none of the compared vehicles, or none of them failed: its alarms cannot be judged."
        return GateResult("precision lift", None, gates.min_precision_lift, False, sentence)
    rate = (confusion.tp + confusion.fn) / compared.vehicles
    required = required_precision(rate, gates.min_precision_lift)
    return GateResult(
        "precision lift",
        found,
        required / rate,
        found >= required / rate,
        f"Its alarms are right in {100 * found * rate:.3g} of 100 cases, {found:.2f} times as often as alarms at "
        f"random; the policy asks for {required / rate:.2f} times.",
    )


def _alarm_share(compared: Comparison) -> GateResult:
    confusion = compared.confusions.get("candidate")
    if confusion is None or compared.inspections is None or not compared.vehicles:
        sentence = "How many of these vehicles can be inspected is not known: materialise model_comparison again."
        return GateResult("alarm share", None, None, False, sentence)
    share = (confusion.tp + confusion.fp) / compared.vehicles
    capacity = compared.inspections / compared.vehicles
    return GateResult(
        "alarm share",
        share,
        capacity,
        _lower_bound(share, compared.vehicles) <= capacity,
        f"It alarms {100 * share:.3g} of 100 vehicles; {100 * capacity:.3g} of 100 can be inspected "
        f"({compared.inspections_per_day} a day, inspections_per_day).",
    )


def _lower_bound(share: float, vehicles: int) -> float:
    """Return the lower limit of Wilson's interval of a share (JASA 22, 1927): as many alarms as fit pass by chance."""
    z2 = _Z**2 / vehicles
    return (share + z2 / 2 - math.sqrt(z2 * (share * (1 - share) + z2 / 4))) / (1 + z2)


def _slice(worst: Slice | None) -> GateResult:
    if worst is None:
        return GateResult(
            "worst slice",
            None,
            None,
            True,
            "No slice is judged: each holds too few failures, or nothing is in production.",
        )
    span = "no interval" if worst.low is None or worst.high is None else f"{worst.low:+.3f} to {worst.high:+.3f}"
    return GateResult(
        "worst slice",
        worst.difference,
        0.0,
        not worst.worse,
        f"The worst slice is {worst.kind} {worst.value}: {worst.difference:+.3f} ({span}) in {worst.metric}, "
        f"{'credibly worse' if worst.worse else 'not credibly worse'}.",
    )


def _text(value: float | None) -> str:
    return "an undefined share" if value is None else f"{value:.3f}"
