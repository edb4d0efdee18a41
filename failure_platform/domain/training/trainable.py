"""What can be trained on: the vehicles, columns and folds of a training side, or the reason why there is nothing.

What belongs here: every refusal, with what a person can do. What does not: training itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.families.available import families
from failure_platform.domain.families.family import Family, RecipeRefusedError
from failure_platform.domain.features.names import absent_value
from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.training.incremental import Start
from failure_platform.domain.training.inner_validation import varying
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.split import Rows, time_folds

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


class NotTrainableError(Exception):
    """No model can be trained on these vehicles; the message says why and what to do."""


@dataclass(frozen=True)
class Side:
    """A training side that can be learnt from.

    Attributes:
        x: features, shape (vehicles, features); y: labels; asked: prediction points; all in the order of KNR.
        folds: of the inner validation, at least one.
        families: that compete.
        kept: what the rule for features made of them.
    """

    x: pd.DataFrame
    y: NDArray[np.int8]
    asked: NDArray[np.datetime64]
    folds: Sequence[tuple[Rows, Rows]]
    families: list[Family]
    kept: KeptFeatures


def trainable(training: pd.DataFrame, horizon: timedelta, recipe: Recipe, start: Start | None) -> Side:
    """Return what can be learnt from.

    Args:
        training: wide frame, labels known, ordered by KNR.
        horizon: the target's.
        recipe: see Recipe.
        start: production, for incremental training.

    Raises:
        NotTrainableError: no known outcome, too few failures, one class only, no usable feature, or no way to order
            the failures in time.
        RecipeRefusedError: the recipe names unknown families, or none that can go on from production.
    """
    where = "on the training side" if start is None else f"newer than production ({start.version})"
    competing = _competing(recipe, start)
    y = training["label"].to_numpy(dtype=np.int8)
    _refuse_labels(y, where, horizon, recipe, start)
    x, kept = _features(training, competing, start)
    asked = training["predicted_at"].to_numpy()
    folds = [fold for fold in time_folds(asked, y == 1, horizon, recipe.folds) if varying(x.iloc[fold[0]])]
    if not folds:
        raise NotTrainableError(
            f"the {int(y.sum())} failures {where} lie within one horizon ({horizon}) of each other, so no "
            "older part can be fitted and judged on a newer one. Wait for falhas uploads of a longer period."
        )
    return Side(x, y, asked, folds, competing, kept)


def _competing(recipe: Recipe, start: Start | None) -> list[Family]:
    named = families(recipe.competing)
    if start is None:
        return named
    able = [family for family in named if family.continues]
    if not able:
        raise RecipeRefusedError(
            f"training.mode is incremental, and {', '.join(recipe.competing)} cannot go on from a production model. "
            "Name a family that can, such as logistic_regression, or set training.mode to full."
        )
    return able


def _refuse_labels(y: NDArray[np.int8], where: str, horizon: timedelta, recipe: Recipe, start: Start | None) -> None:
    failures = int(y.sum())
    full = "" if start is None else ", or set training.mode to full, which trains on all vehicles"
    if not len(y):
        raise NotTrainableError(
            f"no vehicle {where} has a known outcome: no falhas upload covers the {horizon} after a prediction point, "
            f"or all such vehicles are kept for the comparison. Upload falhas files of the days after them{full}."
        )
    if failures < recipe.min_failures:
        raise NotTrainableError(
            f"{failures} failures among {len(y)} labelled vehicles {where}; at least "
            f"{recipe.min_failures} are needed. Upload falhas and status files of a longer period, or lower "
            f"min_failures_to_train{full}."
        )
    if failures == len(y):
        raise NotTrainableError(
            f"all {len(y)} labelled vehicles {where} failed, so there is nothing to tell them from. "
            f"Upload the status and resultados files of the vehicles that did not fail{full}."
        )


def _features(
    training: pd.DataFrame, competing: list[Family], start: Start | None
) -> tuple[pd.DataFrame, KeptFeatures]:
    """Return the columns that the families may use."""
    if start is not None:
        # The model inside needs all of its columns; tests that came later wait for a full training.
        return model_columns(start.features, training), KeptFeatures(start.features, 0, 0)
    offered = feature_columns(training)
    whole = [name for family in competing if family.whole for name in family.columns(offered)]
    kept = keep_features(training[[name for name in offered if name not in set(whole)]])
    for family in competing:
        if family.whole and not family.columns(offered):
            raise NotTrainableError(
                f"the vehicles have no columns for {family.name}. Upload resultados files whose rows lie before the "
                "prediction points, and materialise vehicles again with this family named in training.families."
            )
    # A family may ask for columns that no vehicle here has.
    x = model_columns([*kept.names, *whole], training)
    if not varying(x):
        rare = f" ({kept.rare} of them are known of fewer than {FEWEST_VEHICLES} vehicles)" if kept.rare else ""
        raise NotTrainableError(
            f"no feature differs between the vehicles of the training side{rare}. "
            "Upload resultados files whose rows lie before the prediction points."
        )
    return x, kept
