"""Plots of what changes between two models: differences of metrics and in slices, shifts of features, importances."""

from collections.abc import Mapping, Sequence

from failure_platform.domain.comparison.data_difference import DataDifference
from failure_platform.domain.comparison.importance import Importance
from failure_platform.domain.comparison.result import Comparison, Slice
from failure_platform.domain.comparison.table import improved
from failure_platform.domain.figures.plotting import (
    BLUE,
    GREEN,
    GREY,
    MODEL_STYLES,
    ORANGE,
    counts_text,
    new_figure,
    png_bytes,
    shortened,
)
from failure_platform.domain.metrics import LESS_IS_BETTER, METRIC_DESCRIPTIONS

_MAX_SLICES = 24


def slices_png(comparison: Comparison) -> bytes:
    """Plot the difference in every judged slice with its interval, the worst first and marked."""
    judged = [one for one in comparison.slices if one.judged and one.difference is not None]
    shown = sorted(judged, key=lambda one: (one.difference or 0.0, one.kind, one.value))[:_MAX_SLICES]
    cut = f", the {_MAX_SLICES} worst of them shown" if len(judged) > len(shown) else ""
    figure, (axes,) = new_figure(
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
    axes.set_yticks(range(len(shown)), [_slice_label(one, comparison.worst_slice) for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlabel="new less old (left of zero: worse)")
    return png_bytes(figure)


def _slice_label(one: Slice, worst: Slice | None) -> str:
    flag = "WORST  " if one == worst else ""
    return (
        f"{flag}{shortened(f'{one.kind} {one.value}', most=30)} ({one.vehicles:,} vehicles, {one.failures:,} failures)"
    )


def shifts_png(difference: DataDifference) -> bytes:
    """Plot the Kolmogorov-Smirnov distances of the shifted features, the largest first."""
    shifts = difference.shifts
    figure, (axes,) = new_figure(
        f"What moved in the training data since production\n{difference.added:,} vehicles added to "
        f"{difference.old.vehicles:,}; {difference.shifted:,} of {difference.compared_features:,} features moved "
        "credibly",
        1.7 + 0.3 * len(shifts),
    )
    axes.hlines(range(len(shifts)), 0, [one.distance for one in shifts], color=BLUE, linewidth=2.5)
    axes.plot([one.distance for one in shifts], range(len(shifts)), color=BLUE, marker="o", linestyle="none")
    for height, one in enumerate(shifts):
        axes.annotate(f"{one.distance:.2f}", (one.distance, height), (8, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(shifts)), [shortened(one.feature) for one in shifts])
    axes.set(
        xlim=(0, 1.08),
        ylim=(len(shifts) - 0.5, -0.5),
        xlabel="Kolmogorov-Smirnov distance: 0 the same values, 1 none in common",
    )
    return png_bytes(figure)


_MAX_BARS = 15


def importances_png(importances: Mapping[str, Sequence[Importance]]) -> bytes:
    """Plot the drop in average precision by feature.

    Args:
        importances: by model, with the keys "candidate", "production" or both.
    """
    by_model = {
        name: {one.feature: one for one in importances[name]}
        for name in ("candidate", "production")
        if name in importances
    }
    largest: dict[str, float] = {}
    for by_feature in by_model.values():
        for one in by_feature.values():
            largest[one.feature] = max(largest.get(one.feature, 0.0), one.drop)
    features = sorted(largest, key=lambda name: (-largest[name], name))[:_MAX_BARS]
    figure, (axes,) = new_figure(
        "What each model leans on\nfall in average precision when one feature is shuffled (bar: spread over shuffles)",
        1.7 + 0.42 * len(features),
    )
    bar_height = 0.8 / max(len(by_model), 1)
    for number, (name, by_feature) in enumerate(by_model.items()):
        style = MODEL_STYLES[name]
        shown = [(i, by_feature[feature]) for i, feature in enumerate(features) if feature in by_feature]
        axes.barh(
            [i + (number - (len(by_model) - 1) / 2) * bar_height for i, _ in shown],
            [one.drop for _, one in shown],
            height=bar_height * 0.92,
            xerr=[one.spread for _, one in shown],
            color=style.colour,
            hatch="//" if name == "production" else None,
            edgecolor="white",
            ecolor="#222222",
            label=style.label,
        )
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(range(len(features)), [shortened(feature) for feature in features])
    axes.invert_yaxis()
    axes.set(xlabel="fall in average precision")
    if features:
        axes.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    return png_bytes(figure)


# Colour, marker and legend by whether the candidate improved (see `improved`).
_STYLES_BY_RESULT = {
    True: (GREEN, "o", "better"),
    False: (ORANGE, "s", "worse"),
    None: (GREY, "D", "no evidence of a difference"),
}


def differences_png(comparison: Comparison) -> bytes:
    """Plot the differences, new less old, with their intervals; to the right is better for every metric."""
    by_metric = {row.metric: row for row in comparison.table}
    rows = [
        by_metric[name] for name in METRIC_DESCRIPTIONS if name in by_metric and by_metric[name].difference is not None
    ]
    old = "the production model" if comparison.reference == "production" else "the base rate"
    figure, (axes,) = new_figure(
        f"New against {old}: difference of each figure, {100 * comparison.level:.4g} % interval\n"
        f"{counts_text(comparison)}; to the right is better",
        1.9 + 0.36 * len(rows),
    )
    axes.axvline(0, color=GREY, linewidth=1)
    judged = comparison.verdict.outcome != "not_judged"
    in_legend = set()
    for height, row in enumerate(reversed(rows)):
        # The sign is inverted where less is better, so that right is always better.
        sign = -1 if row.metric in LESS_IS_BETTER else 1
        result = improved(row) if judged else None
        colour, marker, legend = _STYLES_BY_RESULT[result]
        if row.low is not None and row.high is not None:
            axes.plot([sign * row.low, sign * row.high], [height, height], color=colour, linewidth=2.5)
        axes.plot(
            sign * (row.difference or 0),
            height,
            color=colour,
            marker=marker,
            linestyle="none",
            markersize=8,
            label=None if result in in_legend else legend if judged else "not judged: too few failures",
        )
        in_legend.add(result)
    labels = [METRIC_DESCRIPTIONS[row.metric].label for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), labels)
    axes.set(ylim=(-0.6, len(rows) - 0.4), xlabel="difference towards better (sign turned where less is better)")
    if rows:
        figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return png_bytes(figure)
