"""The result of a comparison and its parts, as values, and their stored form.

Nothing here imports a library for models: the registry reads comparisons in every command.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from failure_platform.domain.leaks.findings import NOTHING_FOUND, Audit
from failure_platform.domain.model_version import short_hash

Outcome = Literal["better", "no_evidence", "worse", "no_signal", "not_judged"]
Reference = Literal["production", "base_rate"]
SliceKind = Literal["MODELO", "MOTOR", "COR", "month", "failure_group"]
SliceMetric = Literal["average_precision", "recall_at_capacity"]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Row:
    """One metric of a comparison; values that are not defined are None.

    Attributes:
        metric: its name.
        old: value of the reference: the production model, or the base rate if nothing is in production.
        new: value of the candidate.
        difference: new minus old.
        low, high: interval of the difference.
        new_low, new_high: interval of the candidate's value.
        base_rate: value of always predicting the base rate.
    """

    metric: str
    old: float | None
    new: float | None
    difference: float | None
    low: float | None
    high: float | None
    new_low: float | None
    new_high: float | None
    base_rate: float | None


@dataclass(frozen=True)
class Verdict:
    """The outcome and its reason, in one to three sentences with the numbers."""

    outcome: Outcome
    reason: str


def counted_uses(uses: int, most_uses: int) -> str:
    """Return which comparison on the same vehicles one is, to follow "comparison": "3 of 10 on these vehicles"."""
    if uses <= most_uses:
        return f"{uses} of {most_uses} on these vehicles"
    return f"{uses} on these vehicles, more than the {most_uses} that comparisons_per_holdout allows"


@dataclass(frozen=True)
class Curves:
    """Points of one model's curves on the comparison vehicles; empty if there is only one class.

    Attributes:
        roc: (false positive rate, true positive rate), ascending.
        precision_recall: (recall, precision), by ascending recall.
        calibration: (mean predicted probability, observed failure rate) in each bin of `calibration_bins`.
        calibration_vehicles: number of vehicles in each of these bins.
        threshold_curve: (alarms per 1,000 vehicles, share of the failures missed), by ascending number of alarms.
    """

    roc: Points
    precision_recall: Points
    calibration: Points
    calibration_vehicles: tuple[int, ...]
    threshold_curve: Points


@dataclass(frozen=True)
class Confusion:
    """Number of vehicles by alarm and outcome, with failure as the positive class."""

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True)
class Flip:
    """One vehicle whose alarm changes, with both probabilities of failure and its outcome."""

    KNR: str
    old: float
    new: float
    failed: bool


@dataclass(frozen=True)
class Flips:
    """Vehicles whose alarm changes when the candidate replaces the production model, each model at its own threshold.

    Attributes:
        newly_alarmed, no_longer_alarmed: number of vehicles.
        newly_alarmed_failed, no_longer_alarmed_failed: how many of them failed: failures gained, and failures lost.
        newly_alarmed_listed, no_longer_alarmed_listed: those with the largest change in probability, at most
            MAX_LISTED.
    """

    newly_alarmed: int
    newly_alarmed_failed: int
    newly_alarmed_listed: tuple[Flip, ...]
    no_longer_alarmed: int
    no_longer_alarmed_failed: int
    no_longer_alarmed_listed: tuple[Flip, ...]


@dataclass(frozen=True)
class McNemar:
    """The failed vehicles, counted by which of the two models has them inspected.

    Attributes:
        only_old, only_new, both, neither: counts of failed vehicles.
        p: two-sided p-value: the probability of a split of `only_old` and `only_new` at least as uneven if both models
            find failures equally well; 1 when no failure is found by only one model.
    """

    only_old: int
    only_new: int
    both: int
    neither: int
    p: float


@dataclass(frozen=True)
class Slice:
    """The comparison on one slice of the vehicles.

    Attributes:
        kind: the property that the vehicles share.
        value: its value; "unknown" if it is missing; a month is written as 2025-03.
        vehicles, failures: their numbers; in a failure group every vehicle failed.
        metric: average precision; recall at capacity in a failure group, which has no good vehicles to rank.
        old, new: the metric of the reference and of the candidate; None without a failure.
        difference: new minus old.
        low, high: interval of the difference, corrected for the number of judged slices; None if not judged.
        judged: whether it has at least MIN_SLICE_FAILURES failures, and a model is in production.
        worse: whether the entire interval is below zero.
    """

    kind: SliceKind
    value: str
    vehicles: int
    failures: int
    metric: SliceMetric
    old: float | None
    new: float | None
    difference: float | None
    low: float | None
    high: float | None
    judged: bool
    worse: bool


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison; see `as_dict` for the stored form.

    Attributes:
        vehicles, failures: number of comparison vehicles, and of failed ones among them.
        period_from, period_to: their first and last prediction point; None without vehicles.
        holdout_id: identifier of this set of vehicles.
        uses: number of candidates compared on it so far, including this one.
        most_uses: maximum number of candidates before newer vehicles are needed.
        alpha: probability of a wrong "better" over all uses.
        level: confidence level of every interval, see `ComparisonSettings.level`.
        inspections_per_day: vehicles that can be inspected in a day; the alarm budget that is equal for both models.
        reference: what `table` and `slices` compare with.
        candidate, production, base_rate: metrics by name; `production` is None if nothing was in production.
        table: one row per metric.
        verdict: outcome and reason.
        curves: by "candidate", "base_rate" and, if there is one, "production".
        confusions: of "candidate" and, if there is one, "production", each at its own threshold.
        mcnemar: the failed vehicles found by one model and not by the other; None without production.
        flips: vehicles that exactly one of the two models alarms; None without production.
        slices: by kind, then by descending number of failures.
        worst_slice: the worst judged slice: credibly worse ones first, then by lowest difference; None if none is
            judged, as without production. Its `worse` states whether it is credibly worse.
        inspections: how many of the vehicles can be inspected, at `inspections_per_day`; None in a comparison that was
            stored before this was counted.
        leak_audit: of the candidate's training: its warnings, and the features that a person accepted.
    """

    vehicles: int
    failures: int
    period_from: datetime | None
    period_to: datetime | None
    holdout_id: str
    uses: int
    most_uses: int
    alpha: float
    level: float
    inspections_per_day: int
    reference: Reference
    candidate: dict[str, float | None]
    production: dict[str, float | None] | None
    base_rate: dict[str, float | None]
    table: tuple[Row, ...]
    verdict: Verdict
    curves: dict[str, Curves]
    confusions: dict[str, Confusion]
    mcnemar: McNemar | None
    flips: Flips | None
    slices: tuple[Slice, ...]
    worst_slice: Slice | None
    inspections: int | None = None
    leak_audit: Audit = NOTHING_FOUND

    @property
    def slices_judged(self) -> int:
        """Number of judged slices, which their intervals are corrected for."""
        return sum(one.judged for one in self.slices)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON types."""
        return cast(dict[str, Any], _stored_form().dump_python(self, mode="json"))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Comparison":
        """Return the comparison from the JSON types returned by `as_dict`.

        Raises:
            pydantic.ValidationError: they have another form, such as that of an older version of the platform.
        """
        return _stored_form().validate_python(stored)


@cache
def _stored_form() -> TypeAdapter[Comparison]:
    return TypeAdapter(Comparison)


@dataclass(frozen=True)
class ComparisonRecord:
    """The registry's record of one comparison of a candidate with the version in production (None if none was)."""

    target: str
    candidate: str
    production: str | None
    compared_at: datetime
    comparison: Comparison

    @property
    def id(self) -> str:
        """12 hex digits, equal for the same pair of versions on the same holdout, at any time."""
        return short_hash(self.target, self.candidate, self.production, self.comparison.holdout_id)
