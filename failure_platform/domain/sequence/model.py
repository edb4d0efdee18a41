"""A scikit-learn classifier over sequences of test results.

The fitted weights are numpy arrays, so that skops can store the model and loading it does not run PyTorch.
"""

from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from failure_platform.domain.features.sequences import CHANNELS
from failure_platform.domain.sequence.inputs import FIRST_TEST, NUMBERS, Scales, encode, fit_scales


class SequenceExtraError(ImportError):
    """The optional libraries of the sequence model are not installed; the message tells how to install them."""


def network() -> ModuleType:
    """Return the module that trains and evaluates the network.

    Raises:
        SequenceExtraError: PyTorch or skorch is not installed, or does not load.
    """
    try:
        from failure_platform.domain.sequence import network as module
    except ImportError as error:
        raise SequenceExtraError(
            f"The sequence model needs PyTorch and skorch, which do not load here ({error}). Install them with "
            "`make setup-sequence`, or `pip install 'failure-platform[sequence]'`, or take `sequence` out of the "
            "families in the settings."
        ) from error
    return module


class SequenceClassifier(ClassifierMixin, BaseEstimator):
    """An LSTM over the newest test results of a vehicle, oldest first, fitted by log loss without class weights.

    X has the columns of `sequence_names`, in that order, NaN for a missing cell. Its rows are ordered by age, oldest
    vehicle first (the platform orders them by KNR, which begins with year and week). The newest rows, with `stop_share`
    of the failures, are not trained on; they are the validation set of early stopping. On the CPU the same data,
    parameters and seed give the same model.

    Attributes after fit: classes_, weights_ (arrays by name), codes_, centre_, spread_, hours_ (see
    `domain.sequence.inputs.Scales`), epochs_ (number of the best epoch), device_ (trained on).
    """

    def __init__(
        self,
        *,
        units: int = 32,
        embedding: int = 8,
        dropout: float = 0.1,
        rate: float = 5e-3,
        decay: float = 1e-2,
        batch: int = 256,
        epochs: int = 80,
        patience: int = 12,
        stop_share: float = 1 / 6,
        rarest: int = 20,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        """Store the parameters: `rarest` as in fit_scales, `units` and `dropout` of the LSTM, others as in Training."""
        self.units = units
        self.embedding = embedding
        self.dropout = dropout
        self.rate = rate
        self.decay = decay
        self.batch = batch
        self.epochs = epochs
        self.patience = patience
        self.stop_share = stop_share
        self.rarest = rarest
        self.device = device
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803 - sklearn's
        """Fit on cells (vehicles, 4 x steps) and labels 0 or 1 (vehicles,).

        Raises:
            SequenceExtraError: the optional libraries are missing.
            ValueError: not four columns a step, or not both classes among the older rows.
        """
        lstm = network()
        x, labels = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        labels = labels.astype(np.int64)
        if x.shape[1] % len(CHANNELS):
            raise ValueError(f"{x.shape[1]} columns: a sequence has {len(CHANNELS)} a step ({', '.join(CHANNELS)})")
        older = _older(labels, self.stop_share)
        if set(np.unique(labels[:older])) != {0, 1}:
            raise ValueError(
                f"the older {older} of {len(x)} vehicles do not hold both classes, 0 and 1; a sequence model needs at "
                "least two failures and a vehicle that did not fail before the last of them"
            )
        weight = _check_sample_weight(sample_weight, x, dtype=np.float32)
        scales = fit_scales(x, self.rarest)
        self.codes_, self.centre_ = scales.codes, scales.centre
        self.spread_, self.hours_ = scales.spread, scales.hours
        self.classes_ = np.array([0, 1])
        self.device_ = lstm.device(self.device)
        training = lstm.Training(self.rate, self.decay, self.batch, self.epochs, self.patience, self.device_, self.seed)
        self.weights_, self.epochs_ = lstm.fit(self._shape(), training, encode(x, scales), labels, weight, older)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 - sklearn's
        """Return the probabilities of 0 and 1, shape (vehicles, 2). Raises SequenceExtraError as fit does."""
        check_is_fitted(self)
        lstm = network()
        x = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        scales = Scales(self.codes_, self.centre_, self.spread_, self.hours_)
        failed = lstm.probabilities(self._shape(), self.weights_, encode(x, scales))
        return np.column_stack([1 - failed, failed])

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803 - sklearn's
        """Return the more probable class of each vehicle, shape (vehicles,)."""
        likelier: NDArray[np.int64] = self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]
        return likelier

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def _shape(self) -> dict[str, Any]:
        """Return the arguments of the network."""
        return {
            "tests": FIRST_TEST + len(self.codes_),
            "embedding": self.embedding,
            "numbers": NUMBERS,
            "units": self.units,
            "dropout": self.dropout,
        }


def _older(y: NDArray[np.int64], stop_share: float) -> int:
    """Return the number of rows before the newest ones, which hold that share of the failures, at least one."""
    failures = np.flatnonzero(y)
    return int(failures[int(len(failures) * (1 - stop_share))]) if len(failures) else len(y)
