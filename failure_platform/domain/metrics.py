"""The eight figures that every model is shown with.

What belongs here: each figure for one set of vehicles, and when it is not defined. What does not: their uncertainty
(bootstrap) and what follows from them (verdict).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "f1", "precision", "recall", "accuracy")
LESS_IS_BETTER = frozenset({"log_loss", "brier"})
# A probability of exactly 0 or 1 that turns out wrong would cost an infinite log loss and hide everything else.
SMALLEST_PROBABILITY = 1e-6

Metrics = Mapping[str, float | None]


def log_losses(y: NDArray[np.int8], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log loss of each vehicle in nats, with probabilities kept away from 0 and 1."""
    kept = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(-np.log(np.where(y == 1, kept, 1 - kept)), dtype=np.float64)


def measure(y: NDArray[np.int8], p: NDArray[np.float64], threshold: float) -> dict[str, float | None]:
    """Return the figures of METRICS.

    Args:
        y: labels, 1 = failed; shape (vehicles,).
        p: probabilities of failure; shape (vehicles,).
        threshold: probability from which a vehicle counts as alarmed.

    Returns:
        None where a figure is not defined: all of them without vehicles; ROC AUC with one class only; average
        precision, F1, precision and recall without a failure. Precision is 0 when nothing is alarmed although there
        are failures: the model found none.
    """
    if len(y) == 0:
        return dict.fromkeys(METRICS)
    alarmed, failed = p >= threshold, y == 1
    hits, alarms, failures = int((alarmed & failed).sum()), int(alarmed.sum()), int(failed.sum())
    figures: dict[str, float | None] = dict.fromkeys(METRICS)
    figures |= {
        "log_loss": float(log_losses(y, p).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "accuracy": float((alarmed == failed).mean()),
    }
    if failures:
        figures |= {
            "average_precision": float(average_precision_score(y, p)),
            "f1": 2 * hits / (alarms + failures),
            "precision": hits / alarms if alarms else 0.0,
            "recall": hits / failures,
        }
    if 0 < failures < len(y):
        figures["roc_auc"] = float(roc_auc_score(y, p))
    return figures
