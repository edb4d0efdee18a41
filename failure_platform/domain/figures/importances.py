"""What each model leans on: permutation importance of both, side by side."""

from collections.abc import Mapping, Sequence

from failure_platform.domain.comparison.importance import Importance
from failure_platform.domain.figures.drawing import LOOKS, png, sheet
from failure_platform.domain.figures.numbers import named

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
