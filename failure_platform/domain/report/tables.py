"""The tables of a comparison as frames of texts, for pages that are no HTML and narrow: Dagster's asset page.

What belongs here: columns and how their cells are written. What does not: the figures (domain.comparison).
"""

from dataclasses import dataclass

import pandas as pd

from failure_platform.domain.comparison.table import improved
from failure_platform.domain.comparison.values import Comparison, Outcome, Row
from failure_platform.domain.metrics import METRIC_WORDS

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


def figures_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per figure: old, new, base rate, difference, its interval, the candidate's own, what it says."""
    rows = {row.metric: row for row in comparison.table}
    return pd.DataFrame(
        [
            {
                "figure": words.label,
                "old": number(rows[metric].old),
                "new": number(rows[metric].new),
                "difference": signed(rows[metric].difference),
                "interval": _breakable(span(rows[metric].low, rows[metric].high)),
                "says": says(comparison, rows[metric]),
                "base rate": number(rows[metric].base_rate),
                "interval of new": _breakable(plain_span(rows[metric].new_low, rows[metric].new_high)),
            }
            for metric, words in METRIC_WORDS.items()
            if metric in rows
        ]
    )


def slices_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per slice with enough failures to judge, the worst difference first.

    The figure is average precision; of a failure group, in which every vehicle failed, recall at capacity.
    """
    judged = sorted(
        (one for one in comparison.slices if one.judged), key=lambda one: (one.difference or 0.0, one.kind, one.value)
    )
    return pd.DataFrame(
        [
            {
                "slice": f"{one.kind} {one.value}",
                "failures": f"{one.failures:,} of\u00a0{one.vehicles:,}",
                "old": number(one.old),
                "new": number(one.new),
                "difference": signed(one.difference),
                "interval": _breakable(span(one.low, one.high)),
                "says": "worse" if one.worse else "not worse",
            }
            for one in judged
        ],
        columns=["slice", "failures", "old", "new", "difference", "interval", "says"],
    )


def worst_slice(comparison: Comparison) -> str:
    """Return the worst of the judged slices in a line."""
    worst = comparison.worst_slice
    if worst is None:
        return "none judged: too few failures in each, or nothing in production to be worse than"
    credible = "credibly worse" if worst.worse else "not credibly worse"
    return f"{worst.kind} {worst.value}: {signed(worst.difference)} ({span(worst.low, worst.high)}), {credible}"


def _breakable(text: str) -> str:
    return text.replace("\u00a0", " ", 1)
