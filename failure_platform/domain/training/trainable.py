"""The data that a model is trained on: vehicles, columns, folds and families, or the reason why there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.families.available import families
from failure_platform.domain.families.family import Family, RecipeRefusedError
from failure_platform.domain.features.names import absent_value
from failure_platform.domain.features.presence import presence_names, with_presence
from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.training.incremental import Start
from failure_platform.domain.training.inner_validation import varying_columns
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.split import Rows, time_folds

# Nothing can be learnt from a test that hardly any vehicle had; among thousands of such tests, some fit by chance.
FEWEST_VEHICLES = 5


@dataclass(frozen=True)
class KeptFeatures:
    """The names of the features kept, and how many others are constant or rare."""

    names: tuple[str, ...]
    constant: int
    rare: int


def keep_features(x: pd.DataFrame) -> KeptFeatures:
    """Keep the features that vary and that differ from their absent value for at least FEWEST_VEHICLES vehicles.

    A value that is the same wherever it is known tells only by being there: its place is taken by the feature `present`
    of the same test.

    Args:
        x: features of the training data, shape (vehicles, features).
    """
    present = presence_names(x)
    varying = [*varying_columns(x), *present]
    absent = np.array([absent_value(name) for name in varying], dtype=np.float32)
    values = with_presence(x, present)[varying].to_numpy()
    vehicles = np.where(np.isnan(absent), ~np.isnan(values), values != absent).sum(axis=0)
    # Nor can anything be learnt from a test that hardly any vehicle lacks.
    presence = np.arange(len(varying)) >= len(varying) - len(present)
    vehicles = np.where(presence, np.minimum(vehicles, len(x) - vehicles), vehicles)
    names = tuple(name for name, count in zip(varying, vehicles, strict=True) if count >= FEWEST_VEHICLES)
    return KeptFeatures(names, constant=x.shape[1] - len(varying), rare=len(varying) - len(names))


def model_columns(features: Sequence[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Return exactly these features of a wide frame, float32, in order.

    A feature `present` that the frame lacks is made from its value. Features missing from the frame get their family's
    absent value; other columns are dropped.
    """
    frame = with_presence(frame, features)
    x = frame.reindex(columns=list(features)).astype(np.float32)
    missing = [name for name in features if name not in frame.columns]
    x[missing] = np.array([absent_value(name) for name in missing], dtype=np.float32)
    return x


class NotTrainableError(Exception):
    """No model can be trained on these vehicles; the message states the reason and what to do."""


@dataclass(frozen=True)
class TrainingData:
    """The data that a model is trained on.

    Attributes:
        x: features, shape (vehicles, features); y: labels; predicted_at: prediction times; all in the order of KNR.
        folds: (train rows, validation rows) of the inner validation, at least one.
        families: the families that compete.
        kept: the features kept and the number of the others.
    """

    x: pd.DataFrame
    y: NDArray[np.int8]
    predicted_at: NDArray[np.datetime64]
    folds: Sequence[tuple[Rows, Rows]]
    families: list[Family]
    kept: KeptFeatures


def prepare_training_data(
    training: pd.DataFrame, horizon: timedelta, recipe: Recipe, start: Start | None
) -> TrainingData:
    """Return the data to train on, from the training side of a split.

    Args:
        training: wide frame, labels known, ordered by KNR.
        horizon: of the target.
        recipe: see Recipe.
        start: production, for incremental training.

    Raises:
        NotTrainableError: no known outcome, too few failures, one class only, no usable feature, or no fold, since all
            failures are within one horizon.
        RecipeRefusedError: the recipe names unknown families, or none that supports incremental training.
    """
    where = "on the training side" if start is None else f"newer than production ({start.version})"
    competing = _competing_families(recipe, start)
    y = training["label"].to_numpy(dtype=np.int8)
    _check_labels(y, where, horizon, recipe, start)
    x, kept = _select_features(training, competing, start)
    predicted_at = training["predicted_at"].to_numpy()
    folds = time_folds(predicted_at, y == 1, horizon, recipe.folds)
    folds = [(train, validation) for train, validation in folds if varying_columns(x.iloc[train])]
    if not folds:
        raise NotTrainableError(
            f"the {int(y.sum())} failures {where} lie within one horizon ({horizon}) of each other, so no "
            "older part can be fitted and validated on a newer one. Wait for falhas uploads of a longer period."
        )
    return TrainingData(x, y, predicted_at, folds, competing, kept)


def _competing_families(recipe: Recipe, start: Start | None) -> list[Family]:
    requested = families(recipe.competing)
    if start is None:
        return requested
    supported = [family for family in requested if family.supports_incremental]
    if not supported:
        raise RecipeRefusedError(
            f"training.mode is incremental, and {', '.join(recipe.competing)} cannot go on from a production model. "
            "Name a family that can, such as logistic_regression, or set training.mode to full."
        )
    return supported


def _check_labels(y: NDArray[np.int8], where: str, horizon: timedelta, recipe: Recipe, start: Start | None) -> None:
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


def _select_features(
    training: pd.DataFrame, competing: list[Family], start: Start | None
) -> tuple[pd.DataFrame, KeptFeatures]:
    """Return the columns that the families may use, and the features kept."""
    if start is not None:
        # The production model needs all of its columns; tests that were added later are used by a full training.
        return model_columns(start.features, training), KeptFeatures(start.features, 0, 0)
    available = feature_columns(training)
    complete = [name for family in competing if family.needs_all_columns for name in family.columns(available)]
    kept = keep_features(training[[name for name in available if name not in set(complete)]])
    for family in competing:
        if family.needs_all_columns and not family.columns(available):
            raise NotTrainableError(
                f"the vehicles have no columns for {family.name}. Upload resultados files whose rows lie before the "
                "prediction points, and materialise vehicles again with this family named in training.families."
            )
    # A family may use columns that no vehicle here has.
    x = model_columns([*kept.names, *complete], training)
    if not varying_columns(x):
        rare = f" ({kept.rare} of them are known of fewer than {FEWEST_VEHICLES} vehicles)" if kept.rare else ""
        raise NotTrainableError(
            f"no feature differs between the vehicles of the training side{rare}. "
            "Upload resultados files whose rows lie before the prediction points."
        )
    return x, kept
