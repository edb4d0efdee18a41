"""Preprocessing of features ahead of the classifier, and univariate feature selection, shared by the families."""

from typing import Any

import numpy as np
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, QuantileTransformer

from failure_platform.domain.families.family import Value

Steps = list[tuple[str, Any]]
# The feature family of distances from the running median: the same measurements as the values, less that median.
DISTANCE = "distance"
# Products of all pairs (power is torque times speed) are worth their columns only where there are few measurements.
MOST_FEATURES_FOR_PRODUCTS = 20
# No setting selects more columns, so preprocessing with more is cut to this number: the F score of a thousand columns
# is then computed once per fold instead of once per setting, and the cached output is small.
MOST_KEPT = 60


def few_features(features: int) -> bool:
    """Return whether products of all pairs are affordable."""
    return features <= MOST_FEATURES_FOR_PRODUCTS


def default_exclusions(features: int) -> tuple[Value, ...]:
    """Return the values of `without` in the default settings.

    With few features they are tried with and without distances; with many, feature selection removes what is noise.
    """
    return (DISTANCE, None) if few_features(features) else (None,)


def selection_sizes(features: int, sizes: tuple[int, ...] = (8, 15, 30)) -> list[Value]:
    """Return the sizes smaller than the number of features, for `keep`; [None] (no selection) if there are none."""
    return [size for size in sizes if size < features] or [None]


def preprocessing_steps(preprocessing: Value, features: int, rows: int, seed: int) -> Steps:
    """Return the unfitted pipeline steps of a preprocessing, for that number of columns and of rows to fit on.

    as_measured: nothing is changed, missing values stay missing (trees handle them).
    filled: missing values are replaced by the median.
    curves: filled; each feature mapped to a normal distribution by rank, which limits stage times of a hundred days,
        together with its square, so that both extremes can indicate failure; of many columns, the best by F score.
    products: filled, together with the product of each pair of features.

    Raises:
        ValueError: there is no such preprocessing.
    """
    if preprocessing == "as_measured":
        return [("as_measured", "passthrough")]
    filled: Steps = [("fill", SimpleImputer(strategy="median"))]
    if preprocessing == "filled":
        return filled
    if preprocessing == "products":
        return [*filled, ("products", PolynomialFeatures(2, interaction_only=True, include_bias=False))]
    if preprocessing != "curves":
        raise ValueError(
            f"there is no preprocessing '{preprocessing}'; there are as_measured, filled, curves and products"
        )
    rank = QuantileTransformer(
        n_quantiles=min(200, rows), output_distribution="normal", subsample=10_000, random_state=seed
    )
    union = FeatureUnion([("once", "passthrough"), ("squared", FunctionTransformer(np.square))])
    best: Steps = [("best", SelectKBest(f_classif, k=MOST_KEPT))] if features > MOST_KEPT else []
    # The square of a feature with two values is constant: the ranks of both are equally far from zero.
    return [*filled, ("rank", rank), ("curves", union), ("curves_vary", VarianceThreshold(1e-6)), *best]


def selection_steps(keep: Value) -> Steps:
    """Return the unfitted step that selects that many columns by univariate F score; no step for None."""
    return [] if keep is None else [("screen", SelectKBest(f_classif, k=keep))]


def used_columns(pipeline: Pipeline, columns: int) -> list[int]:
    """Return the positions of the input columns that the feature selection of a fitted pipeline selects.

    Fitted on these columns alone, the same setting gives the same classifier: every step before the selection works
    column by column. Returns all positions where there is no selection, or where columns are multiplied.
    """
    positions = np.arange(columns)
    if "screen" not in pipeline.named_steps or "products" in pipeline.named_steps:
        return positions.tolist()
    for step in pipeline.named_steps.values():
        if isinstance(step, SimpleImputer):
            positions = positions[~np.isnan(step.statistics_)]
        elif isinstance(step, FeatureUnion):
            positions = np.tile(positions, len(step.transformer_list))
        elif isinstance(step, VarianceThreshold | SelectKBest):
            positions = positions[step.get_support()]
    return sorted(set(positions.tolist()))
