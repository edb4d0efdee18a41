"""The ground truth of a simulated batch: why each vehicle failed, and the best score that a model can reach."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from failure_platform.simulation.cause import DRIFT_SHIFT, DRIFTED_TESTS, EFFECT_MEANINGS
from failure_platform.simulation.dirt import DIRT, DirtKind
from failure_platform.simulation.line import PREDICTION_STAGE
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.vehicles import Vehicles

NEWEST_SHARE = 0.25

Counts = Mapping[str, Mapping[DirtKind, int]]


def truth_rows(vehicles: Vehicles) -> pd.DataFrame:
    """Return one row per vehicle of a block.

    `predicted_at`: prediction time, empty when the vehicle was never finished or status lacks that scan, so that it
    cannot be predicted. `probability`: of failing the road test. `failed_at`, `group`: of failures.
    """
    known = vehicles.finished & (vehicles.lost_scan != PREDICTION_STAGE)
    predicted_at = pd.Series(vehicles.boundaries[:, 1 + PREDICTION_STAGE].astype("datetime64[s]"))
    failed_at = pd.Series(vehicles.failed_at.astype("datetime64[s]"))
    return pd.DataFrame(
        {
            "KNR": vehicles.knr,
            "finished": vehicles.finished,
            "predicted_at": predicted_at.where(known),
            "drifted": vehicles.drifted,
            "probability": vehicles.probability,
            "failed": vehicles.failed,
            "failed_at": failed_at.where(vehicles.failed),
            "group": pd.Series(vehicles.group, dtype=object).where(vehicles.failed),
        }
    )


def truth_about(plan: Simulation, vehicles: pd.DataFrame, rows: Mapping[str, int], dirt: Counts) -> dict[str, Any]:
    """Return the truth file as JSON types: options, failure function, best scores, and counts of rows and dirt.

    `vehicles`: all rows of `truth_rows`. `rows` and `dirt`: by upload kind. The best scores are those on the vehicles
    with a prediction time, and on the newest quarter of them.
    """
    before, after = plan.functions()
    known = vehicles[vehicles["predicted_at"].notna()].sort_values(["predicted_at", "KNR"])
    newest = known.iloc[int(np.ceil(len(known) * (1 - NEWEST_SHARE))) :]
    drift = {
        "from": str(plan.drift_date),
        "function": after.as_dict(),
        "shifted_tests": list(DRIFTED_TESTS),
        "shift_in_standard_deviations": DRIFT_SHIFT,
    }
    return {
        "options": {
            **asdict(plan),
            "start": str(plan.start),
            "drift_date": None if plan.drift_date is None else str(plan.drift_date),
        },
        "next_start": str(plan.next_start),
        "probability": "1 / (1 + exp(-(intercept + sum of terms)))",
        "terms": dict(EFFECT_MEANINGS),
        "function": before.as_dict(),
        "drift": None if plan.drift_date is None else drift,
        "best_scores": {"all": _best_scores(known), "newest_quarter": _best_scores(newest)},
        "rows": dict(rows),
        "dirt": {kind: _dirt(counts) for kind, counts in dirt.items()},
    }


def _dirt(counts: Mapping[DirtKind, int]) -> dict[str, dict[str, int | str]]:
    return {
        kind.value: {"rows": count, "fate": DIRT[kind].fate, "description": DIRT[kind].description}
        for kind, count in counts.items()
    }


def _best_scores(vehicles: pd.DataFrame) -> dict[str, float | int | None]:
    """Return the scores of a model that knows every probability.

    `drawn` scores are those on the outcomes that were drawn (None for one class only), `expected` scores are ratios of
    expectations over all possible outcomes.
    """
    probability = vehicles["probability"].to_numpy(dtype=np.float64)
    failed = vehicles["failed"].to_numpy(dtype=bool)
    mixed, some = bool(0 < failed.sum() < failed.size), failed.size > 0
    return {
        "vehicles": int(failed.size),
        "failures": int(failed.sum()),
        "mean_probability": float(probability.mean()) if some else None,
        "roc_auc_drawn": float(roc_auc_score(failed, probability)) if mixed else None,
        "roc_auc_expected": expected_roc_auc(probability) if some else None,
        "average_precision_drawn": float(average_precision_score(failed, probability)) if mixed else None,
        "average_precision_expected": expected_average_precision(probability) if some else None,
    }


def expected_roc_auc(probability: NDArray[np.float64]) -> float:
    """Return the sum over pairs of p_i (1 - p_j) [p_i > p_j, ties one half], divided by that of p_i (1 - p_j)."""
    levels, level = np.unique(probability, return_inverse=True)
    failing = np.bincount(level, weights=probability, minlength=levels.size)
    passing = np.bincount(level, weights=1 - probability, minlength=levels.size)
    below = np.cumsum(passing) - passing
    return float((failing * (below + passing / 2)).sum() / (failing.sum() * passing.sum()))


def expected_average_precision(probability: NDArray[np.float64]) -> float:
    """Return the sum over ranks k of p_k (1 + expected failures above k) / k, divided by the expected failures."""
    if probability.min() == probability.max():  # no ranking: every cut has the same precision
        return float(probability.mean())
    ranked = np.sort(probability)[::-1]
    above = np.cumsum(ranked) - ranked
    return float((ranked * (1 + above) / np.arange(1, ranked.size + 1)).sum() / ranked.sum())
