"""The points of the comparison's plots.

What belongs here: ROC, precision-recall, calibration and threshold points of one model, few enough to be stored with
the comparison. What does not: drawing them (figures).
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from failure_platform.domain.comparison.values import Curves, Points
from failure_platform.domain.metrics import calibration_bins

MOST_POINTS = 200


def curves_of(y: NDArray[np.int8], p: NDArray[np.float64]) -> Curves:
    """Return the points for labels and probabilities of shape (vehicles,)."""
    if len(np.unique(y)) < 2:
        return Curves((), (), (), (), ())
    false_alarms, found, _ = roc_curve(y, p)
    precision, recall, _ = precision_recall_curve(y, p, drop_intermediate=True)
    bins = calibration_bins(p)
    groups = [np.flatnonzero(bins == one) for one in np.unique(bins)]
    share = float(y.mean())
    return Curves(
        roc=_thinned(false_alarms, found),
        precision_recall=_thinned(recall[::-1], precision[::-1]),
        calibration=tuple((float(p[group].mean()), float(y[group].mean())) for group in groups),
        calibration_vehicles=tuple(len(group) for group in groups),
        threshold_curve=_thinned(1000 * (found * share + false_alarms * (1 - share)), 1 - found),
    )


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Return at most MOST_POINTS points, spread evenly over their positions, the ends included."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    return tuple((float(a), float(b)) for a, b in zip(x[kept], y[kept], strict=True))
