"""The tables of a comparison as frames of text for narrow pages (Dagster's asset page), and the formats of values."""

from dataclasses import dataclass

import pandas as pd

from failure_platform.domain.comparison.result import Comparison, Outcome, Row
from failure_platform.domain.comparison.table import improved
from failure_platform.domain.metrics import METRIC_DESCRIPTIONS

# No-break spaces: "0.1 to 0.3" stays on one line.
_SPACE = "\u00a0"
_UNDEFINED = "not defined"


@dataclass(frozen=True)
class OutcomeText:
    """An outcome's heading, and its advice to the person who decides."""

    label: str
    advice: str


OUTCOME_TEXTS: dict[Outcome, OutcomeText] = {
    "better": OutcomeText(
        "Better",
        "The evidence speaks for the candidate. Look at the slices and at the alarms it would raise, then decide.",
    ),
    "no_evidence": OutcomeText(
        "No evidence of a difference",
        "The two cannot be told apart on these vehicles. Nothing is lost by keeping what is in production; more "
        "failures with a known outcome may show a difference.",
    ),
    "worse": OutcomeText("Worse", "Keep what is in production."),
    "no_signal": OutcomeText(
        "No usable signal", "Do not use the candidate: whoever follows its alarms does no better than by chance."
    ),
    "not_judged": OutcomeText(
        "Cannot be judged",
        "Too little is known to say anything. Upload falhas files that cover the weeks after these vehicles, or wait.",
    ),
}


def number(value: float | None, digits: int = 3) -> str:
    """Return a metric as text, or "not defined"."""
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
    """Return a share (0 to 1) as a percentage."""
    return f"{100 * share:.{digits}f}{_SPACE}%"


def row_verdict(comparison: Comparison, row: Row) -> str:
    """Return the result of one row for the candidate: better, worse, no evidence or not judged."""
    if comparison.verdict.outcome == "not_judged" or row.low is None or row.high is None:
        return "not judged"
    return {True: "better", False: "worse", None: "no evidence"}[improved(row)]


def metrics_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per metric: old, new, difference, its interval, result, base rate, and the interval of new."""
    rows = {row.metric: row for row in comparison.table}
    return pd.DataFrame(
        [
            {
                "figure": description.label,
                "old": number(rows[metric].old),
                "new": number(rows[metric].new),
                "difference": signed(rows[metric].difference),
                "interval": _breakable(span(rows[metric].low, rows[metric].high)),
                "says": row_verdict(comparison, rows[metric]),
                "base rate": number(rows[metric].base_rate),
                "interval of new": _breakable(plain_span(rows[metric].new_low, rows[metric].new_high)),
            }
            for metric, description in METRIC_DESCRIPTIONS.items()
            if metric in rows
        ]
    )


def slices_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per judged slice, the worst difference first.

    The metric is average precision; for a failure group, in which every vehicle failed, it is recall at capacity.
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


def worst_slice_text(comparison: Comparison) -> str:
    """Return a one-line description of the worst judged slice."""
    worst = comparison.worst_slice
    if worst is None:
        return "none judged: too few failures in each, or nothing in production to be worse than"
    credible = "credibly worse" if worst.worse else "not credibly worse"
    return f"{worst.kind} {worst.value}: {signed(worst.difference)} ({span(worst.low, worst.high)}), {credible}"


def _breakable(text: str) -> str:
    return text.replace("\u00a0", " ", 1)
