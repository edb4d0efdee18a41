"""What changed in the training data since production: the features whose values moved most."""

from failure_platform.domain.comparison.data_difference import DataDifference
from failure_platform.domain.figures.drawing import BLUE, png, sheet
from failure_platform.domain.figures.numbers import named


def shifts_png(difference: DataDifference) -> bytes:
    """Return the distances of the features that moved credibly, the largest on top."""
    shifts = difference.shifts
    figure, (axes,) = sheet(
        f"What moved in the training data since production\n{difference.added:,} vehicles added to "
        f"{difference.old.vehicles:,}; {difference.shifted:,} of {difference.looked_at:,} features moved credibly",
        1.7 + 0.3 * len(shifts),
    )
    axes.hlines(range(len(shifts)), 0, [one.distance for one in shifts], color=BLUE, linewidth=2.5)
    axes.plot([one.distance for one in shifts], range(len(shifts)), color=BLUE, marker="o", linestyle="none")
    for height, one in enumerate(shifts):
        axes.annotate(f"{one.distance:.2f}", (one.distance, height), (8, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(shifts)), [named(one.feature) for one in shifts])
    axes.set(
        xlim=(0, 1.08),
        ylim=(len(shifts) - 0.5, -0.5),
        xlabel="Kolmogorov-Smirnov distance: 0 the same values, 1 none in common",
    )
    return png(figure)
