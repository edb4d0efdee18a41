"""What the report says in words: outcomes and how numbers are written.

What belongs here: texts that do not depend on one comparison, and the form of numbers. What does not: the order of the
page (its template).
"""

from dataclasses import dataclass

from failure_platform.domain.comparison.table import Row, improved
from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.comparison.verdict import Outcome

# No-break spaces: "0.1 to 0.3" stays on one line.
_SPACE = "\u00a0"
_UNDEFINED = "not defined"


@dataclass(frozen=True)
class OutcomeWords:
    """An outcome as a heading, and what follows from it for who decides."""

    label: str
    advice: str


OUTCOMES: dict[Outcome, OutcomeWords] = {
    "better": OutcomeWords(
        "Better",
        "The evidence speaks for the candidate. Look at the slices and at the alarms it would raise, then decide.",
    ),
    "no_evidence": OutcomeWords(
        "No evidence of a difference",
        "The two cannot be told apart on these vehicles. Nothing is lost by keeping what is in production; more "
        "failures with a known outcome may show a difference.",
    ),
    "worse": OutcomeWords("Worse", "Keep what is in production."),
    "no_signal": OutcomeWords(
        "No usable signal", "Do not use the candidate: whoever follows its alarms does no better than by chance."
    ),
    "not_judged": OutcomeWords(
        "Cannot be judged",
        "Too little is known to say anything. Upload falhas files that cover the weeks after these vehicles, or wait.",
    ),
}


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure, or that it is not defined."""
    return _UNDEFINED if value is None else f"{value:.{digits}f}".replace("-", "\u2212")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign."""
    return _UNDEFINED if value is None else f"{value:+.{digits}f}".replace("-", "\u2212")


def span(low: float | None, high: float | None) -> str:
    """Return an interval of a difference on one line."""
    return _UNDEFINED if low is None or high is None else f"{signed(low)}{_SPACE}to{_SPACE}{signed(high)}"


def plain_span(low: float | None, high: float | None) -> str:
    """Return an interval of a figure on one line."""
    return _UNDEFINED if low is None or high is None else f"{number(low)}{_SPACE}to{_SPACE}{number(high)}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share as per cent."""
    return f"{100 * share:.{digits}f}{_SPACE}%"


def says(comparison: Comparison, row: Row) -> str:
    """Return what a row of figures says of the candidate, in a word or two."""
    if comparison.verdict.outcome == "not_judged" or row.low is None or row.high is None:
        return "not judged"
    return {True: "better", False: "worse", None: "no evidence"}[improved(row)]
