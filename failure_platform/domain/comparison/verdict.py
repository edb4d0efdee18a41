"""The verdict of a comparison: one of five outcomes, with its reason in plain sentences.

The rules limit two errors: calling a model without signal usable, and calling one of two equal models better. Each has
at most the probability given by the level of the intervals, which is shared among all candidates compared on the same
vehicles: of twenty equal candidates compared on one set of vehicles without this, at least one nearly always is called
"better".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from failure_platform.domain.comparison.result import Reference, Row, Verdict, counted_uses


@dataclass(frozen=True)
class VerdictInputs:
    """The input of the rules.

    Attributes:
        vehicles: number of comparison vehicles.
        failures: number of them that failed.
        min_failures: with fewer failures, or fewer good vehicles, the comparison is not judged.
        level: confidence level of all intervals, 0 to 1, already corrected for `uses`.
        uses: number of candidates compared on these vehicles so far, including this one.
        most_uses: maximum number of candidates before newer vehicles are needed.
        reference: what the candidate is compared with in `rows`.
        rows: the comparison with the reference, by metric.
        base_rate_loss: the comparison of the candidate's log loss with that of the base rate.
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
        """Number of vehicles of the rarer class, which determines the uncertainty."""
        return min(self.failures, self.vehicles - self.failures)


def judge(inputs: VerdictInputs) -> Verdict:
    """Return the verdict. The first rule that applies decides.

    1. not_judged: fewer failures or fewer good vehicles than `min_failures`, or no interval could be computed.
    2. no_signal: the interval of the ROC AUC includes 0.5 (random ranking) or less, or the log loss is credibly worse
       than that of the base rate (misleading probabilities). ROC AUC, because it is exactly 0.5 for a model without
       signal, at any failure rate.
    3. better, worse, no_evidence: the interval of the difference in average precision is above zero, below zero, or
       contains zero. Average precision, because it measures how many of the alarmed vehicles fail.
    """
    auc, ranking = inputs.rows["roc_auc"], inputs.rows["average_precision"]
    if inputs.rarer < inputs.min_failures:
        return Verdict("not_judged", _too_few(inputs, auc))
    if auc.new is None or auc.new_low is None or ranking.low is None or ranking.high is None:
        return Verdict("not_judged", f"{_counted(inputs)} One class only: nothing can be compared.")
    if auc.new_low <= 0.5:
        return Verdict(
            "no_signal",
            f"No usable signal: the ROC AUC is {_with_interval(auc.new, auc.new_low, auc.new_high)}, and an interval "
            f"that reaches down to 0.5 cannot be told from guessing. {_counted(inputs)}{_level(inputs)}",
        )
    loss = inputs.base_rate_loss
    if loss.low is not None and loss.low > 0:
        return Verdict(
            "no_signal",
            f"No usable signal: the log loss is {_text(loss.new)}, worse than the {_text(loss.old)} of always "
            f"saying the base rate (difference {_with_interval(loss.difference, loss.low, loss.high)}): its "
            f"probabilities mislead. {_counted(inputs)}{_level(inputs)}",
        )
    return _against_reference(inputs, ranking, ranking.low, ranking.high)


def _against_reference(inputs: VerdictInputs, ranking: Row, low: float, high: float) -> Verdict:
    reference = "the production model" if inputs.reference == "production" else "the base rate"
    numbers = (
        f"average precision {_text(ranking.new)} against {_text(ranking.old)} of {reference}, difference "
        f"{_with_interval(ranking.difference, low, high)}. {_counted(inputs)}{_level(inputs)}"
    )
    if low > 0:
        return Verdict("better", f"Better than {reference}: {numbers}")
    if high < 0:
        return Verdict("worse", f"Worse than {reference}: {numbers}")
    return Verdict("no_evidence", f"No evidence of a difference from {reference}: the interval holds zero; {numbers}")


def _too_few(inputs: VerdictInputs, auc: Row) -> str:
    known = (
        f"Its ROC AUC of {_text(auc.new)} has the interval {_span(auc.new_low, auc.new_high)}; from so few failures "
        "neither can be relied on."
        if auc.new_low is not None
        else "No interval can be formed."
    )
    return (
        f"Cannot be judged: {inputs.failures} failures among {inputs.vehicles} comparison vehicles; of failed and "
        f"of good ones at least {inputs.min_failures} are needed. {known}{_level(inputs)}"
    )


def _counted(inputs: VerdictInputs) -> str:
    return f"{inputs.vehicles} vehicles, {inputs.failures} failures."


def _level(inputs: VerdictInputs) -> str:
    shared = ", shared among these comparisons" if inputs.uses > 1 else ""
    spent = " Wait for newer vehicles before comparing again." if inputs.uses > inputs.most_uses else ""
    counted = counted_uses(inputs.uses, inputs.most_uses)
    return f" Comparison {counted}; intervals: {100 * inputs.level:.4g} %{shared}.{spent}"


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _span(low: float | None, high: float | None) -> str:
    return f"{_text(low)} to {_text(high)}"


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    return f"{_text(value)} ({_span(low, high)})"
