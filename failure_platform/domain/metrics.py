"""The metrics reported for every model, each on one set of vehicles, with their labels and descriptions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score


@dataclass(frozen=True)
class MetricDescription:
    """The label of a metric in tables and plots, and its meaning in a sentence or two."""

    label: str
    meaning: str


METRIC_DESCRIPTIONS = {
    "average_precision": MetricDescription(
        "average precision",
        "Of the vehicles alarmed, the share that fails, averaged from few alarms to many. Guessing gives the failure "
        "rate. The verdict rests on it.",
    ),
    "roc_auc": MetricDescription(
        "ROC AUC",
        "Chance that a vehicle that failed was given a higher probability than one that did not. 0.5 is guessing, 1 a "
        "perfect order.",
    ),
    "recall_at_capacity": MetricDescription(
        "recall at capacity",
        "Share of the failures found when the riskiest vehicles of each day are inspected, as many as the plant can.",
    ),
    "recall": MetricDescription("recall", "Share of the failures that the model alarms at its own threshold."),
    "precision": MetricDescription("precision", "Share of its alarms that are right, at its own threshold."),
    "f1": MetricDescription("F1", "Balance of precision and recall at its own threshold."),
    "log_loss": MetricDescription(
        "log loss",
        "Punishes probabilities far from what happened, sure mistakes most. Less is better.",
    ),
    "brier": MetricDescription(
        "Brier score", "Mean squared distance between the probability and what happened (0 or 1). Less is better."
    ),
    "calibration_error": MetricDescription(
        "calibration error",
        "How far the probabilities lie from the failure rate seen, on average over ten equal groups. Less is "
        "better; always saying the base rate has nearly none, and tells nothing.",
    ),
    "accuracy": MetricDescription(
        "accuracy",
        "Share of all vehicles judged rightly. Where failures are rare, never alarming scores high as well: no figure "
        "to decide by.",
    ),
}


METRICS = (
    "roc_auc",
    "average_precision",
    "recall_at_capacity",
    "log_loss",
    "brier",
    "calibration_error",
    "f1",
    "precision",
    "recall",
    "accuracy",
)
LESS_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error"})
CALIBRATION_BINS = 10
# One wrong probability of exactly 0 or 1 would make the mean log loss infinite.
SMALLEST_PROBABILITY = 1e-6

Metrics = Mapping[str, float | None]


def log_losses(y: NDArray[np.int8], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log loss of each vehicle in nats, with probabilities clipped away from 0 and 1; shape (vehicles,)."""
    clipped = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(-np.log(np.where(y == 1, clipped, 1 - clipped)), dtype=np.float64)


def calibration_bins(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each vehicle's bin, 0 to 9, by ascending probability; shape (vehicles,).

    The bins are of equal size as far as ties allow: equal probabilities share the bin of their middle rank, because
    otherwise the order among them would determine the calibration error.
    """
    # Twice the middle rank is an integer, so no rounding moves a vehicle to the next bin.
    twice_middle = (2 * rankdata(p) - 1).astype(np.int64)
    return np.asarray(twice_middle * CALIBRATION_BINS // (2 * max(len(p), 1)), dtype=np.int64)


def calibration_error(y: NDArray[np.int8], p: NDArray[np.float64]) -> float:
    """Return the expected calibration error: the mean gap between predicted probability and observed rate over bins.

    Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015, with bins
    of equal size: failures are rare, so most bins of equal width would be nearly empty.
    """
    gaps = np.bincount(calibration_bins(p), weights=p - y, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(y))


def average_precision(y: NDArray[np.int8], p: NDArray[np.float64]) -> float:
    """Return the average precision expected over all orders of vehicles with equal probability.

    Without ties it equals scikit-learn's. scikit-learn treats a tie as one step, which lowers the value of a model
    with few distinct probabilities (a tree, an isotonic calibration) by about 0.03: of two equally good models the one
    without ties would be called better. For a constant it equals that of a random ranking. McSherry and Najork,
    Computing information retrieval performance measures efficiently in the presence of tied scores, ECIR 2008.

    Args:
        y: labels, 1 = failed, at least one; shape (vehicles,).
        p: probabilities of failure; shape (vehicles,).
    """
    _, tie = np.unique(-p, return_inverse=True)
    tied, failed = (np.bincount(tie, weights=weights).astype(np.float64) for weights in (np.ones(len(y)), y))
    sums = precision_sums(np.cumsum(tied) - tied, tied, np.cumsum(failed) - failed, failed)
    return float(sums.sum() / failed.sum())


def precision_sums(
    before: NDArray[np.float64], tied: NDArray[np.float64], found: NDArray[np.float64], failed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each tie the expected sum, over its failures, of the precision at the failure's rank.

    Args:
        before: number of vehicles ranked before the tie; all arrays have the same shape and integer values.
        tied: number of vehicles in the tie.
        found: number of failures before the tie.
        failed: number of failures in the tie.
    """
    # The sum of 1 / rank over the ranks of the tie.
    reciprocals = digamma(before + tied + 1) - digamma(before + 1)
    others = (failed - 1) / np.maximum(tied - 1, 1)
    return np.asarray(
        failed / np.maximum(tied, 1) * ((found + 1) * reciprocals + others * (tied - (before + 1) * reciprocals))
    )


def measure(
    y: NDArray[np.int8], p: NDArray[np.float64], threshold: float, inspected: NDArray[np.bool_] | None = None
) -> dict[str, float | None]:
    """Return the metrics of METRICS.

    Args:
        y: labels, 1 = failed; shape (vehicles,).
        p: probabilities of failure; shape (vehicles,).
        threshold: probability at or above which a vehicle is alarmed.
        inspected: vehicles within the inspection capacity, independent of the threshold; shape (vehicles,).

    Returns:
        A dict by metric name; None where a metric is not defined: all of them without vehicles; ROC AUC with only one
        class; average precision, F1, precision and both recalls without a failure; recall at capacity without
        `inspected`. Precision is 0 if nothing is alarmed although there are failures.
    """
    if len(y) == 0:
        return dict.fromkeys(METRICS)
    alarmed, failed = p >= threshold, y == 1
    hits, alarms, failures = int((alarmed & failed).sum()), int(alarmed.sum()), int(failed.sum())
    metrics: dict[str, float | None] = dict.fromkeys(METRICS)
    metrics |= {
        "log_loss": float(log_losses(y, p).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "calibration_error": calibration_error(y, p),
        "accuracy": float((alarmed == failed).mean()),
    }
    if failures:
        metrics |= {
            "average_precision": average_precision(y, p),
            "f1": 2 * hits / (alarms + failures),
            "precision": hits / alarms if alarms else 0.0,
            "recall": hits / failures,
        }
        if inspected is not None:
            metrics["recall_at_capacity"] = int((inspected & failed).sum()) / failures
    if 0 < failures < len(y):
        metrics["roc_auc"] = float(roc_auc_score(y, p))
    return metrics
