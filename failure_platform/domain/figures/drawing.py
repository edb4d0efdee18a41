"""What all pictures share: size, colours, line styles, and how a drawing becomes bytes.

What belongs here: the look. What does not: any number.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; line styles and markers differ as
well, so that a picture can be read in black and white.
"""

import io
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from failure_platform.domain.comparison.values import Comparison


def counted(comparison: Comparison) -> str:
    """Return how many vehicles and failures the picture is of."""
    return f"{comparison.vehicles:,} vehicles, {comparison.failures:,} failures"


def figure_of(comparison: Comparison, name: str, metric: str, digits: int = 3) -> str:
    """Return one figure of candidate, production or base_rate as text."""
    figures = {
        "candidate": comparison.candidate,
        "production": comparison.production or {},
        "base_rate": comparison.base_rate,
    }
    value = figures[name].get(metric)
    return "not defined" if value is None else f"{value:.{digits}f}"


def named(name: str, most: int = 44) -> str:
    """Return a name that leaves room for the drawing: of a long one, both ends."""
    half = most // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
GUESSING: dict[str, Any] = {"color": GREY, "linestyle": (0, (1, 2)), "linewidth": 1.5}
# At 100 dots per inch 900 pixels wide: a page of 1000 pixels shows it as it is.
WIDTH, _DPI = 9.0, 100


@dataclass(frozen=True)
class Look:
    """How one model is drawn in every picture."""

    label: str
    colour: str
    line: Any
    marker: str


LOOKS = {
    "production": Look("old (production)", BLUE, (0, (6, 3)), "s"),
    "candidate": Look("new (candidate)", ORANGE, "solid", "o"),
}


def sheet(title: str, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty picture of that height (inches) with panels side by side."""
    figure = Figure(figsize=(WIDTH, height), dpi=_DPI, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    every = [figure.add_subplot(1, panels, number + 1) for number in range(panels)]
    for axes in every:
        axes.grid(visible=True, color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=10)
    return figure, every


def png(figure: Figure) -> bytes:
    """Draw without a display and without the date and versions that matplotlib writes by default."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    return buffer.getvalue()
