"""The rules of the leak audit: which statistics of a training are a leak, and the message for each.

A statistic counts by its confidence bound, corrected for the number of features (Bonferroni), and only if its size is
material: ten failures that one count happens to rank first are no proof, and neither is a small imbalance among 100,000
vehicles.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy.stats import hypergeom
from sklearn.metrics import average_precision_score

from failure_platform.domain.features.names import absent_value
from failure_platform.domain.leaks.evidence import (
    Flags,
    Ranking,
    periods,
    ranking,
    share_difference,
    share_lower_bound,
    upload_separation,
)

_ALPHA = 0.01
# Measured: the best single feature without a leak has 0.73 in the simulated plant and 0.79 in ai4i. In azure_m01_10 an
# error count has 0.98 with many false alarms (average precision 0.56); a copy of the outcome is high in both.
_AUC_LIMIT = 0.92
_CLEAN_AUC, _CLEAN_PRECISION, _CLEAN_LIMIT = 0.95, 0.75, 0.6
# Shares of vehicles. Measured: the largest difference in missing values without a leak is 0.19 (secom_first70, 67
# failures; its lower bound is 0.01).
_MATERIAL = 0.2
_MIN_CORRELATION = 0.99
_MIN_VALUES = 30
_FACTS = ("MODELO", "COR", "MOTOR")


class LeakKind(StrEnum):
    """The kinds of leak."""

    newer_than_prediction_point = "newer_than_prediction_point"
    too_good_feature = "too_good_feature"
    one_class_only = "one_class_only"
    missing_by_label = "missing_by_label"
    identifier = "identifier"
    upload_effect = "upload_effect"
    same_vehicle_twice = "same_vehicle_twice"


@dataclass(frozen=True)
class Finding:
    """One leak: its kind, the feature (None: it concerns vehicles), the statistic, and the message for people."""

    kind: LeakKind
    feature: str | None
    number: float
    sentence: str


@dataclass(frozen=True)
class Audit:
    """The findings, and the number of features that were checked."""

    findings: tuple[Finding, ...]
    features_checked: int


def audit(
    frame: pd.DataFrame,
    training: pd.DataFrame,
    comparison: pd.DataFrame,
    features: Sequence[str],
    accepted: Collection[str],
) -> Audit:
    """Check a training for leaks. Only labels of the training part are used: those of the comparison stay unseen.

    Args:
        frame: wide frame of all vehicles.
        training, comparison: the two parts of the split.
        features: columns that a model may use.
        accepted: features that a person has reviewed; their association with the label is no finding.
    """
    findings = [*_times(frame), *_vehicles(frame, training, comparison)]
    failed = (training["label"] == 1).to_numpy(dtype=bool)
    if features and failed.any() and not failed.all():
        x = training.reindex(columns=list(features))  # incremental training may name features that are gone
        references = _references(training)
        ranked = ranking(x, failed, list(references.values()))
        findings += _identifiers(x, ranked, list(references))
        by_label = [*_too_good(x, failed, ranked), *_one_class(x, failed), *_missing(x, failed, training)]
        findings += [finding for finding in by_label if finding.feature not in accepted]
        findings += _uploads(training, failed)
    return Audit(tuple(findings), len(features))


def _times(frame: pd.DataFrame) -> Iterator[Finding]:
    late = int((frame["last_row_at"] >= frame["predicted_at"]).sum())
    if late:
        yield Finding(
            LeakKind.newer_than_prediction_point,
            None,
            late,
            f"{late} vehicles are described by rows that are not older than their prediction point: nobody could have "
            "known them when the question arose. No setting permits that; report it with the vehicles' page.",
        )


def _vehicles(frame: pd.DataFrame, training: pd.DataFrame, comparison: pd.DataFrame) -> Iterator[Finding]:
    doubled = int(frame["KNR"].duplicated().sum() or training["KNR"].duplicated().sum())
    both = int(training["KNR"].isin(comparison["KNR"]).sum())
    if doubled or both:
        yield Finding(
            LeakKind.same_vehicle_twice,
            None,
            doubled or both,
            f"{both} vehicles are both trained on and compared on, {doubled} are described more than once: a model "
            "that remembers them looks good on them. Materialise vehicles again; if it persists, report it.",
        )


def _references(training: pd.DataFrame) -> dict[str, np.ndarray]:
    digits = training["KNR"].astype("str").str.replace(r"\D", "", regex=True)
    numbers = {
        "the KNR": pd.to_numeric(digits, errors="coerce"),
        "the sequence number in the KNR": pd.to_numeric(digits.str[-4:], errors="coerce"),
        "the order of the vehicles": training["predicted_at"],
    }
    return {name: values.rank().fillna(0.0).to_numpy(dtype=np.float64) for name, values in numbers.items()}


def _identifiers(x: pd.DataFrame, ranked: Ranking, references: Sequence[str]) -> Iterator[Finding]:
    names = x.columns.tolist()
    values = x.notna().sum().to_numpy()
    for i in np.flatnonzero((ranked.correlation.max(axis=1) >= _MIN_CORRELATION) & (values >= _MIN_VALUES)):
        name, number = names[i], float(ranked.correlation[i].max())
        reference = references[int(ranked.correlation[i].argmax())]
        yield Finding(
            LeakKind.identifier,
            name,
            number,
            f"{name} says which vehicle it is: its rank correlation with {reference} is {number:.3f}. A model can "
            "learn vehicles by heart from it and knows nothing of new ones. Leave that test out of the resultados "
            "files.",
        )


def _too_good(x: pd.DataFrame, failed: Flags, ranked: Ranking) -> Iterator[Finding]:
    names = x.columns.tolist()
    auc = np.maximum(ranked.auc, 1 - ranked.auc)
    bound = share_lower_bound(auc, ranked.failures, _ALPHA / (2 * len(auc)))
    for i in np.flatnonzero(bound > _CLEAN_LIMIT):
        column = x[names[i]].to_numpy(dtype=np.float64)
        present = ~np.isnan(column)
        precision = float(
            average_precision_score(failed[present], column[present] * (1 if ranked.auc[i] > 0.5 else -1))
        )
        if bound[i] > _AUC_LIMIT or (auc[i] >= _CLEAN_AUC and precision >= _CLEAN_PRECISION):
            name = names[i]
            yield Finding(
                LeakKind.too_good_feature,
                name,
                float(auc[i]),
                f"{name} alone tells failed vehicles from the others with a ROC AUC of {auc[i]:.3f} (cautiously at "
                f"least {bound[i]:.2f}) and an average precision of {precision:.2f}. Nothing measured before the "
                f"outcome is that good; it is likely made from the outcome. {_accept(name)}",
            )


def _one_class(x: pd.DataFrame, failed: Flags) -> Iterator[Finding]:
    names = x.columns.tolist()
    absent = np.array([absent_value(name) for name in names], dtype=np.float32)
    values = x.to_numpy(dtype=np.float32)
    present = ~(np.isnan(values) | (values == absent))
    bad, good = present[failed].sum(axis=0), present[~failed].sum(axis=0)
    failures, others = int(failed.sum()), int((~failed).sum())
    alpha = _ALPHA / (2 * x.shape[1])
    for here, size, elsewhere, class_of in (
        (bad, failures, good, "failed vehicles"),
        (good, others, bad, "vehicles that did not fail"),
    ):
        by_chance = hypergeom.sf(here - 1, failures + others, here, size)
        bound = share_lower_bound(here / size, np.full(len(here), float(size)), alpha)
        for i in np.flatnonzero((elsewhere == 0) & (here > 0) & (by_chance < alpha) & (bound > _MATERIAL)):
            name, number = names[i], float(here[i] / size)
            yield Finding(
                LeakKind.one_class_only,
                name,
                number,
                f"{name} is there for {class_of} only: {int(here[i])} of {size}, and for none of the others. That it "
                f"is there gives the outcome away. {_accept(name)}",
            )


def _missing(x: pd.DataFrame, failed: Flags, training: pd.DataFrame) -> Iterator[Finding]:
    names = x.columns.tolist()
    period = periods(training["predicted_at"].to_numpy(), failed)
    missing = x.isna().to_numpy()
    difference, bound = share_difference(missing, failed, period, _ALPHA / x.shape[1])
    for i in np.flatnonzero((np.abs(bound) > _MATERIAL) & ~_of_unknown_facts(missing, training)):
        name, number = names[i], float(difference[i])
        yield Finding(
            LeakKind.missing_by_label,
            name,
            number,
            f"{name} is missing {'more' if number > 0 else 'less'} often for failed vehicles than for the others of "
            f"the same period, by {100 * abs(number):.0f} vehicles in 100 (cautiously at least "
            f"{100 * abs(bound[i]):.0f}). Whether it was recorded depends on the outcome. {_accept(name)}",
        )


def _of_unknown_facts(missing: Flags, training: pd.DataFrame) -> Flags:
    """Return which columns are missing exactly where a fact is unknown.

    MODELO, COR and MOTOR are known from an earlier falha. An earlier falha is known before the prediction point and may
    well predict the next one.
    """
    unknown = [training[fact].isna().to_numpy() for fact in _FACTS if fact in training]
    same = [(missing == flags[:, None]).all(axis=0) for flags in unknown]
    explained: Flags = np.any([np.zeros(missing.shape[1], dtype=np.bool_), *same], axis=0)
    return explained


def _uploads(training: pd.DataFrame, failed: Flags) -> Iterator[Finding]:
    if "upload" not in training:
        return
    number, bound = upload_separation(training["upload"], training["predicted_at"], failed, _ALPHA)
    if bound > _MATERIAL:
        yield Finding(
            LeakKind.upload_effect,
            None,
            number,
            f"The upload that a vehicle's resultados came from tells whether it failed: on the same day, failed "
            f"vehicles came from uploads whose failure rate is higher by {number:.2f}. Files that were put together "
            "by outcome differ in more than the outcome. Export by day instead, and withdraw these uploads.",
        )


def _accept(name: str) -> str:
    return (
        "Look where it comes from and leave it out of the files, or, if it is honest, name it in the setting "
        f"accepted_features: '{name}'."
    )
