"""The plots shown for a comparison, in order, each with a caption on how to read it and an alternative text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from failure_platform.domain.comparison.data_difference import DataDifference
from failure_platform.domain.comparison.importance import Importance
from failure_platform.domain.comparison.result import Comparison
from failure_platform.domain.figures.changes import differences_png, importances_png, shifts_png, slices_png
from failure_platform.domain.figures.models import (
    calibration_png,
    confusions_png,
    precision_recall_png,
    roc_png,
    thresholds_png,
)
from failure_platform.domain.figures.plotting import metric_text


@dataclass(frozen=True)
class Picture:
    """One plot with its texts.

    Attributes:
        name: short name, also the stem of its file name.
        reading: caption: how to read it.
        alt: alternative text with the most important numbers.
        png: the image.
    """

    name: str
    reading: str
    alt: str
    png: bytes


def pictures(
    comparison: Comparison, importances: Mapping[str, Sequence[Importance]], difference: DataDifference | None
) -> tuple[Picture, ...]:
    """Return the pictures that this comparison has data for, in the order of the page."""
    result = list(_metric_pictures(comparison)) if comparison.failures else []
    if any(one.judged for one in comparison.slices):
        worst = comparison.worst_slice
        result.append(
            Picture(
                "slices",
                "The same difference for parts of the vehicles. With many parts some lie left of zero by chance; the "
                "intervals are widened for that, and only a square is credibly worse.",
                "Differences in slices with intervals; the table of slices has the numbers."
                + (f" The worst is {worst.kind} {worst.value}." if worst else ""),
                slices_png(comparison),
            )
        )
    if any(importances.values()):
        result.append(
            Picture(
                "importance",
                "A long bar: without this feature the ranking gets worse. Features that tell the same thing share "
                "their importance, and a feature may stand beside the cause without being it.",
                f"Permutation importance. {_leaders(importances)}",
                importances_png(importances),
            )
        )
    if difference is not None and difference.shifts:
        result.append(
            Picture(
                "training data difference",
                "Features whose values in the added vehicles differ most from those that the production model was "
                "trained on: new equipment, another mix, or a changed test.",
                f"Distances of {len(difference.shifts)} features; the largest is {difference.shifts[0].feature} with "
                f"{difference.shifts[0].distance:.2f}.",
                shifts_png(difference),
            )
        )
    return tuple(result)


def _metric_pictures(comparison: Comparison) -> tuple[Picture, ...]:
    return (
        Picture(
            "differences",
            "One line per figure: the point is the difference, the line its interval. A line that crosses zero says "
            "that chance alone could have made the difference.",
            f"Forest plot of the differences of {len(comparison.table)} figures; the table of figures has the numbers.",
            differences_png(comparison),
        ),
        Picture(
            "ROC",
            "The higher a curve, the more failures are found for the same share of good vehicles alarmed. The dotted "
            "diagonal is guessing.",
            f"ROC curves. {_both(comparison, 'roc_auc', 'ROC AUC')}",
            roc_png(comparison),
        ),
        Picture(
            "precision and recall",
            "The higher a curve, the more of the alarms are right for the same share of failures found. The dotted "
            "line is guessing.",
            f"Precision-recall curves. {_both(comparison, 'average_precision', 'Average precision')}",
            precision_recall_png(comparison),
        ),
        Picture(
            "calibration",
            "Points on the dotted line: of the vehicles predicted at 10 %, one in ten failed. Below the line the model "
            "promises too many failures, above it too few.",
            f"Calibration curves. {_both(comparison, 'calibration_error', 'Calibration error')}",
            calibration_png(comparison),
        ),
        Picture(
            "alarms and misses",
            "Every point is a threshold: to the right more vehicles are inspected, further down fewer failures are "
            "missed. The large marks are the thresholds the models would be used with.",
            "Share of failures missed against alarms per 1,000 vehicles. "
            f"{_both(comparison, 'recall', 'Recall at the own threshold')}",
            thresholds_png(comparison),
        ),
        Picture(
            "confusion matrices",
            "Shaded: right decisions. The third matrix is what would change: more in a shaded field is better.",
            f"Confusion matrices. {_counts(comparison)}",
            confusions_png(comparison),
        ),
    )


def _both(comparison: Comparison, metric: str, name: str) -> str:
    old = f", old {metric_text(comparison, 'production', metric)}" if comparison.production else ""
    return f"{name}: new {metric_text(comparison, 'candidate', metric)}{old}."


def _counts(comparison: Comparison) -> str:
    labels = {"candidate": "New", "production": "Old"}
    return " ".join(
        f"{labels[name]}: {one.tp} failures alarmed, {one.fn} missed, {one.fp} false alarms, {one.tn} good vehicles "
        "left alone."
        for name, one in comparison.confusions.items()
    )


def _leaders(importances: Mapping[str, Sequence[Importance]]) -> str:
    labels = {"candidate": "new", "production": "old"}
    return " ".join(
        f"The {labels[name]} model leans most on {', '.join(one.feature for one in features[:3])}."
        for name, features in importances.items()
        if features
    )
