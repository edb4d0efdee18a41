"""The recurrent network and its training: the only module that imports PyTorch and skorch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import EarlyStopping, GradientNormClipping
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from skorch.utils import noop
from torch import nn

Inputs = tuple[NDArray[np.int64], NDArray[np.float32]]
Weights = dict[str, NDArray[np.float32]]
_PREDICT_ROWS = 512  # bounds memory
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Training:
    """The parameters of training.

    Attributes:
        rate: learning rate of AdamW (Loshchilov and Hutter, ICLR 2019).
        decay: weight decay of AdamW.
        batch: rows per step.
        epochs: maximal number of epochs.
        patience: epochs without a lower validation log loss before training stops.
        device: as PyTorch names it; "auto" is the GPU if there is one.
        seed: of all random numbers.
    """

    rate: float
    decay: float
    batch: int
    epochs: int
    patience: int
    device: str
    seed: int


class Network(nn.Module):
    """One LSTM layer over the steps; a logit from its last state and the maximum of each unit over the steps.

    Long short-term memory: Hochreiter and Schmidhuber, Neural Computation 9 (1997) 1735.
    """

    def __init__(self, tests: int, embedding: int, numbers: int, units: int, dropout: float) -> None:
        """Create the layers for a vocabulary of `tests` positions; the embedding of position 0 (no row) stays zero."""
        super().__init__()
        self.embed = nn.Embedding(tests, embedding, padding_idx=0)
        self.lstm = nn.LSTM(embedding + numbers, units, batch_first=True)
        self.drop = nn.Dropout(dropout)
        # Saved models name this layer: renaming it would make them unreadable.
        self.say = nn.Linear(2 * units, 1)

    def forward(self, tests: torch.Tensor, numbers: torch.Tensor, weight: Any = None) -> torch.Tensor:  # noqa: ARG002
        """Return logits, shape (rows, 1), of tests (rows, steps) and numbers (rows, steps, numbers), oldest first.

        skorch passes all columns; `weight` is for the loss (see _Net).
        """
        states, (last, _) = self.lstm(torch.cat([self.embed(tests), numbers], dim=2))
        logits: torch.Tensor = self.say(self.drop(torch.cat([last[-1], states.amax(dim=1)], dim=1)))
        return logits


class _Net(NeuralNetBinaryClassifier):
    """skorch's training loop with a weight on each row's log loss."""

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Any:  # noqa: N803 - skorch's
        weight = X["weight"].to(self.device)
        return (super().get_loss(y_pred, y_true, X, training) * weight).sum() / weight.sum()


class _Rows(Dataset):
    """Returns complete batches: row by row, skorch's indexing takes longer than the network."""

    def __getitems__(self, rows: list[int]) -> Any:
        return self[rows]


def fit(
    shape: Mapping[str, Any],
    training: Training,
    inputs: Inputs,
    y: NDArray[np.int64],
    weight: NDArray[np.float32],
    older: int,
) -> tuple[Weights, int]:
    """Train on the first `older` rows, with early stopping on the rest.

    Args:
        shape: arguments of Network.
        training: parameters of training.
        inputs: tests and numbers, see `domain.sequence.inputs.encode`.
        y: labels, shape (rows,).
        weight: weight of each row's log loss, shape (rows,).
        older: number of rows to train on; the rest is the validation set.

    Returns:
        the weights with the lowest validation log loss, and their epoch.
    """
    tests, numbers = inputs
    x: dict[str, NDArray[Any]] = {"tests": tests, "numbers": numbers, "weight": weight}
    old, new = ({key: x[key][rows] for key in x} for rows in (slice(older), slice(older, None)))
    with _one_thread(), torch.random.fork_rng():
        torch.manual_seed(training.seed)
        net = _Net(
            Network,
            **{f"module__{key}": value for key, value in shape.items()},
            criterion=nn.BCEWithLogitsLoss,
            criterion__reduction="none",
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=training.decay,
            lr=training.rate,
            batch_size=training.batch,
            max_epochs=training.epochs,
            dataset=_Rows,
            iterator_train__shuffle=True,
            iterator_train__collate_fn=_as_tensors,
            iterator_valid__collate_fn=_as_tensors,
            train_split=predefined_split(_Rows(new, y[older:].astype(np.float32))),
            callbacks=[
                EarlyStopping(patience=training.patience, load_best=True, sink=noop),
                GradientNormClipping(_LARGEST_GRADIENT),
            ],
            callbacks__valid_acc=None,
            device=device(training.device),
            verbose=0,
        )
        net.initialize()
        # The initial output is the base rate, so that no epoch is spent on learning it.
        rate = float(np.average(y[:older], weights=weight[:older]))
        with torch.no_grad():
            net.module_.say.bias.fill_(np.log(rate / (1 - rate)))
        net.partial_fit(old, y[:older].astype(np.float32))
    losses = net.history[:, "valid_loss"]
    weights = {name: tensor.cpu().numpy() for name, tensor in net.module_.state_dict().items()}
    return weights, int(np.argmin(losses)) + 1


def probabilities(shape: Mapping[str, Any], weights: Weights, inputs: Inputs) -> NDArray[np.float64]:
    """Return the probability of failure of each row, shape (rows,).

    On the CPU in double precision, so that machines agree far more closely than the check of a saved model requires.
    """
    # On the meta device no initial weights are drawn, so the caller's random state is unchanged.
    with torch.device("meta"):
        network = Network(**shape)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    network.double().eval()
    tests, numbers = inputs
    failed = [np.empty(0)]
    with _one_thread(), torch.inference_mode():
        for begin in range(0, len(tests), _PREDICT_ROWS):
            rows = slice(begin, begin + _PREDICT_ROWS)
            logits = network(torch.from_numpy(tests[rows]), torch.from_numpy(numbers[rows]).double())
            failed.append(torch.sigmoid(logits)[:, 0].numpy())
    return np.concatenate(failed)


def device(name: str) -> str:
    """Return the device of a name; "auto" is the GPU if there is one."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit PyTorch to one thread: the same seed then gives the same weights, and while other processes are busy, two
    threads take up to eighty times as long as one, since each small step waits for the slower thread.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _as_tensors(batch: Any) -> Any:
    x, y = batch
    return {key: torch.from_numpy(part) for key, part in x.items()}, torch.from_numpy(y)
