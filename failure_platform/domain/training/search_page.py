"""A search as a person reads it: a table of the settings tried, best first, and a small picture.

What belongs here: the table and the picture. What does not: the search itself, and the page they are shown on.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from failure_platform.domain.training.facts import TrainingFacts
from failure_platform.domain.training.trials import Tried

# Okabe and Ito's colours, which people with any colour vision can tell apart; the markers differ as well.
_LOOKS = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"))
_UNNAMED = {"family", "balance"}


def search_table(facts: TrainingFacts) -> pd.DataFrame:
    """Return one row per setting: those tried on all folds by log loss, then those given up."""
    rows = sorted(facts.tried, key=lambda one: one.log_loss)
    return pd.DataFrame([_row(one, "all") for one in rows] + [_row(one, str(one.folds)) for one in facts.given_up])


def search_png(facts: TrainingFacts) -> bytes:
    """Return the log loss of every setting in the order tried, with the best so far and the base rate."""
    figure = Figure(figsize=(9.0, 3.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    numbers = range(1, len(facts.tried) + 1)
    families = dict.fromkeys(one.family for one in facts.tried)
    for family, (colour, marker) in zip(families, _LOOKS, strict=False):
        points = [(n, one.log_loss) for n, one in zip(numbers, facts.tried, strict=True) if one.family == family]
        axes.scatter(*zip(*points, strict=True), color=colour, marker=marker, label=family, zorder=3)
    losses = pd.Series([one.log_loss for one in facts.tried])
    axes.step(list(numbers), losses.cummin(), where="post", color="#444444", linewidth=1.5, label="best so far")
    base = facts.base_rate_log_loss
    axes.axhline(base, color="#666666", linestyle=(0, (1, 2)), linewidth=1.5, label="base rate")
    # One hopeless setting must not squeeze all others into a line.
    axes.set_ylim(losses.min() - 0.05 * base, max(1.25 * base, losses.min() + 0.1 * base))
    axes.set(xlabel="settings tried on all folds", ylabel="log loss, less is better")
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _row(one: Tried, folds: str) -> Mapping[str, Any]:
    values = {name: value for name, value in one.setting.items() if name not in _UNNAMED and value is not None}
    return {
        "family": one.family,
        "log loss": round(one.log_loss, 4),
        "ROC AUC": _text(one.roc_auc),
        "average precision": _text(one.average_precision),
        "folds": folds,
        "seconds": round(one.seconds, 1),
        "balance": one.setting["balance"],
        "setting": ", ".join(_pairs(values)),
    }


def _pairs(values: Mapping[str, Any]) -> Sequence[str]:
    return [f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()]


def _text(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
