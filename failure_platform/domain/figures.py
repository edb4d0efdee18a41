"""The pictures of a comparison, as PNG bytes.

What belongs here: ROC, precision-recall and calibration, old and new overlaid. What does not: the points (curves)
and where pictures are kept.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; line styles differ as well. The same
comparison gives the same bytes.
"""

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from failure_platform.domain.comparison import Comparison

# name, label, colour, line style, marker
_MODELS = (
    ("production", "old (production)", "#0072B2", (0, (6, 3)), "s"),
    ("candidate", "new (candidate)", "#D55E00", "solid", "o"),
)
_CHANCE: dict[str, Any] = {"color": "#666666", "linestyle": (0, (1, 2)), "linewidth": 1.5}
_WIDTH, _HEIGHT, _DPI = 9.0, 5.6, 100


def roc_png(comparison: Comparison) -> bytes:
    """Return the ROC curves: share of failures found against share of good vehicles alarmed."""
    figure, axes = _empty(comparison, "ROC: failures found against false alarms")
    axes.plot([0, 1], [0, 1], label="guessing", **_CHANCE)
    for name, label, colour, style, _ in _MODELS:
        if name in comparison.curves and comparison.curves[name].roc:
            x, y = zip(*comparison.curves[name].roc, strict=True)
            label = f"{label}, AUC {_figure(comparison, name, 'roc_auc')}"
            axes.plot(x, y, color=colour, linestyle=style, linewidth=2, label=label, drawstyle="steps-post")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="share of good vehicles alarmed", ylabel="share of failures found")
    axes.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    return _png(figure)


def precision_recall_png(comparison: Comparison) -> bytes:
    """Return the precision-recall curves, with the base rate as the line that guessing gives."""
    figure, axes = _empty(comparison, "Precision and recall at every threshold")
    rate = comparison.failures / comparison.vehicles if comparison.vehicles else 0.0
    axes.axhline(rate, label=f"guessing (failure rate {rate:.3f})", **_CHANCE)
    for name, label, colour, style, _ in _MODELS:
        if name in comparison.curves and comparison.curves[name].precision_recall:
            x, y = zip(*comparison.curves[name].precision_recall, strict=True)
            label = f"{label}, average precision {_figure(comparison, name, 'average_precision')}"
            axes.plot(x, y, color=colour, linestyle=style, linewidth=2, label=label, drawstyle="steps-pre")
    axes.set(
        xlim=(0, 1), ylim=(0, 1.01), xlabel="recall: share of failures found", ylabel="precision: share of alarms right"
    )
    axes.legend(loc="upper right", framealpha=0.9, edgecolor="none")
    return _png(figure)


def calibration_png(comparison: Comparison) -> bytes:
    """Return said against observed failure rate in ten groups of vehicles; on the line, probabilities are honest."""
    figure, axes = _empty(comparison, "Calibration: what was said against what happened")
    largest = 0.01
    for name, label, colour, style, marker in _MODELS:
        if name in comparison.curves and comparison.curves[name].calibration:
            x, y = zip(*comparison.curves[name].calibration, strict=True)
            largest = max(largest, *x, *y)
            brier = _figure(comparison, name, "brier", digits=4)
            axes.plot(x, y, color=colour, linestyle=style, marker=marker, label=f"{label}, Brier {brier}")
    limit = min(1.0, largest * 1.08)
    axes.plot([0, limit], [0, limit], label="honest probabilities", **_CHANCE)
    if "base_rate" in comparison.curves and comparison.curves["base_rate"].calibration:
        (said, _), *_ = comparison.curves["base_rate"].calibration
        brier = _figure(comparison, "base_rate", "brier", digits=4)
        axes.axvline(said, color="#009E73", linewidth=1.5, label=f"base rate, Brier {brier}")
    axes.set(
        xlim=(0, limit),
        ylim=(0, limit),
        xlabel="mean probability said",
        ylabel="share that failed (tenths of vehicles)",
    )
    axes.legend(loc="upper left", framealpha=0.9, edgecolor="none")
    return _png(figure)


def _empty(comparison: Comparison, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"{title}\n{comparison.vehicles} vehicles, {comparison.failures} failures", loc="left", fontsize=12)
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=10)
    return figure, axes


def _figure(comparison: Comparison, name: str, metric: str, digits: int = 3) -> str:
    figures = {
        "candidate": comparison.candidate,
        "production": comparison.production or {},
        "base_rate": comparison.base_rate,
    }
    value = figures[name].get(metric)
    return "not defined" if value is None else f"{value:.{digits}f}"


def _png(figure: Figure) -> bytes:
    """Draw without a display and without the date and versions that matplotlib writes by default."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
