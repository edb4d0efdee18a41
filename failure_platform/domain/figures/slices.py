"""Where the new model is better or worse: models, engines, colours, months and failure groups."""

from failure_platform.domain.comparison.slices import Slice
from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.figures.drawing import BLUE, GREY, ORANGE, png, sheet
from failure_platform.domain.figures.numbers import named

_MOST_SLICES = 24


def slices_png(comparison: Comparison) -> bytes:
    """Return the difference in every slice with enough failures to judge, the worst on top and flagged."""
    judged = [one for one in comparison.slices if one.judged and one.difference is not None]
    shown = sorted(judged, key=lambda one: (one.difference or 0.0, one.kind, one.value))[:_MOST_SLICES]
    cut = f", the {_MOST_SLICES} worst of them shown" if len(judged) > len(shown) else ""
    figure, (axes,) = sheet(
        f"Difference in each slice (intervals corrected for all slices judged)\n{len(judged)} of "
        f"{len(comparison.slices)} slices hold enough failures to judge{cut}",
        1.9 + 0.34 * len(shown),
    )
    axes.axvline(0, color=GREY, linewidth=1)
    for height, one in enumerate(shown):
        colour, marker = (ORANGE, "s") if one.worse else (BLUE, "o")
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [height, height], color=colour, linewidth=2.5)
        axes.plot(one.difference or 0.0, height, color=colour, marker=marker, markersize=8, linestyle="none")
    axes.set_yticks(range(len(shown)), [_told(one, comparison.worst_slice) for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlabel="new less old (left of zero: worse)")
    return png(figure)


def _told(one: Slice, worst: Slice | None) -> str:
    flag = "WORST  " if one == worst else ""
    return f"{flag}{named(f'{one.kind} {one.value}', most=30)} ({one.vehicles:,} vehicles, {one.failures:,} failures)"
