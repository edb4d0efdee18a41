"""All figures at once: the difference of each with its interval, as a forest plot."""

from failure_platform.domain.comparison.table import improved
from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.figures.drawing import GREEN, GREY, ORANGE, png, sheet
from failure_platform.domain.figures.numbers import counted
from failure_platform.domain.metric_words import METRIC_WORDS
from failure_platform.domain.metrics import LESS_IS_BETTER

# Colour, marker and legend of what an interval says of the candidate.
_SAID = {
    True: (GREEN, "o", "better"),
    False: (ORANGE, "s", "worse"),
    None: (GREY, "D", "no evidence of a difference"),
}


def differences_png(comparison: Comparison) -> bytes:
    """Return the differences new less old with their intervals; to the right is better for every figure."""
    by_metric = {row.metric: row for row in comparison.table}
    rows = [by_metric[name] for name in METRIC_WORDS if name in by_metric and by_metric[name].difference is not None]
    old = "the production model" if comparison.reference == "production" else "the base rate"
    figure, (axes,) = sheet(
        f"New against {old}: difference of each figure, {100 * comparison.level:.4g} % interval\n"
        f"{counted(comparison)}; to the right is better",
        1.9 + 0.36 * len(rows),
    )
    axes.axvline(0, color=GREY, linewidth=1)
    judged = comparison.verdict.outcome != "not_judged"
    named = set()
    for height, row in enumerate(reversed(rows)):
        # Turned where less is better, so that one look from left to right is enough.
        turn = -1 if row.metric in LESS_IS_BETTER else 1
        said = improved(row) if judged else None
        colour, marker, legend = _SAID[said]
        if row.low is not None and row.high is not None:
            axes.plot([turn * row.low, turn * row.high], [height, height], color=colour, linewidth=2.5)
        axes.plot(
            turn * (row.difference or 0),
            height,
            color=colour,
            marker=marker,
            linestyle="none",
            markersize=8,
            label=None if said in named else legend if judged else "not judged: too few failures",
        )
        named.add(said)
    words = [METRIC_WORDS[row.metric].label for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), words)
    axes.set(ylim=(-0.6, len(rows) - 0.4), xlabel="difference towards better (sign turned where less is better)")
    if rows:
        figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return png(figure)
