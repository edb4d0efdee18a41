"""Small fitted models and a registry to keep them in, for the tests of the registry and of its mirror."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from failure_platform.domain.comparison.result import ComparisonRecord
from failure_platform.domain.deciding.decisions import decide
from failure_platform.domain.deciding.log import Choice, DecisionRequest
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.domain.model_version import ModelToSave, Origin
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.registry import tables
from failure_platform.resources.registry.model_files import MODEL, installed_libraries
from failure_platform.resources.registry.registry import Registry
from support.comparison_samples import finished

NOW = datetime(2026, 3, 4, 5, 6, 7)
FEATURES = ("rows", "NOK:brake", "minutes:M100>M700", "last:idle speed")


def registry_in(home: Path) -> Registry:
    return Registry(home / "models", Lake(home / "lake" / "lake.duckdb", wait_seconds=30))


def forest() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=5)


def vehicles(rows: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(size=(rows, len(FEATURES))).astype("float32"), columns=list(FEATURES))
    frame.iloc[::7, 1] = np.nan
    return frame, (frame["rows"] + random.normal(size=rows) > 1).to_numpy().astype(int)


def logistic() -> Any:
    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), LogisticRegression())


def trained(seed: int = 0, target: str = "road_test", pipeline: Any = None) -> ModelToSave:
    frame, failed = vehicles()
    return ModelToSave(
        origin=Origin(
            target, "d" * 16, {"families": ["logistic_regression"], "folds": 4}, seed, "1", installed_libraries()
        ),
        pipeline=(logistic() if pipeline is None else pipeline).fit(frame, failed),
        family="logistic_regression",
        features=FEATURES,
        threshold=0.21,
        base_rate=float(failed.mean()),
        trained_from=datetime(2025, 1, 1),
        trained_until=datetime(2025, 11, 30, 23, 59),
        vehicles=len(frame),
        failures=int(failed.sum()),
        metrics={"roc_auc": 0.75, "average_precision": None},
        facts={
            "seconds": 1.5,
            "tried": [{"family": "logistic_regression", "log_loss": 0.3}],
            "setting": {"family": "logistic_regression", "depth": 6},
            "aim": {"kind": "recall", "recall": 0.8},
        },
        sample=frame.head(5),
        model_card=f"# road_test\n\nSeed {seed}.\n",
    )


def compared(
    candidate: str,
    production: str | None,
    figures: dict[str, float | None] | None = None,
    compared_at: datetime = NOW,
    **changed: Any,
) -> ComparisonRecord:
    figures = {"roc_auc": 0.81, "f1": None} if figures is None else figures
    values = {"vehicles": 500, "failures": 60, "holdout_id": "newest quarter", "candidate": figures, **changed}
    return ComparisonRecord("road_test", candidate, production, compared_at, finished(**values))


def wanted(decision: Choice, version: str, expected: str | None = None) -> DecisionRequest:
    return DecisionRequest("road_test", decision, version, expected, "Ana", "fewer misses")


def promote_unverified(registry: Registry, version: str, expected: str | None) -> None:
    """Do as Registry.decide does, without the seconds of a fresh process."""
    log, comparisons = registry.history("road_test"), registry.comparisons("road_test")
    line = decide(
        wanted(Choice.promote, version, expected), log, {version: "road_test"}, comparisons, NOW, Policy.manual, Gates()
    )
    with registry._lake.write() as con:
        tables.add_decision(con, line)


def set_hash(registry: Registry, version: str, content: bytes) -> None:
    """Make the registry's row agree with a model file that was put in the place of the saved one."""
    files = {**registry.version(version).files, MODEL: hashlib.sha256(content).hexdigest()}
    with registry._lake.write() as con:
        con.execute("UPDATE model_versions SET files = ? WHERE version = ?", [json.dumps(files), version])
