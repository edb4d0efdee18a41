"""The recurrent network and its training: the only module that imports PyTorch and skorch.

What belongs here: the layers, the loop (skorch's), early stopping, the device. What does not: what the inputs mean
(inputs), the scikit-learn face of it (model), which imports this module only when a network is
fitted or asked.
"""

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
class Loop:
    """How a network is trained.

    Attributes:
        rate: of AdamW (Loshchilov and Hutter, ICLR 2019), as is decay.
        decay: shrinks the weights.
        batch: rows of a step.
        epochs: most passes over the older rows.
        patience: passes without a lower log loss on the newest rows before it ends.
        device: as PyTorch names it; "auto" is the GPU where there is one.
        seed: of everything random.
    """

    rate: float
    decay: float
    batch: int
    epochs: int
    patience: int
    device: str
    seed: int


class Network(nn.Module):
    """One LSTM layer over the steps; a logit from its last state and from the largest each unit reached.

    Long short-term memory: Hochreiter and Schmidhuber, Neural Computation 9 (1997) 1735.
    """

    def __init__(self, tests: int, embedding: int, numbers: int, units: int, dropout: float) -> None:
        """Lay out the layers for a vocabulary of `tests` positions; position 0 (no row) is and stays zeros."""
        super().__init__()
        self.embed = nn.Embedding(tests, embedding, padding_idx=0)
        self.lstm = nn.LSTM(embedding + numbers, units, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.say = nn.Linear(2 * units, 1)

    def forward(self, tests: torch.Tensor, numbers: torch.Tensor, weight: Any = None) -> torch.Tensor:  # noqa: ARG002
        """Return logits, shape (rows, 1), of tests (rows, steps) and numbers (rows, steps, numbers), oldest first.

        skorch hands over all columns; `weight` is for its loss (see _Net).
        """
        states, (last, _) = self.lstm(torch.cat([self.embed(tests), numbers], dim=2))
        logits: torch.Tensor = self.say(self.drop(torch.cat([last[-1], states.amax(dim=1)], dim=1)))
        return logits


class _Net(NeuralNetBinaryClassifier):
    """skorch's loop with a weight on each row's log loss."""

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Any:  # noqa: N803 - skorch's
        weight = X["weight"].to(self.device)
        return (super().get_loss(y_pred, y_true, X, training) * weight).sum() / weight.sum()


class _Rows(Dataset):
    """Hands out whole batches: row by row, skorch's indexing takes longer than the network."""

    def __getitems__(self, rows: list[int]) -> Any:
        return self[rows]


def fit(
    shape: Mapping[str, Any], loop: Loop, inputs: Inputs, y: NDArray[np.int64], weight: NDArray[np.float32], older: int
) -> tuple[Weights, int]:
    """Train on the first `older` rows and stop by the rest.

    Args:
        shape: arguments of Network.
        loop: see Loop.
        inputs: tests and numbers, see sequence_inputs.read.
        y: labels, shape (rows,).
        weight: of each row's log loss, shape (rows,).
        older: rows that are learnt from; the rest only say when to stop.

    Returns:
        the weights with the least log loss on the rest, and the epoch that had them.
    """
    tests, numbers = inputs
    x: dict[str, NDArray[Any]] = {"tests": tests, "numbers": numbers, "weight": weight}
    old, new = ({key: x[key][rows] for key in x} for rows in (slice(older), slice(older, None)))
    with _one_thread(), torch.random.fork_rng():
        torch.manual_seed(loop.seed)
        net = _Net(
            Network,
            **{f"module__{key}": value for key, value in shape.items()},
            criterion=nn.BCEWithLogitsLoss,
            criterion__reduction="none",
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=loop.decay,
            lr=loop.rate,
            batch_size=loop.batch,
            max_epochs=loop.epochs,
            dataset=_Rows,
            iterator_train__shuffle=True,
            iterator_train__collate_fn=_as_tensors,
            iterator_valid__collate_fn=_as_tensors,
            train_split=predefined_split(_Rows(new, y[older:].astype(np.float32))),
            callbacks=[
                EarlyStopping(patience=loop.patience, load_best=True, sink=noop),
                GradientNormClipping(_LARGEST_GRADIENT),
            ],
            callbacks__valid_acc=None,
            device=device(loop.device),
            verbose=0,
        )
        net.initialize()
        # It begins by saying the base rate, so that no epoch is spent on learning it.
        rate = float(np.average(y[:older], weights=weight[:older]))
        with torch.no_grad():
            net.module_.say.bias.fill_(np.log(rate / (1 - rate)))
        net.partial_fit(old, y[:older].astype(np.float32))
    losses = net.history[:, "valid_loss"]
    weights = {name: tensor.cpu().numpy() for name, tensor in net.module_.state_dict().items()}
    return weights, int(np.argmin(losses)) + 1


def probabilities(shape: Mapping[str, Any], weights: Weights, inputs: Inputs) -> NDArray[np.float64]:
    """Return the probability of failure of each row, shape (rows,).

    On the CPU in double precision, so that all machines agree far more closely than a saved model's test asks for.
    """
    # On no device, so that no first weights are drawn: the caller's random numbers stay as they are.
    with torch.device("meta"):
        network = Network(**shape)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    network.double().eval()
    tests, numbers = inputs
    said = [np.empty(0)]
    with _one_thread(), torch.inference_mode():
        for begin in range(0, len(tests), _PREDICT_ROWS):
            rows = slice(begin, begin + _PREDICT_ROWS)
            logits = network(torch.from_numpy(tests[rows]), torch.from_numpy(numbers[rows]).double())
            said.append(torch.sigmoid(logits)[:, 0].numpy())
    return np.concatenate(said)


def device(wanted: str) -> str:
    """Return the device that "auto" stands for here, or what was wanted."""
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: the same seed gives the same weights, and beside other busy processes two threads
    take up to eighty times as long as one, since each small step waits for the slower thread.
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
