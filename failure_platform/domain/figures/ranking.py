"""How well each model orders the vehicles: ROC and precision-recall, old and new overlaid."""

from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.figures.drawing import GUESSING, LOOKS, png, sheet
from failure_platform.domain.figures.numbers import counted, figure_of


def roc_png(comparison: Comparison) -> bytes:
    """Return the ROC curves: share of failures found against share of good vehicles alarmed."""
    figure, (axes,) = sheet(f"ROC: failures found against false alarms\n{counted(comparison)}", 5.4)
    axes.plot([0, 1], [0, 1], label="guessing", **GUESSING)
    for name, look in LOOKS.items():
        if name in comparison.curves and comparison.curves[name].roc:
            x, y = zip(*comparison.curves[name].roc, strict=True)
            label = f"{look.label}, AUC {figure_of(comparison, name, 'roc_auc')}"
            axes.plot(x, y, color=look.colour, linestyle=look.line, linewidth=2, label=label, drawstyle="steps-post")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="share of good vehicles alarmed", ylabel="share of failures found")
    axes.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    return png(figure)


def precision_recall_png(comparison: Comparison) -> bytes:
    """Return the precision-recall curves, with the failure rate as the line that guessing gives."""
    figure, (axes,) = sheet(f"Precision and recall at every threshold\n{counted(comparison)}", 5.4)
    rate = comparison.failures / comparison.vehicles if comparison.vehicles else 0.0
    axes.axhline(rate, label=f"guessing (failure rate {rate:.3f})", **GUESSING)
    for name, look in LOOKS.items():
        if name in comparison.curves and comparison.curves[name].precision_recall:
            x, y = zip(*comparison.curves[name].precision_recall, strict=True)
            label = f"{look.label}, average precision {figure_of(comparison, name, 'average_precision')}"
            axes.plot(x, y, color=look.colour, linestyle=look.line, linewidth=2, label=label, drawstyle="steps-pre")
    axes.set(
        xlim=(0, 1), ylim=(0, 1.01), xlabel="recall: share of failures found", ylabel="precision: share of alarms right"
    )
    axes.legend(loc="upper right", framealpha=0.9, edgecolor="none")
    return png(figure)
