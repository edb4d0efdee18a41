"""The policy: what a comparison must show before a version may be promoted without a person.

What belongs here: the gates, each with its number and its limit, and what follows from them. What does not: the verdict
(comparison), and what a person may decide against it (decisions).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from failure_platform.domain.model_version import ComparisonRecord

BETTER = "better"


class Policy(StrEnum):
    """Who decides: a person, or the gates."""

    manual = "manual"
    automatic = "automatic"


class Advice(StrEnum):
    """What the gates say. `ask`: there is too little evidence for any rule, so a person decides."""

    promote = "promote"
    keep = "keep"
    ask = "a person decides"


@dataclass(frozen=True)
class Gates:
    """The limits.

    Attributes:
        min_failures: fewer failures among the compared vehicles: a person decides.
        most_uses: comparisons on the same vehicles; more than these: a person decides.
        min_recall: least share of the failures that the candidate alarms.
        max_calibration_error: most that its probabilities may be off, on average.
        worst_slice: whether a slice that is credibly worse holds it back.
    """

    min_failures: int = 100
    most_uses: int = 10
    min_recall: float = 0.0
    max_calibration_error: float = 0.05
    worst_slice: bool = True


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
    """What the gates say of a comparison, and each of them."""

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


def ruling(comparison: ComparisonRecord, gates: Gates) -> Ruling:
    """Return what the gates say of a comparison.

    A comparison with too few failures, or on vehicles that too many candidates were compared on, is no ground for a
    rule: a person decides. Otherwise all gates passed means promote, and any other result keep.
    """
    enough = tuple(_enough(comparison, gates))
    good = tuple(_good(comparison, gates))
    if not all(gate.passed for gate in enough):
        advice = Advice.ask
    else:
        advice = Advice.promote if all(gate.passed for gate in good) else Advice.keep
    return Ruling(advice, (*enough, *good))


def _enough(comparison: ComparisonRecord, gates: Gates) -> Iterator[GateResult]:
    failures, uses = comparison.failures, comparison.uses
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
        f"This is comparison {uses} on these vehicles, of {gates.most_uses} before newer ones are needed; each "
        f"is judged more strictly, so that a wrong 'better' among all has a chance of at most {comparison.alpha:g}.",
    )


def _good(comparison: ComparisonRecord, gates: Gates) -> Iterator[GateResult]:
    yield GateResult(
        "verdict",
        None,
        None,
        comparison.outcome == BETTER,
        f"The verdict is {comparison.outcome}: {comparison.reason}",
    )
    figures: Mapping[str, float | None] = comparison.body.get("candidate") or {}
    recall, error = figures.get("recall"), figures.get("calibration_error")
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
    if gates.worst_slice:
        yield _slice(comparison.body.get("worst_slice"))


def _slice(worst: Mapping[str, Any] | None) -> GateResult:
    if worst is None:
        return GateResult(
            "worst slice",
            None,
            None,
            True,
            "No slice is judged: each holds too few failures, or nothing is in production.",
        )
    low, high = worst["low"], worst["high"]
    span = "no interval" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return GateResult(
        "worst slice",
        worst["difference"],
        0.0,
        not worst["worse"],
        f"The worst slice is {worst['kind']} {worst['value']}: {worst['difference']:+.3f} ({span}) in "
        f"{worst['metric']}, {'credibly worse' if worst['worse'] else 'not credibly worse'}.",
    )


def _text(value: float | None) -> str:
    return "an undefined share" if value is None else f"{value:.3f}"
