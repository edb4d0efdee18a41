"""What a comparison allows to say: one of five outcomes, with its reason in plain sentences.

What belongs here: the rules, in their order, on figures and intervals. What does not: how these are measured
(comparison), and who acts on the verdict (decisions).

The rules protect against two mistakes: calling a model usable that knows nothing, and calling one of two equal models
better. Each of them happens at most at the level of the intervals, shared among all candidates compared on the same
vehicles: twenty equal candidates compared naively on one set of vehicles give a "better" one nearly always.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from failure_platform.domain.comparison.values import Reference, Row, Verdict


@dataclass(frozen=True)
class Evidence:
    """What the rules look at.

    Attributes:
        vehicles: number of comparison vehicles.
        failures: how many of them failed.
        min_failures: fewer failures than these, or fewer good vehicles, are not judged.
        level: of all intervals, 0 to 1, already shared among `uses`.
        uses: candidates compared on these vehicles so far, this one included.
        most_uses: how many may be before newer vehicles are asked for.
        reference: what the rows compare with.
        rows: by metric, against the reference.
        base_rate_loss: log loss of the candidate against the base rate.
    """

    vehicles: int
    failures: int
    min_failures: int
    level: float
    uses: int
    most_uses: int
    reference: Reference
    rows: Mapping[str, Row]
    base_rate_loss: Row

    @property
    def rarer(self) -> int:
        """How many failed or were good, whichever is fewer: as much as there is to learn from."""
        return min(self.failures, self.vehicles - self.failures)


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict. The first rule that applies decides.

    1. not_judged: fewer failures than `min_failures`, or as few good vehicles, or no interval could be formed.
    2. no_signal: the interval of the ROC AUC reaches down to 0.5 (ranking by chance), or the log loss is credibly worse
       than that of the base rate (probabilities that mislead). ROC AUC, because its value for a model that knows
       nothing is 0.5 exactly, whatever the failure rate.
    3. better, worse, no_evidence: the interval of the difference in average precision lies above zero, below zero, or
       holds it. Average precision, because it says how many of the alarmed vehicles fail.
    """
    auc, ranking = evidence.rows["roc_auc"], evidence.rows["average_precision"]
    if evidence.rarer < evidence.min_failures:
        return Verdict("not_judged", _too_few(evidence, auc))
    if auc.new is None or auc.new_low is None or ranking.low is None or ranking.high is None:
        return Verdict("not_judged", f"{_counted(evidence)} One class only: nothing can be compared.")
    if auc.new_low <= 0.5:
        return Verdict(
            "no_signal",
            f"No usable signal: the ROC AUC is {_with_interval(auc.new, auc.new_low, auc.new_high)}, and an interval "
            f"that reaches down to 0.5 cannot be told from guessing. {_counted(evidence)}{_level(evidence)}",
        )
    loss = evidence.base_rate_loss
    if loss.low is not None and loss.low > 0:
        return Verdict(
            "no_signal",
            f"No usable signal: the log loss is {_figure(loss.new)}, worse than the {_figure(loss.old)} of always "
            f"saying the base rate (difference {_with_interval(loss.difference, loss.low, loss.high)}): its "
            f"probabilities mislead. {_counted(evidence)}{_level(evidence)}",
        )
    return _against_reference(evidence, ranking, ranking.low, ranking.high)


def _against_reference(evidence: Evidence, ranking: Row, low: float, high: float) -> Verdict:
    reference = "the production model" if evidence.reference == "production" else "the base rate"
    numbers = (
        f"average precision {_figure(ranking.new)} against {_figure(ranking.old)} of {reference}, difference "
        f"{_with_interval(ranking.difference, low, high)}. {_counted(evidence)}{_level(evidence)}"
    )
    if low > 0:
        return Verdict("better", f"Better than {reference}: {numbers}")
    if high < 0:
        return Verdict("worse", f"Worse than {reference}: {numbers}")
    return Verdict("no_evidence", f"No evidence of a difference from {reference}: the interval holds zero; {numbers}")


def _too_few(evidence: Evidence, auc: Row) -> str:
    known = (
        f"Its ROC AUC of {_figure(auc.new)} has the interval {_span(auc.new_low, auc.new_high)}; from so few failures "
        "neither can be relied on."
        if auc.new_low is not None
        else "No interval can be formed."
    )
    return (
        f"Cannot be judged: {evidence.failures} failures among {evidence.vehicles} comparison vehicles; of failed and "
        f"of good ones at least {evidence.min_failures} are needed. {known}{_level(evidence)}"
    )


def _counted(evidence: Evidence) -> str:
    return f"{evidence.vehicles} vehicles, {evidence.failures} failures."


def _level(evidence: Evidence) -> str:
    shared = ", shared among these comparisons" if evidence.uses > 1 else ""
    used = f" Comparison {evidence.uses} of {evidence.most_uses} on these vehicles; intervals: "
    spent = (
        " The budget of comparisons is spent: wait for newer vehicles." if evidence.uses > evidence.most_uses else ""
    )
    return f"{used}{100 * evidence.level:.4g} %{shared}.{spent}"


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _span(low: float | None, high: float | None) -> str:
    return f"{_figure(low)} to {_figure(high)}"


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    return f"{_figure(value)} ({_span(low, high)})"
