"""The leak audit of a training: its rules in order, and those on times, vehicles, identifiers and upload files.

A statistic counts by its confidence bound, corrected for the number of features (Bonferroni), and only if its size is
material: ten failures that one count happens to rank first are no proof, and neither is a small imbalance among 100,000
vehicles. A finding blocks where only a leak explains it; where an honest feature can look the same, it warns.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from failure_platform.domain.leaks.by_label import ALPHA, MATERIAL, Evidence, findings_by_label
from failure_platform.domain.leaks.evidence import Flags, Ranking, ranking, upload_separation
from failure_platform.domain.leaks.findings import Acceptance, AcceptedFeature, Audit, Finding, LeakKind

_MIN_CORRELATION = 0.99
_MIN_VALUES = 30


def audit(
    frame: pd.DataFrame,
    training: pd.DataFrame,
    comparison: pd.DataFrame,
    features: Sequence[str],
    accepted: Mapping[str, Acceptance],
) -> Audit:
    """Check a training for leaks. Only labels of the training part are used: those of the comparison stay unseen.

    Args:
        frame: wide frame of all vehicles.
        training, comparison: the two parts of the split.
        features: columns that a model may use.
        accepted: by feature, who reviewed it and why it may stay; its relation to the label is then no finding.
    """
    findings = [*_times(frame), *_vehicles(frame, training, comparison)]
    by_label: list[Finding] = []
    failed = (training["label"] == 1).to_numpy(dtype=bool)
    if features and failed.any() and not failed.all():
        x = training.reindex(columns=list(features))  # incremental training may name features that are gone
        references = _references(training)
        ranked = ranking(x, failed, list(references.values()))
        findings += _identifiers(x, ranked, list(references))
        by_label = findings_by_label(Evidence.of(x, training, failed, ranked))
        findings += [finding for finding in by_label if finding.feature not in accepted]
        findings += _uploads(training, failed)
    return Audit(tuple(findings), len(features), _accepted(by_label, accepted))


def _accepted(findings: Sequence[Finding], accepted: Mapping[str, Acceptance]) -> tuple[AcceptedFeature, ...]:
    named: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.feature is not None and finding.feature in accepted:
            named.setdefault(finding.feature, []).append(finding)
    return tuple(
        AcceptedFeature(name, tuple(found), accepted[name].who, accepted[name].why)
        for name, found in sorted(named.items())
    )


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


def _uploads(training: pd.DataFrame, failed: Flags) -> Iterator[Finding]:
    if "upload" not in training:
        return
    number, bound = upload_separation(training["upload"], training["predicted_at"], failed, ALPHA)
    if bound > MATERIAL:
        yield Finding(
            LeakKind.upload_effect,
            None,
            number,
            f"The upload that a vehicle's resultados came from tells whether it failed: on the same day, failed "
            f"vehicles came from uploads whose failure rate is higher by {number:.2f}. Files that were put together "
            "by outcome differ in more than the outcome. Export by day instead, and withdraw these uploads.",
        )
