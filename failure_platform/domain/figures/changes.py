"""All figures at once: the difference of each with its interval, as a forest plot."""

from collections.abc import Mapping, Sequence

from failure_platform.domain.comparison.data_difference import DataDifference
from failure_platform.domain.comparison.importance import Importance
from failure_platform.domain.comparison.table import improved
from failure_platform.domain.comparison.values import Comparison, Slice
from failure_platform.domain.figures.drawing import BLUE, GREEN, GREY, LOOKS, ORANGE, counted, named, png, sheet
from failure_platform.domain.metrics import LESS_IS_BETTER, METRIC_WORDS

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


_MOST_BARS = 15


def importances_png(importances: Mapping[str, Sequence[Importance]]) -> bytes:
    """Return the drop in average precision by feature, for "candidate" and "production" as far as there are."""
    by_model = {
        name: {one.feature: one for one in importances[name]}
        for name in ("candidate", "production")
        if name in importances
    }
    largest: dict[str, float] = {}
    for found in by_model.values():
        for one in found.values():
            largest[one.feature] = max(largest.get(one.feature, 0.0), one.drop)
    features = sorted(largest, key=lambda name: (-largest[name], name))[:_MOST_BARS]
    figure, (axes,) = sheet(
        "What each model leans on\nfall in average precision when one feature is shuffled (bar: spread over shuffles)",
        1.7 + 0.42 * len(features),
    )
    thick = 0.8 / max(len(by_model), 1)
    for place, (name, found) in enumerate(by_model.items()):
        look = LOOKS[name]
        shown = [(i, found[feature]) for i, feature in enumerate(features) if feature in found]
        axes.barh(
            [i + (place - (len(by_model) - 1) / 2) * thick for i, _ in shown],
            [one.drop for _, one in shown],
            height=thick * 0.92,
            xerr=[one.spread for _, one in shown],
            color=look.colour,
            hatch="//" if name == "production" else None,
            edgecolor="white",
            ecolor="#222222",
            label=look.label,
        )
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(range(len(features)), [named(feature) for feature in features])
    axes.invert_yaxis()
    axes.set(xlabel="fall in average precision")
    if features:
        axes.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    return png(figure)


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
