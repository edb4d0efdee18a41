"""A search for a person to read: a table of the settings tried, best first, and a figure of their log losses."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from failure_platform.domain.training.facts import TrainingFacts
from failure_platform.domain.training.trials import TrialRecord

# The palette of Okabe and Ito, distinguishable with any colour vision; the markers differ as well.
_STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"))
_OWN_COLUMNS = {"family", "balance"}


def search_table(facts: TrainingFacts) -> pd.DataFrame:
    """Return one row per setting: the completed trials by log loss, then the pruned ones."""
    completed = sorted(facts.tried, key=lambda trial: trial.log_loss)
    rows = [_row(trial, "all") for trial in completed] + [_row(trial, str(trial.folds)) for trial in facts.given_up]
    return pd.DataFrame(rows)


def search_png(facts: TrainingFacts) -> bytes:
    """Return a figure of the log loss of every completed trial in order, with the best so far and the base rate."""
    figure = Figure(figsize=(9.0, 3.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    numbers = range(1, len(facts.tried) + 1)
    families = dict.fromkeys(trial.family for trial in facts.tried)
    for family, (colour, marker) in zip(families, _STYLES, strict=False):
        points = [(n, trial.log_loss) for n, trial in zip(numbers, facts.tried, strict=True) if trial.family == family]
        axes.scatter(*zip(*points, strict=True), color=colour, marker=marker, label=family, zorder=3)
    losses = pd.Series([trial.log_loss for trial in facts.tried])
    axes.step(list(numbers), losses.cummin(), where="post", color="#444444", linewidth=1.5, label="best so far")
    base = facts.base_rate_log_loss
    axes.axhline(base, color="#666666", linestyle=(0, (1, 2)), linewidth=1.5, label="base rate")
    # Limits that an outlier cannot stretch: one very bad setting must not hide the differences between the others.
    axes.set_ylim(losses.min() - 0.05 * base, max(1.25 * base, losses.min() + 0.1 * base))
    axes.set(xlabel="settings tried on all folds", ylabel="log loss, less is better")
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _row(trial: TrialRecord, folds: str) -> Mapping[str, Any]:
    values = {name: value for name, value in trial.setting.items() if name not in _OWN_COLUMNS and value is not None}
    return {
        "family": trial.family,
        "log loss": round(trial.log_loss, 4),
        "ROC AUC": _text(trial.roc_auc),
        "average precision": _text(trial.average_precision),
        "folds": folds,
        "seconds": round(trial.seconds, 1),
        "balance": trial.setting["balance"],
        "setting": ", ".join(_pairs(values)),
    }


def _pairs(values: Mapping[str, Any]) -> Sequence[str]:
    return [f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()]


def _text(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
