"""Plots of how good each model is: ROC, precision-recall and calibration curves, thresholds, confusion matrices."""

from matplotlib.axes import Axes

from failure_platform.domain.comparison.result import Comparison
from failure_platform.domain.figures.plotting import (
    CHANCE_STYLE,
    GREEN,
    MODEL_STYLES,
    counts_text,
    metric_text,
    new_figure,
    png_bytes,
)


def calibration_png(comparison: Comparison) -> bytes:
    """Plot the calibration curves: observed failure rate by mean predicted probability, in ten bins of vehicles."""
    figure, (axes,) = new_figure(
        f"Calibration: predicted probability against share of failures\n{counts_text(comparison)}", 5.4
    )
    largest = 0.01
    for name, style in MODEL_STYLES.items():
        if name in comparison.curves and comparison.curves[name].calibration:
            x, y = zip(*comparison.curves[name].calibration, strict=True)
            largest = max(largest, *x, *y)
            error = metric_text(comparison, name, "calibration_error")
            label = f"{style.label}, calibration error {error}"
            axes.plot(x, y, color=style.colour, linestyle=style.line, marker=style.marker, label=label)
    limit = min(1.0, largest * 1.08)
    axes.plot([0, limit], [0, limit], label="honest probabilities", **CHANCE_STYLE)
    if "base_rate" in comparison.curves and comparison.curves["base_rate"].calibration:
        (base_rate, _), *_ = comparison.curves["base_rate"].calibration
        axes.axvline(base_rate, color=GREEN, linewidth=1.5, label="base rate: the same for every vehicle")
    axes.set(
        xlim=(0, limit),
        ylim=(0, limit),
        xlabel="mean predicted probability",
        ylabel="share that failed (tenths of vehicles)",
    )
    axes.legend(loc="upper left", framealpha=0.9, edgecolor="none")
    return png_bytes(figure)


# Rows: failed, did not fail. Columns: not alarmed, alarmed.
_CELLS = (("fn", "tp"), ("tn", "fp"))


def thresholds_png(comparison: Comparison) -> bytes:
    """Plot the share of failures missed by alarms per 1,000 vehicles, with each model's threshold marked."""
    figure, (axes,) = new_figure(f"Alarms against misses, at every threshold\n{counts_text(comparison)}", 5.4)
    axes.plot([0, 1000], [1, 0], label="guessing", **CHANCE_STYLE)
    for name, style in MODEL_STYLES.items():
        if name in comparison.curves and comparison.curves[name].threshold_curve:
            x, y = zip(*comparison.curves[name].threshold_curve, strict=True)
            axes.plot(x, y, color=style.colour, linestyle=style.line, linewidth=2, label=style.label)
        at_threshold = comparison.confusions.get(name)
        if at_threshold is not None and comparison.failures:
            axes.plot(
                1000 * (at_threshold.tp + at_threshold.fp) / comparison.vehicles,
                at_threshold.fn / comparison.failures,
                color=style.colour,
                marker=style.marker,
                markersize=11,
                markeredgecolor="black",
                linestyle="none",
                label=f"its own threshold, {style.label}",
            )
    axes.set(xlim=(0, 1000), ylim=(0, 1.01), xlabel="alarms per 1,000 vehicles", ylabel="share of failures missed")
    axes.legend(loc="upper right", framealpha=0.9, edgecolor="none")
    return png_bytes(figure)


def confusions_png(comparison: Comparison) -> bytes:
    """Plot the confusion matrices at each model's own threshold and, with two models, their difference."""
    confusions = {name: comparison.confusions[name] for name in MODEL_STYLES if name in comparison.confusions}
    tables = {
        MODEL_STYLES[name].label: [[getattr(one, cell) for cell in row] for row in _CELLS]
        for name, one in confusions.items()
    }
    if len(tables) == 2:
        old, new = tables.values()
        tables["difference (new less old)"] = [
            [b - a for a, b in zip(*rows, strict=True)] for rows in zip(old, new, strict=True)
        ]
    figure, panels = new_figure(
        f"Alarms and outcomes, each model at its own threshold\n{counts_text(comparison)}", 3.6, len(tables)
    )
    for axes, (title, counts) in zip(panels, tables.items(), strict=True):
        _matrix(axes, title, counts, signed=title.startswith("difference"))
    return png_bytes(figure)


def _matrix(axes: Axes, title: str, counts: list[list[int]], *, signed: bool) -> None:
    """Draw a two by two table of counts; the cells of correct decisions are shaded."""
    axes.grid(visible=False)
    axes.imshow([[0.0, 0.22], [0.22, 0.0]], cmap="Greys", vmin=0, vmax=1)
    for row, cells in enumerate(counts):
        for column, count in enumerate(cells):
            text = (f"{count:+,}" if signed else f"{count:,}").replace("-", "\u2212")
            axes.text(column, row, text, ha="center", va="center", fontsize=17)
    axes.set_title(title, fontsize=11)
    axes.set_xticks([0, 1], ["not alarmed", "alarmed"])
    axes.set_yticks([0, 1], ["failed", "did not fail"], rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def roc_png(comparison: Comparison) -> bytes:
    """Plot the ROC curves: share of failures found by share of good vehicles alarmed."""
    figure, (axes,) = new_figure(f"ROC: failures found against false alarms\n{counts_text(comparison)}", 5.4)
    axes.plot([0, 1], [0, 1], label="guessing", **CHANCE_STYLE)
    for name, style in MODEL_STYLES.items():
        if name in comparison.curves and comparison.curves[name].roc:
            x, y = zip(*comparison.curves[name].roc, strict=True)
            label = f"{style.label}, AUC {metric_text(comparison, name, 'roc_auc')}"
            axes.plot(x, y, color=style.colour, linestyle=style.line, linewidth=2, label=label, drawstyle="steps-post")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="share of good vehicles alarmed", ylabel="share of failures found")
    axes.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    return png_bytes(figure)


def precision_recall_png(comparison: Comparison) -> bytes:
    """Plot the precision-recall curves, with the failure rate as the baseline of a random ranking."""
    figure, (axes,) = new_figure(f"Precision and recall at every threshold\n{counts_text(comparison)}", 5.4)
    rate = comparison.failures / comparison.vehicles if comparison.vehicles else 0.0
    axes.axhline(rate, label=f"guessing (failure rate {rate:.3f})", **CHANCE_STYLE)
    for name, style in MODEL_STYLES.items():
        if name in comparison.curves and comparison.curves[name].precision_recall:
            x, y = zip(*comparison.curves[name].precision_recall, strict=True)
            label = f"{style.label}, average precision {metric_text(comparison, name, 'average_precision')}"
            axes.plot(x, y, color=style.colour, linestyle=style.line, linewidth=2, label=label, drawstyle="steps-pre")
    axes.set(
        xlim=(0, 1), ylim=(0, 1.01), xlabel="recall: share of failures found", ylabel="precision: share of alarms right"
    )
    axes.legend(loc="upper right", framealpha=0.9, edgecolor="none")
    return png_bytes(figure)
