"""The figures that every model is shown with.

What belongs here: each figure for one set of vehicles, and when it is not defined. What does not: their uncertainty
(comparison.bootstrap) and what follows from them (comparison.verdict).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score


@dataclass(frozen=True)
class MetricWords:
    """The name of a figure on tables and pictures, and its meaning in a sentence or two."""

    label: str
    meaning: str


METRIC_WORDS = {
    "average_precision": MetricWords(
        "average precision",
        "Of the vehicles alarmed, the share that fails, averaged from few alarms to many. Guessing gives the failure "
        "rate. The verdict rests on it.",
    ),
    "roc_auc": MetricWords(
        "ROC AUC",
        "Chance that a vehicle that failed was given a higher probability than one that did not. 0.5 is guessing, 1 a "
        "perfect order.",
    ),
    "recall_at_capacity": MetricWords(
        "recall at capacity",
        "Share of the failures found when the riskiest vehicles of each day are inspected, as many as the plant can.",
    ),
    "recall": MetricWords("recall", "Share of the failures that the model alarms at its own threshold."),
    "precision": MetricWords("precision", "Share of its alarms that are right, at its own threshold."),
    "f1": MetricWords("F1", "Balance of precision and recall at its own threshold."),
    "log_loss": MetricWords(
        "log loss",
        "Punishes probabilities far from what happened, sure mistakes most. Less is better.",
    ),
    "brier": MetricWords(
        "Brier score", "Mean squared distance between the probability and what happened (0 or 1). Less is better."
    ),
    "calibration_error": MetricWords(
        "calibration error",
        "How far the probabilities lie from the failure rate seen, on average over ten equal groups. Less is "
        "better; always saying the base rate has nearly none, and tells nothing.",
    ),
    "accuracy": MetricWords(
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
# A probability of exactly 0 or 1 that turns out wrong would cost an infinite log loss and hide everything else.
SMALLEST_PROBABILITY = 1e-6

Metrics = Mapping[str, float | None]


def log_losses(y: NDArray[np.int8], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log loss of each vehicle in nats, with probabilities kept away from 0 and 1."""
    kept = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(-np.log(np.where(y == 1, kept, 1 - kept)), dtype=np.float64)


def calibration_bins(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each vehicle's tenth, 0 to 9, by rising probability; shape (vehicles,).

    The tenths hold equally many vehicles as far as ties allow: equal probabilities are never parted, since which of
    them comes first would decide the calibration error. They lie in the tenth of their middle.
    """
    # Twice the middle rank is a whole number, so that no rounding moves a vehicle to the next tenth.
    twice_middle = (2 * rankdata(p) - 1).astype(np.int64)
    return np.asarray(twice_middle * CALIBRATION_BINS // (2 * max(len(p), 1)), dtype=np.int64)


def calibration_error(y: NDArray[np.int8], p: NDArray[np.float64]) -> float:
    """Return the expected calibration error: the mean gap between said and observed share, tenth by tenth.

    Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015, with
    tenths of equally many vehicles: of failures as rare as here, tenths of equal width hold hardly any.
    """
    gaps = np.bincount(calibration_bins(p), weights=p - y, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(y))


def average_precision(y: NDArray[np.int8], p: NDArray[np.float64]) -> float:
    """Return the average precision that is expected when vehicles of equal probability come in any order.

    Without ties it is scikit-learn's. That one takes a tie as one step, which costs a model of few distinct
    probabilities (a tree, steps of a calibration) some 0.03 for its ties alone: of two equally good models the one
    without ties would be called better. Of a constant it is what guessing gives. McSherry and Najork, Computing
    information retrieval performance measures efficiently in the presence of tied scores, ECIR 2008.

    Args:
        y: labels, 1 = failed, at least one; shape (vehicles,).
        p: probabilities of failure; shape (vehicles,).
    """
    _, place = np.unique(-p, return_inverse=True)
    tied, bad = (np.bincount(place, weights=one).astype(np.float64) for one in (np.ones(len(y)), y))
    return float(precision_sums(np.cumsum(tied) - tied, tied, np.cumsum(bad) - bad, bad).sum() / bad.sum())


def precision_sums(
    before: NDArray[np.float64], tied: NDArray[np.float64], found: NDArray[np.float64], bad: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each tie the expected sum, over its failures, of the precision at the failure's place.

    Args:
        before: vehicles before the tie; all arrays of one shape, whole numbers.
        tied: vehicles in it, failed or not.
        found: failures before it.
        bad: failures in it.
    """
    # The sum of 1 / place over the places of the tie.
    reciprocals = digamma(before + tied + 1) - digamma(before + 1)
    others = (bad - 1) / np.maximum(tied - 1, 1)
    return np.asarray(
        bad / np.maximum(tied, 1) * ((found + 1) * reciprocals + others * (tied - (before + 1) * reciprocals))
    )


def measure(
    y: NDArray[np.int8], p: NDArray[np.float64], threshold: float, inspected: NDArray[np.bool_] | None = None
) -> dict[str, float | None]:
    """Return the figures of METRICS.

    Args:
        y: labels, 1 = failed; shape (vehicles,).
        p: probabilities of failure; shape (vehicles,).
        threshold: probability from which a vehicle counts as alarmed.
        inspected: which vehicles the inspection capacity reaches, whatever the threshold; shape (vehicles,).

    Returns:
        None where a figure is not defined: all of them without vehicles; ROC AUC with one class only; average
        precision, F1, precision and the recalls without a failure; recall at capacity without `inspected`. Precision
        is 0 when nothing is alarmed although there are failures: the model found none.
    """
    if len(y) == 0:
        return dict.fromkeys(METRICS)
    alarmed, failed = p >= threshold, y == 1
    hits, alarms, failures = int((alarmed & failed).sum()), int(alarmed.sum()), int(failed.sum())
    figures: dict[str, float | None] = dict.fromkeys(METRICS)
    figures |= {
        "log_loss": float(log_losses(y, p).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "calibration_error": calibration_error(y, p),
        "accuracy": float((alarmed == failed).mean()),
    }
    if failures:
        figures |= {
            "average_precision": average_precision(y, p),
            "f1": 2 * hits / (alarms + failures),
            "precision": hits / alarms if alarms else 0.0,
            "recall": hits / failures,
        }
        if inspected is not None:
            figures["recall_at_capacity"] = int((inspected & failed).sum()) / failures
    if 0 < failures < len(y):
        figures["roc_auc"] = float(roc_auc_score(y, p))
    return figures
