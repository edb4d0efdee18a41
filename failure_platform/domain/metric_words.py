"""What each figure of a comparison is called and means, for people who did not study it.

What belongs here: one entry per figure. What does not: its formula (metrics).
"""

from dataclasses import dataclass


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
