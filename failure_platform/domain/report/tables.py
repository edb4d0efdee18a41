"""The tables of a comparison as frames of texts, for pages that are no HTML and narrow: Dagster's asset page.

What belongs here: columns and how their cells are written. What does not: the figures (domain.comparison).
"""

import pandas as pd

from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.metric_words import METRIC_WORDS
from failure_platform.domain.report.words import number, plain_span, says, signed, span


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
