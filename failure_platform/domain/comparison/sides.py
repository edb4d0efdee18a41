"""What is compared with what, and on which vehicles.

What belongs here: the two versions, and the vehicles that are newer than any that either of them was trained on. What
does not: scoring and judging them (training, comparison).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from failure_platform.domain.training.split import time_split
from failure_platform.domain.versions.model_version import ModelVersion


@dataclass(frozen=True)
class Sides:
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
    ) -> "Sides":
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
