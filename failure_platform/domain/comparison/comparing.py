"""Compares a candidate with the production model, or with the base rate, on the same newest vehicles.

What belongs here: putting figures, intervals, slices and verdict together to one value. What does not: how each is
computed (the modules beside this one) and how the value is stored (values).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from failure_platform.domain.comparison.alarms import confusion, flips, mcnemar
from failure_platform.domain.comparison.curves import curves_of
from failure_platform.domain.comparison.holdout import Floats, Holdout, Scored, holdout_id
from failure_platform.domain.comparison.resampling import resample
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.comparison.slices import Members, compared_slices, figures_of_slices, sliced, worst
from failure_platform.domain.comparison.table import Resampled, by_metric, of_few, rows
from failure_platform.domain.comparison.values import Comparison, Reference, Row
from failure_platform.domain.comparison.verdict import Evidence, judge
from failure_platform.domain.comparison.weighted import figures_of
from failure_platform.domain.metrics import METRICS, measure
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.training.split import time_split


@dataclass(frozen=True)
class ComparedVersions:
    """A candidate, what it is compared with, and the vehicles.

    Attributes:
        candidate: the new version.
        production: the version in production; None: nothing is.
        vehicles: wide frame of all of them.
        newest: those with a known label that are newer than any that either version was trained on.
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
        """Return the sides, with the vehicles found as `time_split` finds them."""
        newest_training = max(version.trained_until for version in (candidate, production) if version)
        split = time_split(vehicles, horizon, holdout_share, newer_than=newest_training)
        return cls(candidate, production, vehicles, split.comparison)

    @property
    def versions(self) -> Mapping[str, ModelVersion]:
        """The versions by what they are, "candidate" and "production"."""
        return {"candidate": self.candidate} | ({"production": self.production} if self.production else {})

    @property
    def trained_until(self) -> datetime:
        """The newest prediction point that any of them was trained on."""
        return max(version.trained_until for version in self.versions.values())


def compare(
    vehicles: pd.DataFrame,
    candidate: Scored,
    production: Scored | None,
    base_rate: float,
    uses: int,
    settings: ComparisonSettings,
) -> Comparison:
    """Compare on the given vehicles, the comparison side of a split.

    Args:
        vehicles: one row each, with KNR, predicted_at, label (0 or 1), MODELO, COR, MOTOR and failure_group.
        candidate: what the candidate says of them, in the order of the rows.
        production: what the production model says of them, or None when there is none.
        base_rate: share of failures on the candidate's training side: what one would say without any model.
        uses: comparisons made on these vehicles so far, this one included.
        settings: what is asked of the evidence.

    Raises:
        ValueError: uses is less than 1, or the lengths differ.
    """
    lengths = {len(vehicles), *(len(model.p) for model in (candidate, production) if model)}
    if uses < 1 or len(lengths) > 1:
        raise ValueError(f"uses is {uses} (at least 1: this one); vehicles and scores number {sorted(lengths)}")
    holdout = Holdout.of(vehicles, settings.inspections_per_day)
    knr, asked = vehicles["KNR"].astype(str).tolist(), pd.DatetimeIndex(vehicles["predicted_at"]).as_unit("us")
    failures, level = int(holdout.y.sum()), settings.level(uses)
    rarer = min(failures, len(vehicles) - failures)
    reference: Reference = "production" if production else "base_rate"
    # The base rate never alarms: it would have to alarm every vehicle or none.
    models = {"candidate": candidate, "base_rate": Scored(np.full(len(vehicles), base_rate), threshold=np.inf)}
    models |= {"production": production} if production else {}
    compared = (models[reference], candidate)
    parts = sliced(vehicles, judging=production is not None)
    all_vehicles, of_parts = _resampled(holdout, models, compared, parts, settings)

    def table(against: Reference) -> tuple[Row, ...]:
        return rows(all_vehicles[against], all_vehicles["candidate"], all_vehicles["base_rate"].figures, level, rarer)

    shown = table(reference)
    if rarer < settings.min_failures:
        shown = of_few(shown, rarer, level)
    evidence = Evidence(
        vehicles=len(vehicles),
        failures=failures,
        min_failures=settings.min_failures,
        level=level,
        uses=uses,
        most_uses=settings.most_uses,
        reference=reference,
        rows=by_metric(shown),
        base_rate_loss=by_metric(table("base_rate"))["log_loss"],
    )
    slices = compared_slices(parts, holdout, compared, of_parts, level)
    return Comparison(
        vehicles=len(vehicles),
        failures=failures,
        period_from=asked.min().to_pydatetime() if len(vehicles) else None,
        period_to=asked.max().to_pydatetime() if len(vehicles) else None,
        holdout_id=holdout_id(knr),
        uses=uses,
        most_uses=settings.most_uses,
        alpha=settings.alpha,
        level=level,
        inspections_per_day=settings.inspections_per_day,
        reference=reference,
        candidate=dict(all_vehicles["candidate"].figures),
        production=dict(all_vehicles["production"].figures) if production else None,
        base_rate=dict(all_vehicles["base_rate"].figures),
        table=shown,
        verdict=judge(evidence),
        curves={name: curves_of(holdout.y, model.p) for name, model in models.items()},
        confusions={name: confusion(holdout.y, model) for name, model in models.items() if name != "base_rate"},
        mcnemar=mcnemar(holdout, production, candidate) if production else None,
        flips=flips(knr, holdout.y, production, candidate) if production else None,
        slices=slices,
        worst_slice=worst(slices),
    )


def _resampled(
    holdout: Holdout,
    models: Mapping[str, Scored],
    compared: tuple[Scored, Scored],
    parts: tuple[Members, ...],
    settings: ComparisonSettings,
) -> tuple[dict[str, Resampled], tuple[Floats, Floats]]:
    """Return every model's figures, and those of the slices for reference and candidate, all on the same resamples."""
    figures = {
        name: measure(holdout.y, model.p, model.threshold, holdout.inspected(model.p)) for name, model in models.items()
    }
    if not len(holdout.y):
        nothing = np.full((1, len(METRICS)), np.nan)
        return {name: Resampled(found, nothing) for name, found in figures.items()}, (np.empty((1, 0)),) * 2
    asked = [figures_of(holdout, model) for model in models.values()]
    asked += [figures_of_slices(parts, holdout, model) for model in compared]
    *wholes, olds, news = resample(asked, len(holdout.y), settings.repetitions, settings.seed)
    return {name: Resampled(found, samples) for (name, found), samples in zip(figures.items(), wholes, strict=True)}, (
        olds,
        news,
    )
