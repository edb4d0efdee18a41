"""The rules on features and label: which relation of a feature to the outcome is a leak, and which is a warning."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom
from sklearn.metrics import average_precision_score

from failure_platform.domain.features.names import explain, is_event
from failure_platform.domain.leaks.evidence import (
    Flags,
    Floats,
    Ranking,
    by_upload,
    odds_ratio_bound,
    periods,
    share_difference,
    share_lower_bound,
    within_uploads,
)
from failure_platform.domain.leaks.findings import Finding, LeakKind, Severity
from failure_platform.domain.leaks.rules import Rule, RuleGroup, group, levels, presences, tails

ALPHA = 0.01
# Measured: the best single feature without a leak has 0.73 in the simulated plant and 0.79 in ai4i. In azure_m01_10 an
# error count has 0.98 with many false alarms (average precision 0.56); a copy of the outcome is high in both.
_AUC_LIMIT = 0.92
_CLEAN_AUC, _CLEAN_PRECISION, _CLEAN_LIMIT = 0.95, 0.75, 0.6
# Shares of vehicles. Measured: the largest difference in missing values without a leak is 0.19 (secom_first70, 67
# failures; its lower bound is 0.01).
MATERIAL = 0.2
# A class of models that never fails has tests of its own, and is seldom half of a production.
_ONLY_GOOD = 0.5
# A measurement is there for most vehicles that did not fail. What is there for few is the code of an event: that it
# comes more often before a failure is its purpose.
_DENSE, _ODDS = 0.8, 15.0
# Least share of the failures under near-certain rules, by kind of rule. Measured: extreme torques and speeds of ai4i
# are followed by a failure without exception, and hold 0.06 of its failures (lower bound).
_LEVELS, _TAILS, _PRESENCES = 0.1, 0.2, 0.5
_FEWEST = 3
_FACTS = ("MODELO", "COR", "MOTOR")


@dataclass(frozen=True)
class Evidence:
    """What the rules look at, for one training.

    Attributes:
        names: of the features.
        values: shape (features, vehicles), float32.
        missing: same shape: there is no value.
        present: same shape: there is a value, or of an event, that it happened.
        failed, period: shape (vehicles,).
        upload: of each vehicle's results; None where it is not known.
        explained: features that are missing exactly where a fact is unknown.
        ranked: rank statistics of the features.
    """

    names: list[str]
    values: NDArray[np.float32]
    missing: Flags
    present: Flags
    failed: Flags
    period: NDArray[np.int64]
    upload: pd.Series | None
    explained: Flags
    ranked: Ranking

    @classmethod
    def of(cls, x: pd.DataFrame, training: pd.DataFrame, failed: Flags, ranked: Ranking) -> "Evidence":
        """Return the evidence of features `x` of the vehicles `training`, `failed` or not."""
        names = [str(name) for name in x.columns]
        values = x.to_numpy(dtype=np.float32).T
        missing = np.isnan(values)
        events = np.array([is_event(name) for name in names], dtype=np.bool_)
        present = ~missing
        present[events] &= values[events] != 0
        unknown = [training[fact].isna().to_numpy() for fact in _FACTS if fact in training]
        explained = np.zeros(len(names), dtype=np.bool_)
        for flags in unknown:
            explained |= (missing == flags).all(axis=1)
        period = periods(training["predicted_at"].to_numpy(), failed)
        return cls(names, values, missing, present, failed, period, training.get("upload"), explained, ranked)

    def column(self, number: int) -> Floats:
        """Return the values of a feature as float64."""
        return np.asarray(self.values[number], dtype=np.float64)


def findings_by_label(evidence: Evidence) -> list[Finding]:
    """Return what the relation of each feature to the label gives rise to."""
    bad = np.count_nonzero(evidence.present[:, evidence.failed], axis=1)
    good = np.count_nonzero(evidence.present, axis=1) - bad
    alone = [
        *_too_good(evidence),
        *_too_good_presence(evidence, bad, good),
        *_one_class(evidence, bad, good),
        *_missing(evidence),
    ]
    # What a feature does in a group is of interest where it does not stop the training alone.
    stopped = {finding.feature for finding in alone if finding.severity is Severity.blocks}
    return [*alone, *(one for one in _near_certain(evidence, bad, good) if one.feature not in stopped)]


def _too_good(evidence: Evidence) -> Iterator[Finding]:
    failed, ranked = evidence.failed, evidence.ranked
    auc = np.maximum(ranked.auc, 1 - ranked.auc)
    bound = share_lower_bound(auc, ranked.failures, ALPHA / (2 * len(auc)))
    for i in np.flatnonzero(bound > _CLEAN_LIMIT).tolist():
        column = evidence.column(i)
        present = ~np.isnan(column)
        precision = float(
            average_precision_score(failed[present], column[present] * (1 if ranked.auc[i] > 0.5 else -1))
        )
        if bound[i] > _AUC_LIMIT or (auc[i] >= _CLEAN_AUC and precision >= _CLEAN_PRECISION):
            name = evidence.names[i]
            yield Finding(
                LeakKind.too_good_feature,
                name,
                float(auc[i]),
                f"{name} alone tells failed vehicles from the others with a ROC AUC of {auc[i]:.3f} (cautiously at "
                f"least {bound[i]:.2f}) and an average precision of {precision:.2f}. Nothing measured before the "
                f"outcome is that good; it is likely made from the outcome. {_accept(name)}",
            )


def _too_good_presence(evidence: Evidence, bad: NDArray[np.intp], good: NDArray[np.intp]) -> Iterator[Finding]:
    failed = evidence.failed
    failures, others = int(failed.sum()), int((~failed).sum())
    auc = 0.5 + (bad / failures - good / others) / 2
    clean = np.maximum(auc, 1 - auc)
    bound = share_lower_bound(clean, np.full(len(auc), float(failures)), ALPHA / (2 * len(auc)))
    missing = evidence.missing.any(axis=1)
    for i in np.flatnonzero((clean >= _CLEAN_AUC) & (bound > _CLEAN_LIMIT) & missing & ~evidence.explained).tolist():
        precision = float(average_precision_score(failed, evidence.present[i] == (auc[i] > 0.5)))
        if precision >= _CLEAN_PRECISION:
            name = evidence.names[i]
            yield Finding(
                LeakKind.too_good_feature,
                name,
                float(clean[i]),
                f"Whether {name} was recorded tells failed vehicles from the others: it is there for {bad[i]} of "
                f"{failures} failed vehicles and {good[i]} of {others} others (ROC AUC {clean[i]:.3f}, average "
                f"precision {precision:.2f}). It was likely recorded because of the outcome. {_accept(name)}",
            )


def _one_class(evidence: Evidence, bad: NDArray[np.intp], good: NDArray[np.intp]) -> Iterator[Finding]:
    failures, others = int(evidence.failed.sum()), int((~evidence.failed).sum())
    alpha = ALPHA / (2 * len(bad))
    for here, size, elsewhere, class_of, blocks_from in (
        (bad, failures, good, "failed vehicles", MATERIAL),
        (good, others, bad, "vehicles that did not fail", _ONLY_GOOD),
    ):
        by_chance = hypergeom.sf(here - 1, failures + others, here, size)
        bound = share_lower_bound(here / size, np.full(len(here), float(size)), alpha)
        for i in np.flatnonzero((elsewhere == 0) & (here > 0) & (by_chance < alpha) & (bound > MATERIAL)):
            name, number = evidence.names[i], float(here[i] / size)
            # A defect that was recorded before the prediction point may well be followed by a failure every time.
            blocks = bound[i] > blocks_from and explain(name).source != "falhas"
            says = f"That it is there gives the outcome away. {_accept(name)}" if blocks else _look(name)
            yield Finding(
                LeakKind.one_class_only,
                name,
                number,
                f"{name} is there for {class_of} only: {int(here[i])} of {size}, and for none of the others. {says}",
                Severity.blocks if blocks else Severity.warns,
            )


def _near_certain(evidence: Evidence, bad: NDArray[np.intp], good: NDArray[np.intp]) -> Iterator[Finding]:
    failed, number = evidence.failed, len(evidence.names)
    of_values = np.array([not is_event(name) for name in evidence.names], dtype=np.bool_)
    long_tails = np.flatnonzero(of_values & (evidence.ranked.tail >= _FEWEST)).tolist()
    codes = np.flatnonzero((bad >= _FEWEST) & (bad >= good)).tolist()

    def presence(i: int) -> Floats:
        return np.asarray(evidence.present[i], dtype=np.float64)

    for conditions, column, least, condition in (
        (levels(evidence.column, np.flatnonzero(of_values).tolist(), failed), evidence.column, _LEVELS, _is),
        (tails(evidence.column, long_tails, failed, number), evidence.column, _TAILS, _is),
        (presences(evidence.present, codes, failed, number), presence, _PRESENCES, _occurred),
    ):
        found = group(conditions, column, failed, evidence.period, ALPHA)
        if found.coverage > _LEVELS:
            severity = Severity.blocks if found.coverage > least else Severity.warns
            for rule in found.rules:
                name = evidence.names[rule.column]
                yield _rule(name, condition(name, rule), rule, found, severity)


def _rule(name: str, condition: str, rule: Rule, found: RuleGroup, severity: Severity) -> Finding:
    others = len(found.rules) - 1
    together = f" With {others} more such rule{'s' * (others > 1)}" if others else " It"
    cover = "they hold" if others else "holds"
    says = _accept(name) if severity is Severity.blocks else _look(name)
    return Finding(
        LeakKind.near_certain_rule,
        name,
        rule.failed / rule.covered,
        f"{condition}: {rule.failed} of {rule.covered} such vehicles failed, counted in periods that the "
        f"rule was not chosen in.{together} {cover} {found.failed} of all {found.failures} failures and "
        f"{found.covered - found.failed} other vehicles. What is measured before the outcome is hardly ever that "
        f"certain; it was likely written after it. {says}",
        severity,
    )


def _occurred(name: str, _: Rule) -> str:
    return f"{name} occurred" if is_event(name) else f"{name} was recorded, whatever its value"


def _is(name: str, rule: Rule) -> str:
    if rule.low == rule.high:
        return f"{name} is {rule.low:g}"
    return f"{name} is {rule.low:g} or more" if np.isinf(rule.high) else f"{name} is {rule.high:g} or less"


def _missing(evidence: Evidence) -> Iterator[Finding]:
    failed = evidence.failed
    missing = evidence.missing.T
    difference, bound = share_difference(missing, failed, evidence.period, ALPHA / missing.shape[1])
    found = np.flatnonzero((np.abs(bound) > MATERIAL) & ~evidence.explained)
    if not len(found):
        return
    strata = evidence.period if evidence.upload is None else by_upload(evidence.period, evidence.upload, failed)
    _, least = share_difference(missing[:, found], failed, strata, ALPHA / missing.shape[1])
    for place, i in enumerate(found):
        name, number, lacks = evidence.names[i], float(difference[i]), missing[:, i]
        why = _why_leak(lacks, evidence, float(least[place]), len(evidence.names))
        yield Finding(
            LeakKind.missing_by_label,
            name,
            number,
            f"{name} is missing {'more' if number > 0 else 'less'} often for failed vehicles than for the others of "
            f"the same period, by {100 * abs(number):.0f} vehicles in 100 (cautiously at least "
            f"{100 * abs(bound[i]):.0f}). " + (f"{why} {_accept(name)}" if why else _look(name)),
            Severity.blocks if why else Severity.warns,
        )


def _why_leak(lacks: Flags, evidence: Evidence, least: float, features: int) -> str | None:
    """Return why the absence of a feature is decided by the outcome, or None."""
    failed = evidence.failed
    bad, good = float(lacks[failed].mean()), float(lacks[~failed].mean())
    if least > MATERIAL and good <= 1 - _DENSE and odds_ratio_bound(lacks, failed, ALPHA) >= _ODDS:
        return (
            f"Within the same period and upload, {100 * (1 - good):.0f} in 100 vehicles that did not fail have it, and "
            f"{100 * (1 - bad):.0f} in 100 that failed: whether it was recorded depends on the outcome."
        )
    if evidence.upload is None or not within_uploads(lacks, evidence.upload):
        return None
    _, riskier = share_difference(failed[:, None], ~lacks, evidence.period, ALPHA / features)
    if abs(float(riskier[0])) <= MATERIAL:
        return None
    return (
        "It is in some uploads only, and their failure rate is another than that of the other uploads of the same "
        f"period, cautiously by {100 * abs(float(riskier[0])):.0f} vehicles in 100: the files were put together by "
        "outcome."
    )


def _accept(name: str) -> str:
    return (
        "Look where it comes from and leave it out of the files, or, if it is honest, say who looked and why it may "
        f"stay in the settings: [accepted_features.'{name}'] with who and why."
    )


def _look(name: str) -> str:
    return (
        "This feature is informative by being absent or present: look where it comes from. It stops nothing; "
        f"[accepted_features.'{name}'] with who and why records that somebody looked."
    )
