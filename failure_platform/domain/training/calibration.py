"""Calibration: correct the probabilities of a model by the outcomes of vehicles it was not fitted on.

sigmoid: logistic regression on the logit of the probability (Platt 1999). isotonic: isotonic regression (Zadrozny &
Elkan 2002). Both are fitted on out-of-fold probabilities only.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from failure_platform.domain.families.family import RecipeRefusedError
from failure_platform.domain.metrics import SMALLEST_PROBABILITY, log_losses
from failure_platform.domain.training.recipe import CalibrationChoice

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Method = Literal["none", "sigmoid", "isotonic"]
# Two parameters need a few failures; a step function needs many, or it overfits (scikit-learn's user guide recommends
# about a thousand samples).
_FEWEST_FAILURES: dict[Method, int] = {"none": 0, "sigmoid": 10, "isotonic": 50}


@dataclass(frozen=True)
class Calibration:
    """A calibration method, fitted, and the log loss of each method that was compared.

    Attributes:
        method: the chosen one.
        corrector: fitted over the logit of the probability; None for none.
        log_losses: by method, cross-validated: each fold is corrected by what the other folds gave.
    """

    method: Method
    corrector: Any
    log_losses: dict[str, float]

    def apply(self, p: Floats) -> Floats:
        """Return calibrated probabilities, shape (vehicles,)."""
        return p if self.corrector is None else _apply(self.corrector, p)


class Corrected(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A fitted model with calibrated probabilities; it consists of fitted parts and fits nothing itself.

    Attributes:
        model: fitted classifier.
        corrector: of a Calibration.
    """

    def __init__(self, model: Any, corrector: Any) -> None:
        self.model = model
        self.corrector = corrector

    def fit(self, x: Any, y: Any) -> "Corrected":  # noqa: ARG002 - required by scikit-learn
        """Do nothing: the parts are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[np.int8]:
        """The classes of the model."""
        return np.asarray(self.model.classes_)

    def predict_proba(self, x: Any) -> Floats:
        """Return the calibrated probabilities of both classes, shape (rows, 2)."""
        p = _apply(self.corrector, self.model.predict_proba(x)[:, 1])
        return np.column_stack([1 - p, p])


def calibrate(requested: CalibrationChoice, p: Floats, y: Labels, fold_numbers: NDArray[np.int64]) -> Calibration:
    """Choose and fit a method; auto chooses the one with the lowest cross-validated log loss.

    Args:
        requested: the method, or auto.
        p: out-of-fold probabilities, shape (vehicles,).
        y: labels.
        fold_numbers: number of the fold that each vehicle was validated in.

    Raises:
        RecipeRefusedError: a requested method cannot be fitted, since not both classes are among the vehicles.
    """
    if requested == "auto":
        possible = [method for method in _FEWEST_FAILURES if _can_be_validated(method, y, fold_numbers)]
        losses: dict[str, float] = {
            method: float(held_out_log_losses(method, p, y, fold_numbers).mean()) for method in possible
        }
        # Without a second fold to compare on, or on a tie, probabilities stay as they are.
        chosen = min(possible, key=losses.__getitem__)
    else:
        chosen, losses = requested, {}
        if requested != "none" and not 0 < y.sum() < len(y):
            raise RecipeRefusedError(
                f"training.calibration {requested} needs failed and good vehicles among the {len(y)} out-of-fold ones; "
                f"{int(y.sum())} failed. Choose auto."
            )
    return Calibration(chosen, _fit(chosen, p, y), losses)


def held_out_log_losses(method: Method, p: Floats, y: Labels, fold_numbers: NDArray[np.int64]) -> Floats:
    """Return the log loss of each vehicle when each fold is calibrated by a method fitted on the other folds."""
    if method == "none":
        return log_losses(y, p)
    calibrated = np.empty(len(p))
    for number in np.unique(fold_numbers):
        held_out = fold_numbers == number
        calibrated[held_out] = _apply(_fit(method, p[~held_out], y[~held_out]), p[held_out])
    return log_losses(y, calibrated)


def comparable_log_losses(p: Floats, y: Labels, fold_numbers: NDArray[np.int64]) -> Floats:
    """Return the log losses after the sigmoid, or without it where it cannot be fitted.

    The sigmoid makes the probabilities of models fitted on reweighted rows comparable with those of others.
    """
    method: Method = "sigmoid" if _can_be_validated("sigmoid", y, fold_numbers) else "none"
    return held_out_log_losses(method, p, y, fold_numbers)


def _can_be_validated(method: Method, y: Labels, fold_numbers: NDArray[np.int64]) -> bool:
    if method == "none":
        return True
    others = [y[fold_numbers != number] for number in np.unique(fold_numbers)]
    return len(others) > 1 and all(_FEWEST_FAILURES[method] <= other.sum() < len(other) for other in others)


def _fit(method: Method, p: Floats, y: Labels) -> Any:
    if method == "none":
        return None
    x = _logit(p)
    if method == "isotonic":
        return IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, y)
    sigmoid = LogisticRegression(C=np.inf).fit(x, y)
    if sigmoid.coef_[0, 0] < 0:
        # A negative slope is noise: calibration may flatten the ranking of vehicles, never reverse it.
        sigmoid.coef_[:], sigmoid.intercept_[:] = 0.0, logit(y.mean())
    return sigmoid


def _apply(corrector: Any, p: Floats) -> Floats:
    x = _logit(p)
    isotonic = isinstance(corrector, IsotonicRegression)
    return np.asarray(corrector.predict(x) if isotonic else corrector.predict_proba(x)[:, 1], dtype=np.float64)


def _logit(p: Floats) -> Floats:
    """Return the logit as one column, shape (vehicles, 1), finite also for probabilities of exactly 0 or 1."""
    return np.asarray(logit(np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))[:, None], dtype=np.float64)
