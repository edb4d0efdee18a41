"""Whether the probabilities mean what they say."""

from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.figures.drawing import GREEN, GUESSING, LOOKS, png, sheet
from failure_platform.domain.figures.numbers import counted, figure_of


def calibration_png(comparison: Comparison) -> bytes:
    """Return said against observed failure rate in ten groups of vehicles; on the line, probabilities are honest."""
    figure, (axes,) = sheet(f"Calibration: what was said against what happened\n{counted(comparison)}", 5.4)
    largest = 0.01
    for name, look in LOOKS.items():
        if name in comparison.curves and comparison.curves[name].calibration:
            x, y = zip(*comparison.curves[name].calibration, strict=True)
            largest = max(largest, *x, *y)
            error = figure_of(comparison, name, "calibration_error")
            label = f"{look.label}, calibration error {error}"
            axes.plot(x, y, color=look.colour, linestyle=look.line, marker=look.marker, label=label)
    limit = min(1.0, largest * 1.08)
    axes.plot([0, limit], [0, limit], label="honest probabilities", **GUESSING)
    if "base_rate" in comparison.curves and comparison.curves["base_rate"].calibration:
        (said, _), *_ = comparison.curves["base_rate"].calibration
        axes.axvline(said, color=GREEN, linewidth=1.5, label="base rate: the same for every vehicle")
    axes.set(
        xlim=(0, limit),
        ylim=(0, limit),
        xlabel="mean probability said",
        ylabel="share that failed (tenths of vehicles)",
    )
    axes.legend(loc="upper left", framealpha=0.9, edgecolor="none")
    return png(figure)
