"""The points of a model's ROC, precision-recall, calibration and threshold curves, few enough to be stored."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from failure_platform.domain.comparison.result import Curves, Points
from failure_platform.domain.metrics import calibration_bins

MAX_POINTS = 200


def curves_of(y: NDArray[np.int8], p: NDArray[np.float64]) -> Curves:
    """Return the points for labels `y` and probabilities `p`, both of shape (vehicles,)."""
    if len(np.unique(y)) < 2:
        return Curves((), (), (), (), ())
    false_positive_rate, true_positive_rate, _ = roc_curve(y, p)
    precision, recall, _ = precision_recall_curve(y, p, drop_intermediate=True)
    bins = calibration_bins(p)
    groups = [np.flatnonzero(bins == number) for number in np.unique(bins)]
    failure_rate = float(y.mean())
    return Curves(
        roc=_thinned(false_positive_rate, true_positive_rate),
        precision_recall=_thinned(recall[::-1], precision[::-1]),
        calibration=tuple((float(p[group].mean()), float(y[group].mean())) for group in groups),
        calibration_vehicles=tuple(len(group) for group in groups),
        threshold_curve=_thinned(
            1000 * (true_positive_rate * failure_rate + false_positive_rate * (1 - failure_rate)),
            1 - true_positive_rate,
        ),
    )


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Return at most MAX_POINTS points, evenly spaced by position, including the first and the last."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).round().astype(int))
    return tuple((float(a), float(b)) for a, b in zip(x[kept], y[kept], strict=True))
