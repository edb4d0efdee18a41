"""The style that every plot shares, and the conversion of a figure to PNG bytes.

Colours are Okabe and Ito's, which can be distinguished with any colour vision; line styles and markers differ as well,
so that a plot can be read in black and white.
"""

import io
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from failure_platform.domain.comparison.result import Comparison


def counts_text(comparison: Comparison) -> str:
    """Return the numbers of vehicles and failures of a comparison, for a title."""
    return f"{comparison.vehicles:,} vehicles, {comparison.failures:,} failures"


def metric_text(comparison: Comparison, name: str, metric: str, digits: int = 3) -> str:
    """Return one metric of "candidate", "production" or "base_rate" as text."""
    metrics = {
        "candidate": comparison.candidate,
        "production": comparison.production or {},
        "base_rate": comparison.base_rate,
    }
    value = metrics[name].get(metric)
    return "not defined" if value is None else f"{value:.{digits}f}"


def shortened(name: str, most: int = 44) -> str:
    """Return a name of at most about `most` characters; of a longer one, its beginning and its end."""
    half = most // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
CHANCE_STYLE: dict[str, Any] = {"color": GREY, "linestyle": (0, (1, 2)), "linewidth": 1.5}
# 900 pixels wide at 100 dots per inch: a page of 1000 pixels shows it unscaled.
WIDTH, _DPI = 9.0, 100


@dataclass(frozen=True)
class ModelStyle:
    """Label, colour, line style and marker of one model in every plot."""

    label: str
    colour: str
    line: Any
    marker: str


MODEL_STYLES = {
    "production": ModelStyle("old (production)", BLUE, (0, (6, 3)), "s"),
    "candidate": ModelStyle("new (candidate)", ORANGE, "solid", "o"),
}


def new_figure(title: str, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure of this height (inches) and its axes, `panels` in one row."""
    figure = Figure(figsize=(WIDTH, height), dpi=_DPI, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    all_axes = [figure.add_subplot(1, panels, number + 1) for number in range(panels)]
    for axes in all_axes:
        axes.grid(visible=True, color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=10)
    return figure, all_axes


def png_bytes(figure: Figure) -> bytes:
    """Return the figure as PNG, without matplotlib's default metadata, so that the bytes are reproducible."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    return buffer.getvalue()
