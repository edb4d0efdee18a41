"""The model families: for each the settings that are tried, and the stock scikit-learn steps they are made of.

What belongs here: steps and settings. What does not: how a setting is chosen (training).

Only stock classes and numpy functions are used, so that a saved pipeline loads with a short fixed list of types.
No class weights and no resampling: measured, weights make the Brier score 6 to 15 times worse and SMOTE lowers
average precision. A pipeline is a front, shared by several settings so that it is fitted once, and a tail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, QuantileTransformer, StandardScaler

Family = Literal["logistic_regression", "histogram_gradient_boosting"]
Front = Literal["as_measured", "curves", "products"]
Steps = list[tuple[str, Any]]
LOGISTIC: Family = "logistic_regression"
BOOSTING: Family = "histogram_gradient_boosting"
FAMILIES: tuple[Family, ...] = (LOGISTIC, BOOSTING)

# Products of all pairs (power is torque times speed) are worth their columns only where there are few measurements.
MOST_FEATURES_FOR_PRODUCTS = 20


@dataclass(frozen=True)
class Growth:
    """How trees are grown: arguments of HistGradientBoostingClassifier. `rounds` is the most trees that are tried."""

    rounds: int
    rate: float
    leaves: int
    smallest_leaf: int
    l2: float
    bins: int
    share: float


# Few features: failures hide in thin tails, which need fine bins. Many features: most are noise, so trees are kept
# small and see a third of the features at each node, which also halves the cost.
FINE = Growth(rounds=300, rate=0.05, leaves=7, smallest_leaf=20, l2=1.0, bins=255, share=1.0)
COARSE = Growth(rounds=120, rate=0.1, leaves=5, smallest_leaf=20, l2=10.0, bins=63, share=0.3)


@dataclass(frozen=True)
class Setting:
    """One way to fit a family.

    Attributes:
        family: the family.
        front: how features are prepared before they are screened.
        keep: number of prepared features kept by their univariate F score, or None for all.
        strength: inverse L2 strength C (logistic regression only).
        growth: how trees are grown (boosting only).
    """

    family: Family
    front: Front
    keep: int | None
    strength: float = 0.0
    growth: Growth | None = None


def settings(families: Sequence[str], features: int) -> list[Setting]:
    """Return the settings to try for that number of features.

    Raises:
        ValueError: an unknown family, or none.
    """
    unknown = set(families) - set(FAMILIES)
    if unknown or not families:
        raise ValueError(f"model families {sorted(families)}: name some of {', '.join(FAMILIES)}, and no others")
    keeps: list[int | None] = [keep for keep in (8, 15, 30) if keep < features] or [None]
    tried: list[Setting] = []
    if LOGISTIC in families:
        tried += [Setting(LOGISTIC, "curves", keep, strength=c) for keep in keeps for c in (0.01, 0.1)]
    if BOOSTING in families and features <= MOST_FEATURES_FOR_PRODUCTS:
        tried += [Setting(BOOSTING, "as_measured", None, growth=FINE), Setting(BOOSTING, "products", None, growth=FINE)]
    elif BOOSTING in families:
        tried += [Setting(BOOSTING, "curves", keep, growth=COARSE) for keep in (15, 30)]
        tried += [Setting(BOOSTING, "as_measured", None, growth=COARSE)]
    return tried


def front_steps(front: Front, rows: int, seed: int) -> Steps:
    """Return the steps that prepare features, for that number of rows to fit on.

    as_measured: nothing is done, gaps stay open (boosting sends them their own way).
    curves: gaps filled with the median, each feature mapped to a normal curve by its rank, which tames stage times of
        a hundred days, and its square beside it, so that too low and too high can both be bad.
    products: gaps filled with the median, and the product of each pair of features beside them.
    """
    if front == "as_measured":
        return [("as_measured", "passthrough")]
    filled: Steps = [("fill", SimpleImputer(strategy="median"))]
    if front == "products":
        return [*filled, ("products", PolynomialFeatures(2, interaction_only=True, include_bias=False))]
    rank = QuantileTransformer(
        n_quantiles=min(200, rows), output_distribution="normal", subsample=10_000, random_state=seed
    )
    union = FeatureUnion([("once", "passthrough"), ("squared", FunctionTransformer(np.square))])
    # The square of a feature with two values at equal distances carries nothing.
    return [*filled, ("rank", rank), ("curves", union), ("curves_vary", VarianceThreshold(1e-6))]


def tail_steps(setting: Setting, seed: int) -> Steps:
    """Return the steps that screen and classify, with all rounds of the setting's growth."""
    screen: Steps = [] if setting.keep is None else [("screen", SelectKBest(f_classif, k=setting.keep))]
    if setting.growth is None:
        classify = LogisticRegression(C=setting.strength, max_iter=1000)
        return [*screen, ("scale", StandardScaler()), ("classify", classify)]
    growth = setting.growth
    boosting = HistGradientBoostingClassifier(
        learning_rate=growth.rate,
        max_iter=growth.rounds,
        max_leaf_nodes=growth.leaves,
        min_samples_leaf=growth.smallest_leaf,
        l2_regularization=growth.l2,
        max_bins=growth.bins,
        max_features=growth.share,
        early_stopping=False,
        random_state=seed,
    )
    return [*screen, ("classify", boosting)]
