"""The pieces of work that the models' benchmark measures, each run in a process of its own.

python benchmarks/model_pieces.py NAME '{"argument": "value"}'
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from failure_platform.settings import Settings

FAILURE_RATE = 0.06
DAYS = 540
INFORMATIVE = 12


def wide(vehicles: int, features: int, seed: int = 1) -> pd.DataFrame:
    """Return a wide frame of vehicles with test values, of which INFORMATIVE are weakly related to the failures."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(vehicles, features)).astype(np.float32)
    x[rng.random(x.shape, dtype=np.float32) < 0.05] = np.nan  # a skipped test
    known = np.nan_to_num(x[:, :INFORMATIVE])
    logit = 0.5 * known[:, :6].sum(axis=1) / 2 + 0.6 * (known[:, 6:] > 1).sum(axis=1)
    logit += np.log(FAILURE_RATE) - np.quantile(logit, 0.75)
    failed = rng.random(vehicles) < 1 / (1 + np.exp(-logit))
    predicted_at = datetime(2024, 1, 1, 6, tzinfo=UTC).replace(tzinfo=None) + pd.to_timedelta(
        np.sort(rng.uniform(0, DAYS, vehicles)), unit="D"
    ).floor("s")
    knr = [
        f"{day.isocalendar()[0]}-{day.isocalendar()[1]:02}{i % 7 + 1}{i % 10000:04}"
        for i, day in enumerate(predicted_at)
    ]
    facts = pd.DataFrame(
        {
            "KNR": knr,
            "predicted_at": predicted_at,
            "label": pd.array(failed.astype("int8"), dtype="Int8"),
            "label_reason": pd.array([None] * vehicles, dtype="str"),
            "last_row_at": predicted_at - pd.Timedelta(1, "h"),
            "MODELO": rng.choice(["T-CROSS", "T-CROSS PA", "AUDI Q3"], vehicles, p=[0.7, 0.2, 0.1]),
            "COR": rng.choice(["K2K2", "2R2R", "0Q0Q", "A1A1", "5T5T"], vehicles),
            "MOTOR": rng.choice(["DHS", "CWL", "DRP"], vehicles, p=[0.6, 0.35, 0.05]),
            "upload": "one",
            "failure_group": np.where(failed, rng.choice(["1", "2", "4", "5"], vehicles), None),
        }
    ).drop_duplicates("KNR")
    names = sorted(f"value:2:{i:06}:0" for i in range(features))
    return pd.concat([facts, pd.DataFrame(x[facts.index], columns=names, index=facts.index)], axis=1)


def lake(home: str, vehicles: int, features: int) -> None:
    """Write the vehicles into a home's lake."""
    from failure_platform.resources.lake.target_tables import replace_table, vehicles_table
    from failure_platform.resources.platform import Platform

    begin = time.perf_counter()
    frame = wide(vehicles, features)
    replace_table(Platform(Settings(home=Path(home))).lake, vehicles_table("road_test"), frame)
    report(seconds=time.perf_counter() - begin, vehicles=len(frame), failures=int(frame["label"].sum()))


def train_and_compare(home: str) -> None:
    """Materialise candidate_model and model_comparison as the UI does."""
    import dagster as dg

    from failure_platform.definitions import build
    from failure_platform.resources.platform import Platform

    settings = Settings(home=Path(home))
    defs = build(settings)
    begin = time.perf_counter()
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(
            [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)],
            selection=["candidate_model", "model_comparison"],
            partition_key="road_test",
            resources=Platform(settings).resources,
            instance=instance,
        )
        steps = {
            stats.step_key: round(stats.end_time - stats.start_time, 1)
            for stats in instance.get_run_step_stats(run.run_id)
            if stats.start_time and stats.end_time
        }
    seconds = time.perf_counter() - begin
    compared = Platform(settings).registry.comparisons("road_test")[0]
    version = Platform(settings).registry.version(compared.candidate)
    report(
        seconds=seconds,
        steps=steps,
        family=version.family,
        outcome=compared.comparison.verdict.outcome,
        vehicles=compared.comparison.vehicles,
        failures=compared.comparison.failures,
        roc_auc=compared.comparison.candidate["roc_auc"],
    )


def bare_boosting(home: str) -> None:
    """Fit scikit-learn's histogram boosting with default parameters on the older three quarters, and score the rest."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    from failure_platform.domain.features.wide import feature_columns
    from failure_platform.resources.lake.target_tables import read_table, vehicles_table
    from failure_platform.resources.platform import Platform

    begin = time.perf_counter()
    frame = read_table(Platform(Settings(home=Path(home))).lake, vehicles_table("road_test"))
    if frame is None:
        raise SystemExit(f"{home} has no vehicles: run the piece `lake` first")
    x, y = frame[feature_columns(frame)].to_numpy(), frame["label"].to_numpy(dtype="int8")
    older = len(frame) * 3 // 4
    model = HistGradientBoostingClassifier(random_state=0).fit(x[:older], y[:older])
    auc = roc_auc_score(y[older:], model.predict_proba(x[older:])[:, 1])
    report(seconds=time.perf_counter() - begin, roc_auc=auc)


def report(**figures: Any) -> None:
    """Write the results as one line of JSON."""
    sys.stdout.write(json.dumps(figures) + "\n")


PIECES = {piece.__name__: piece for piece in (lake, train_and_compare, bare_boosting)}

if __name__ == "__main__":
    PIECES[sys.argv[1]](**json.loads(sys.argv[2]))
