"""How features are prepared before a family sees them: the front of every pipeline, shared by many settings.

What belongs here: the steps of each front and the screen behind it. What does not: classifiers (one file per family).
"""

from typing import Any, Literal

import numpy as np
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, QuantileTransformer

from failure_platform.domain.families.family import Value

Front = Literal["as_measured", "filled", "curves", "products"]
Steps = list[tuple[str, Any]]
# The feature family that says the same as the values, less their running median.
DISTANCE = "distance"
# Products of all pairs (power is torque times speed) are worth their columns only where there are few measurements.
MOST_FEATURES_FOR_PRODUCTS = 20
# No screen keeps more, so a front with more columns is cut to this many at once: the F score of a thousand columns is
# computed once per fold and not once per setting, and what is kept of the front is small.
MOST_KEPT = 60


def few(features: int) -> bool:
    """Return whether products of all pairs are affordable."""
    return features <= MOST_FEATURES_FOR_PRODUCTS


def without(features: int) -> tuple[Value, ...]:
    """Return what the default settings leave out: of few features distances, or nothing; of many, screens choose."""
    return (DISTANCE, None) if few(features) else (None,)


def keeps(features: int, numbers: tuple[int, ...] = (8, 15, 30)) -> list[Value]:
    """Return the numbers of columns that a screen may keep, or [None] where there are not more than those."""
    return [number for number in numbers if number < features] or [None]


def front_steps(front: Value, features: int, rows: int, seed: int) -> Steps:
    """Return the unfitted steps of a front, for that number of columns and of rows to fit on.

    as_measured: nothing is done, gaps stay open (trees send them their own way).
    filled: gaps filled with the median.
    curves: filled, each feature mapped to a normal curve by its rank, which tames stage times of a hundred days, and
        its square beside it, so that too low and too high can both be bad; of many columns, the best by F score.
    products: filled, and the product of each pair of features beside them.

    Raises:
        ValueError: there is no such front.
    """
    if front == "as_measured":
        return [("as_measured", "passthrough")]
    filled: Steps = [("fill", SimpleImputer(strategy="median"))]
    if front == "filled":
        return filled
    if front == "products":
        return [*filled, ("products", PolynomialFeatures(2, interaction_only=True, include_bias=False))]
    if front != "curves":
        raise ValueError(f"there is no front '{front}'; there are as_measured, filled, curves and products")
    rank = QuantileTransformer(
        n_quantiles=min(200, rows), output_distribution="normal", subsample=10_000, random_state=seed
    )
    union = FeatureUnion([("once", "passthrough"), ("squared", FunctionTransformer(np.square))])
    best: Steps = [("best", SelectKBest(f_classif, k=MOST_KEPT))] if features > MOST_KEPT else []
    # The square of a feature with two values at equal distances carries nothing.
    return [*filled, ("rank", rank), ("curves", union), ("curves_vary", VarianceThreshold(1e-6)), *best]


def screen_steps(keep: Value) -> Steps:
    """Return the unfitted step that keeps that many columns by their univariate F score; none for None."""
    return [] if keep is None else [("screen", SelectKBest(f_classif, k=keep))]


def places_used(pipeline: Pipeline, columns: int) -> list[int]:
    """Return the places of the input columns that a fitted pipeline's screen lets through to its classifier.

    Fitted on these columns alone, the same setting gives the same classifier: everything before it works column by
    column. All places where there is no screen, or where columns are multiplied with one another.
    """
    places = np.arange(columns)
    if "screen" not in pipeline.named_steps or "products" in pipeline.named_steps:
        return places.tolist()
    for step in pipeline.named_steps.values():
        if isinstance(step, SimpleImputer):
            places = places[~np.isnan(step.statistics_)]
        elif isinstance(step, FeatureUnion):
            places = np.tile(places, len(step.transformer_list))
        elif isinstance(step, VarianceThreshold | SelectKBest):
            places = places[step.get_support()]
    return sorted(set(places.tolist()))
