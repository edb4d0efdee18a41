"""Comparisons and reports for the tests of pictures and page, made by the real rules on simulated probabilities."""

from dataclasses import replace
from datetime import datetime
from functools import cache

import numpy as np
import pandas as pd

from failure_platform.domain.comparison.comparing import compare
from failure_platform.domain.comparison.data_difference import DataDifference, data_difference
from failure_platform.domain.comparison.holdout import ModelScores
from failure_platform.domain.comparison.importance import Importance
from failure_platform.domain.comparison.result import Comparison
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.deciding.policy import Advice, GateResult, Policy, Ruling
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.report.page import Report
from failure_platform.domain.report.pictures import Picture, pictures
from failure_platform.domain.targets import ROAD_TEST

SETTINGS = ComparisonSettings(repetitions=200, inspections_per_day=5)


def vehicles(number: int = 1500, seed: int = 0) -> pd.DataFrame:
    """Comparison vehicles over some months, one in ten failed."""
    rng = np.random.default_rng(seed)
    failed = rng.random(number) < 0.1
    groups = rng.choice(["1", "2", "133"], number)
    return pd.DataFrame(
        {
            "KNR": [f"2025-{i // 400 + 10:02d}{i:05d}" for i in range(number)],
            "predicted_at": pd.Timestamp("2025-09-08 06:00") + pd.to_timedelta(np.arange(number), unit="h"),
            "label": pd.array(failed.astype(int), dtype="Int8"),
            "MODELO": rng.choice(["T-A", "T-B"], number),
            "COR": rng.choice(["LB9A", "2T2T"], number),
            "MOTOR": [None if one < 0.3 else "CWLA" for one in rng.random(number)],
            "failure_group": [group if bad else None for group, bad in zip(groups, failed, strict=True)],
        }
    )


def scored(frame: pd.DataFrame, strength: float, seed: int) -> ModelScores:
    """Probabilities that tell failures apart by `strength` standard deviations."""
    y = frame["label"].to_numpy(dtype=float)
    odds = -2.2 + strength * (strength * (y - 0.5) + np.random.default_rng(seed).normal(size=len(y)))
    return ModelScores(1 / (1 + np.exp(-odds)), 0.25)


@cache
def compared(strength: float = 1.6, production: float | None = 1.0, number: int = 1500) -> Comparison:
    """A candidate of a strength against a production model of another, or against nothing."""
    frame = vehicles(number)
    old = None if production is None else scored(frame, production, 2)
    return compare(frame, scored(frame, strength, 1), old, 0.1, 1, SETTINGS)


def difference() -> DataDifference:
    """Training data that grew by vehicles with another value of one feature."""
    old, new = training(400, 0.0), training(600, 1.5)
    found = data_difference(old, new, ("value:2:041001:0", "nok:9:2"), ("value:2:041001:0", "rows:2"))
    assert found is not None
    return found


def training(number: int, moved: float) -> pd.DataFrame:
    """A training side; vehicles from the 400th on have a feature moved by so much."""
    rng = np.random.default_rng(3)
    frame = vehicles(number)[["KNR", "predicted_at", "label"]]
    values = rng.normal(size=number) + moved * (np.arange(number) >= 400)
    return frame.assign(**{"value:2:041001:0": values.astype("float32"), "rows:2": 1.0, "nok:9:2": 0.0})


IMPORTANCES = {
    "candidate": (Importance("value:2:041001:0", 0.21, 0.02), Importance("nok:9:2", 0.03, 0.01)),
    "production": (Importance("nok:9:2", 0.08, 0.02),),
}


def version(name: str = "a" * 12, **changed: object) -> ModelVersion:
    """The record of a version."""
    made = ModelVersion(
        version=name,
        target="road_test",
        family="logistic_regression",
        created_at=datetime(2026, 1, 2, 3, 4),
        data_version="d" * 16,
        trained_from=datetime(2025, 1, 1),
        trained_until=datetime(2025, 6, 30, 22),
        vehicles=4000,
        failures=400,
        threshold=0.25,
        base_rate=0.1,
        code_version="1",
        seed=7,
        features=("value:2:041001:0", "rows:2"),
        recipe={"families": ["logistic_regression"], "folds": 3},
        metrics={},
        facts={},
        libraries={"scikit-learn": "1.9.1"},
        files={},
    )
    return replace(made, **changed)  # type: ignore[arg-type]


@cache
def drawn(strength: float = 1.6, production: float | None = 1.0, number: int = 1500) -> tuple[Picture, ...]:
    """The pictures of `compared` with the same arguments."""
    return pictures(compared(strength, production, number), IMPORTANCES, None if production is None else difference())


def report(strength: float = 1.6, production: float | None = 1.0, number: int = 1500, **changed: object) -> Report:
    """The report of `compared` with the same arguments; without a production model where the comparison has none."""
    made = Report(
        comparison_id="c" * 12,
        compared_at=datetime(2026, 3, 4, 5, 6),
        target=ROAD_TEST,
        comparison=compared(strength, production, number),
        candidate=version(),
        production=None if production is None else version("b" * 12, vehicles=3000),
        min_failures=30,
        importances=IMPORTANCES if production is not None else {"candidate": IMPORTANCES["candidate"]},
        pictures=drawn(strength, production, number),
        difference=None if production is None else difference(),
        policy=Policy.manual,
        ruling=Ruling(Advice.keep, (GateResult("recall", 0.4, 0.5, False, "It alarms 0.400 of the failures."),)),
    )
    return replace(made, **changed)  # type: ignore[arg-type]
