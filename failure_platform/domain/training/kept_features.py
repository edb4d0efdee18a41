"""Which features a model may use: a rule fitted on the training side alone; and giving a model exactly its columns.

What belongs here: the rule and its counts, and the columns of a model out of any frame. What does not: screening by
how well a feature tells vehicles apart; that is fitted inside each fold (families.fronts).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from failure_platform.domain.features.names import absent_value
from failure_platform.domain.training.inner_validation import varying

# A test that hardly any vehicle saw cannot be learnt from; with thousands of such tests, chance finds some that fit.
FEWEST_VEHICLES = 5


@dataclass(frozen=True)
class KeptFeatures:
    """The features kept, and how many of the others failed which part of the rule."""

    names: tuple[str, ...]
    constant: int
    rare: int


def keep_features(x: pd.DataFrame) -> KeptFeatures:
    """Keep features that vary and that at least FEWEST_VEHICLES vehicles hold something else than the absent value of.

    Args:
        x: features of the training side, shape (vehicles, features).
    """
    vary = varying(x)
    absent = np.array([absent_value(name) for name in vary], dtype=np.float32)
    values = x[vary].to_numpy()
    held = np.where(np.isnan(absent), ~np.isnan(values), values != absent).sum(axis=0)
    names = tuple(name for name, vehicles in zip(vary, held, strict=True) if vehicles >= FEWEST_VEHICLES)
    return KeptFeatures(names, constant=x.shape[1] - len(vary), rare=len(vary) - len(names))


def model_columns(features: Sequence[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Return exactly these features of a wide frame, float32, in order.

    Those that the frame lacks hold their family's absent value; other columns are left out.
    """
    x = frame.reindex(columns=list(features)).astype(np.float32)
    lacking = [name for name in features if name not in frame.columns]
    x[lacking] = np.array([absent_value(name) for name in lacking], dtype=np.float32)
    return x
