"""Compares a candidate with the production model, or with the base rate, on the same newest vehicles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from failure_platform.domain.comparison.alarms import confusion, flips, mcnemar
from failure_platform.domain.comparison.bounded import bounded_intervals
from failure_platform.domain.comparison.curves import curves_of
from failure_platform.domain.comparison.holdout import Floats, Holdout, ModelScores, holdout_id
from failure_platform.domain.comparison.resampling import resample
from failure_platform.domain.comparison.result import Comparison, Reference, Row
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.comparison.slices import (
    SliceMembers,
    compare_slices,
    slice_members,
    slice_metrics,
    worst_slice,
)
from failure_platform.domain.comparison.table import Resampled, metric_rows, rows_by_metric
from failure_platform.domain.comparison.verdict import VerdictInputs, judge
from failure_platform.domain.comparison.weighted import weighted_metrics
from failure_platform.domain.metrics import METRICS, measure
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.training.split import time_split


@dataclass(frozen=True)
class ComparedVersions:
    """A candidate, the version in production, and the vehicles.

    Attributes:
        candidate: the new version.
        production: the version in production, or None.
        vehicles: wide frame of all vehicles.
        newest: the vehicles with a known label that are newer than every training vehicle of both versions.
    """

    candidate: ModelVersion
    production: ModelVersion | None
    vehicles: pd.DataFrame
    newest: pd.DataFrame

    @classmethod
    def of(
        cls,
        candidate: ModelVersion,
        production: ModelVersion | None,
        vehicles: pd.DataFrame,
        horizon: timedelta,
        holdout_share: float,
    ) -> "ComparedVersions":
        """Return the versions and their comparison vehicles, as selected by `domain.training.split.time_split`."""
        newest_training = max(version.trained_until for version in (candidate, production) if version)
        split = time_split(vehicles, horizon, holdout_share, newer_than=newest_training)
        return cls(candidate, production, vehicles, split.comparison)

    @property
    def by_role(self) -> Mapping[str, ModelVersion]:
        """The versions under the keys "candidate" and, if there is one, "production"."""
        return {"candidate": self.candidate} | ({"production": self.production} if self.production else {})

    @property
    def trained_until(self) -> datetime:
        """The newest prediction point that either version was trained on."""
        return max(version.trained_until for version in self.by_role.values())


def compare(
    vehicles: pd.DataFrame,
    candidate: ModelScores,
    production: ModelScores | None,
    base_rate: float,
    uses: int,
    settings: ComparisonSettings,
) -> Comparison:
    """Compare a candidate with the production model, or with the base rate, on the comparison vehicles of a split.

    Args:
        vehicles: one row each, with KNR, predicted_at, label (0 or 1), MODELO, COR, MOTOR and failure_group.
        candidate: the candidate's predictions, in the order of the rows.
        production: the production model's predictions, or None if nothing is in production.
        base_rate: failure rate of the candidate's training vehicles, the constant prediction without a model.
        uses: number of comparisons made on these vehicles so far, including this one.
        settings: what the comparison requires of the evidence.

    Raises:
        ValueError: `uses` is less than 1, or the lengths differ.
    """
    lengths = {len(vehicles), *(len(model.p) for model in (candidate, production) if model)}
    if uses < 1 or len(lengths) > 1:
        raise ValueError(f"uses is {uses} (at least 1: this one); vehicles and scores number {sorted(lengths)}")
    holdout = Holdout.of(vehicles, settings.inspections_per_day)
    knr = vehicles["KNR"].astype(str).tolist()
    predicted_at = pd.DatetimeIndex(vehicles["predicted_at"]).as_unit("us")
    failures, level = int(holdout.y.sum()), settings.level(uses)
    rarer = min(failures, len(vehicles) - failures)
    reference: Reference = "production" if production else "base_rate"
    # A constant prediction alarms every vehicle or none; the base rate alarms none.
    models = {"candidate": candidate, "base_rate": ModelScores(np.full(len(vehicles), base_rate), threshold=np.inf)}
    models |= {"production": production} if production else {}
    compared = (models[reference], candidate)
    members = slice_members(vehicles, judge=production is not None)
    resampled, slice_samples = _resampled(holdout, models, compared, members, settings, level)

    def table(against: Reference) -> tuple[Row, ...]:
        return metric_rows(resampled[against], resampled["candidate"], resampled["base_rate"].metrics, level, rarer)

    shown = table(reference)
    inputs = VerdictInputs(
        vehicles=len(vehicles),
        failures=failures,
        min_failures=settings.min_failures,
        level=level,
        uses=uses,
        most_uses=settings.most_uses,
        reference=reference,
        rows=rows_by_metric(shown),
        base_rate_loss=rows_by_metric(table("base_rate"))["log_loss"],
    )
    slices = compare_slices(members, holdout, compared, slice_samples, level)
    return Comparison(
        vehicles=len(vehicles),
        failures=failures,
        period_from=predicted_at.min().to_pydatetime() if len(vehicles) else None,
        period_to=predicted_at.max().to_pydatetime() if len(vehicles) else None,
        holdout_id=holdout_id(knr),
        uses=uses,
        most_uses=settings.most_uses,
        alpha=settings.alpha,
        level=level,
        inspections_per_day=settings.inspections_per_day,
        reference=reference,
        candidate=dict(resampled["candidate"].metrics),
        production=dict(resampled["production"].metrics) if production else None,
        base_rate=dict(resampled["base_rate"].metrics),
        table=shown,
        verdict=judge(inputs),
        curves={name: curves_of(holdout.y, model.p) for name, model in models.items()},
        confusions={name: confusion(holdout.y, model) for name, model in models.items() if name != "base_rate"},
        mcnemar=mcnemar(holdout, production, candidate) if production else None,
        flips=flips(knr, holdout.y, production, candidate) if production else None,
        slices=slices,
        worst_slice=worst_slice(slices),
        inspections=int(holdout.inspected(candidate.p).sum()),
    )


def _resampled(
    holdout: Holdout,
    models: Mapping[str, ModelScores],
    compared: tuple[ModelScores, ModelScores],
    members: tuple[SliceMembers, ...],
    settings: ComparisonSettings,
    level: float,
) -> tuple[dict[str, Resampled], tuple[Floats, Floats]]:
    """Return every model's metrics, and the slices' metrics of reference and candidate, all on the same resamples."""
    metrics = {
        name: measure(holdout.y, model.p, model.threshold, holdout.inspected(model.p)) for name, model in models.items()
    }
    bounded = {name: bounded_intervals(holdout, models[name], values, level) for name, values in metrics.items()}
    if not len(holdout.y):
        undefined = np.full((1, len(METRICS)), np.nan)
        empty = {name: Resampled(values, undefined, bounded[name]) for name, values in metrics.items()}
        return empty, (np.empty((1, 0)),) * 2
    functions = [weighted_metrics(holdout, model) for model in models.values()]
    functions += [slice_metrics(members, holdout, model) for model in compared]
    *of_models, old_slices, new_slices = resample(functions, len(holdout.y), settings.repetitions, settings.seed)
    resampled = {
        name: Resampled(values, samples, bounded[name])
        for (name, values), samples in zip(metrics.items(), of_models, strict=True)
    }
    return resampled, (old_slices, new_slices)
