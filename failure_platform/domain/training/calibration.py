"""Calibration: what a model says, corrected by what happened to vehicles it had not seen.

What belongs here: the two corrections, their honest price, the choice between them, and a model with its correction.
What does not: where the out-of-fold answers come from (inner_validation).

sigmoid: logistic regression on the logit of the probability (Platt 1999). isotonic: any rising step function
(Zadrozny & Elkan 2002). Both are fitted on out-of-fold answers only.
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
# Two parameters need a few failures to stand on; steps need many, or they learn the noise (scikit-learn's guide asks
# for about a thousand samples).
_FEWEST_FAILURES: dict[Method, int] = {"none": 0, "sigmoid": 10, "isotonic": 50}


@dataclass(frozen=True)
class Calibration:
    """A correction and what it costs or gains.

    Attributes:
        method: the chosen one.
        corrector: fitted over the logit of the probability; None for none.
        log_losses: by method, of each block of vehicles corrected by what the other blocks taught.
    """

    method: Method
    corrector: Any
    log_losses: dict[str, float]

    def apply(self, p: Floats) -> Floats:
        """Return corrected probabilities, shape (vehicles,)."""
        return p if self.corrector is None else _apply(self.corrector, p)


class Corrected(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A fitted model whose probabilities are corrected. It is made of fitted parts and fits nothing itself.

    Attributes:
        model: fitted classifier.
        corrector: of a Calibration.
    """

    def __init__(self, model: Any, corrector: Any) -> None:
        self.model = model
        self.corrector = corrector

    def fit(self, x: Any, y: Any) -> "Corrected":  # noqa: ARG002 - scikit-learn asks for it
        """Fit nothing: the parts are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[np.int8]:
        """The classes of the model."""
        return np.asarray(self.model.classes_)

    def predict_proba(self, x: Any) -> Floats:
        """Return the corrected probabilities of both classes, shape (rows, 2)."""
        p = _apply(self.corrector, self.model.predict_proba(x)[:, 1])
        return np.column_stack([1 - p, p])


def calibrate(asked: CalibrationChoice, p: Floats, y: Labels, block: NDArray[np.int64]) -> Calibration:
    """Choose and fit a correction; auto takes the one with the least log loss on blocks it was not fitted on.

    Args:
        asked: the method, or auto.
        p: out-of-fold probabilities, shape (vehicles,).
        y: what happened.
        block: number of the fold each vehicle was judged in.

    Raises:
        RecipeRefusedError: a method is asked for that these vehicles cannot teach: both classes must be among them.
    """
    if asked == "auto":
        possible = [method for method in _FEWEST_FAILURES if _enough(method, y, block)]
        losses: dict[str, float] = {
            method: float(held_out_log_losses(method, p, y, block).mean()) for method in possible
        }
        # Without any out-of-fold block to compare on, or on a tie, probabilities stay as they are.
        chosen = min(possible, key=losses.__getitem__)
    else:
        chosen, losses = asked, {}
        if asked != "none" and not 0 < y.sum() < len(y):
            raise RecipeRefusedError(
                f"training.calibration {asked} needs failed and good vehicles among the {len(y)} out-of-fold ones; "
                f"{int(y.sum())} failed. Choose auto."
            )
    return Calibration(chosen, _fit(chosen, p, y), losses)


def held_out_log_losses(method: Method, p: Floats, y: Labels, block: NDArray[np.int64]) -> Floats:
    """Return the log loss of each vehicle when each block is corrected by what the other blocks taught."""
    if method == "none":
        return log_losses(y, p)
    said = np.empty(len(p))
    for number in np.unique(block):
        here = block == number
        said[here] = _apply(_fit(method, p[~here], y[~here]), p[here])
    return log_losses(y, said)


def comparable_log_losses(p: Floats, y: Labels, block: NDArray[np.int64]) -> Floats:
    """Return them after the sigmoid, if it can be fitted: it makes reweighted answers comparable with others."""
    return held_out_log_losses("sigmoid" if _enough("sigmoid", y, block) else "none", p, y, block)


def _enough(method: Method, y: Labels, block: NDArray[np.int64]) -> bool:
    if method == "none":
        return True
    others = [y[block != number] for number in np.unique(block)]
    return len(others) > 1 and all(_FEWEST_FAILURES[method] <= other.sum() < len(other) for other in others)


def _fit(method: Method, p: Floats, y: Labels) -> Any:
    if method == "none":
        return None
    x = _logit(p)
    if method == "isotonic":
        return IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, y)
    line = LogisticRegression(C=np.inf).fit(x, y)
    if line.coef_[0, 0] < 0:
        # Answers that stand on their head are noise: a correction may flatten the order of vehicles, never reverse it.
        line.coef_[:], line.intercept_[:] = 0.0, logit(y.mean())
    return line


def _apply(corrector: Any, p: Floats) -> Floats:
    x = _logit(p)
    said = corrector.predict(x) if isinstance(corrector, IsotonicRegression) else corrector.predict_proba(x)[:, 1]
    return np.asarray(said, dtype=np.float64)


def _logit(p: Floats) -> Floats:
    """Return the logit as one column; a probability of exactly 0 or 1 has none."""
    return np.asarray(logit(np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))[:, None], dtype=np.float64)
