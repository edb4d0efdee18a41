"""The facts of a training run, stored with its version permanently."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.training.calibration import Calibration
from failure_platform.domain.training.inner_validation import ValidationData, base_rate_log_loss
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.search import SearchResult
from failure_platform.domain.training.trainable import TrainingData
from failure_platform.domain.training.trials import TrialRecord

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class TrainingFacts:
    """The facts of a training run; times are the plant's local time (naive).

    The field names are the JSON keys of stored versions, so they do not change.

    Attributes:
        vehicles, failures: in the training data.
        trained_from, trained_until: first and last prediction time.
        out_of_fold_vehicles: number of vehicles in the validation rows of all folds.
        base_rate_log_loss: on them, of predicting the failure rate of each fold's older part.
        tried: the completed trials; given_up: the pruned ones.
        setting: the chosen one.
        search: kind, number of trials, and why it ended (`time`: the time budget was used up).
        features: how many were kept, and how many were not because they are constant or rare.
        calibration: the requested and the chosen method, and the log loss of each method that was compared.
        balance: option of the chosen setting against class imbalance.
        probabilities: failure rate and mean probability of the out-of-fold vehicles, before and after calibration.
        aim: what the threshold was chosen for.
        alarms: at the threshold, among the out-of-fold vehicles: their share, precision and recall, and the lift, which
            is the precision divided by the failure rate; empty if nothing is alarmed.
        mode: full or incremental; started_from: the production version that incremental training continued.
        durations: seconds by part.
        seconds: in total.
        notes: sentences that a person must read before relying on the model.
    """

    vehicles: int
    failures: int
    trained_from: datetime
    trained_until: datetime
    out_of_fold_vehicles: int
    base_rate_log_loss: float
    tried: tuple[TrialRecord, ...]
    given_up: tuple[TrialRecord, ...]
    setting: dict[str, Any]
    search: dict[str, Any]
    features: dict[str, int]
    calibration: dict[str, Any]
    balance: str
    probabilities: dict[str, float]
    aim: dict[str, Any]
    alarms: dict[str, float]
    mode: str
    started_from: str | None
    durations: dict[str, float]
    seconds: float
    notes: tuple[str, ...]

    @property
    def chosen(self) -> TrialRecord:
        """The record of the chosen setting."""
        return next(trial for trial in self.tried if trial.setting == self.setting)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON types."""
        facts = asdict(self)
        facts |= {key: facts[key].isoformat() for key in ("trained_from", "trained_until")}
        trials = {key: [asdict(trial) for trial in getattr(self, key)] for key in ("tried", "given_up")}
        return {**facts, **trials, "notes": list(self.notes)}


def facts_of(
    data: TrainingData,
    validation: ValidationData,
    result: SearchResult,
    calibration: Calibration,
    threshold: float,
    recipe: Recipe,
    durations: dict[str, float],
) -> TrainingFacts:
    """Return the facts of a training run from its parts."""
    best = result.best
    alarms = _alarms(validation.y_out_of_fold, calibration.apply(best.p), threshold)
    probabilities = {
        "failure rate": float(validation.y_out_of_fold.mean()),
        "mean probability": float(best.p.mean()),
        "mean probability calibrated": float(calibration.apply(best.p).mean()),
    }
    return TrainingFacts(
        vehicles=len(data.y),
        failures=int(data.y.sum()),
        trained_from=pd.Timestamp(data.predicted_at.min()).to_pydatetime(),
        trained_until=pd.Timestamp(data.predicted_at.max()).to_pydatetime(),
        out_of_fold_vehicles=len(validation.y_out_of_fold),
        base_rate_log_loss=base_rate_log_loss(validation.y, validation.folds),
        tried=result.completed,
        given_up=result.pruned,
        setting=best.record.setting,
        search={"kind": recipe.search, "trials": result.n_trials, "ended": result.ended, "seconds": result.seconds},
        features={"kept": data.x.shape[1], "constant": data.kept.constant, "rare": data.kept.rare},
        calibration={
            "requested": recipe.calibration,
            "method": calibration.method,
            "log_losses": calibration.log_losses,
        },
        balance=best.balance,
        probabilities=probabilities,
        aim=recipe.aim.as_dict(recipe.inspections_per_day),
        alarms=alarms,
        mode="full" if recipe.started_from is None else "incremental",
        started_from=recipe.started_from,
        durations=durations,
        seconds=durations["all"],
        notes=(*_notes(result, calibration, recipe, probabilities), *_alarm_notes(result, recipe, alarms)),
    )


def _alarms(y: Labels, p: Floats, threshold: float) -> dict[str, float]:
    alarmed = p >= threshold
    if not alarmed.any() or not y.any():
        return {}
    precision = float(y[alarmed].mean())
    return {
        "share": float(alarmed.mean()),
        "precision": precision,
        "recall": float(y[alarmed].sum() / y.sum()),
        "lift": precision / float(y.mean()),
    }


def _alarm_notes(result: SearchResult, recipe: Recipe, alarms: dict[str, float]) -> list[str]:
    if not result.best.family.discriminates:
        return []
    lift = recipe.aim.min_lift
    if not alarms:
        return [
            f"Nothing is alarmed: no threshold gives alarms that are right {lift:g} times as often as alarms at random "
            "(training.aim.min_lift). Its probabilities still say which vehicles to look at first."
        ]
    if alarms["lift"] < lift and recipe.aim.kind != "f1":
        return [
            f"With the aim {recipe.aim.kind} it alarms {100 * alarms['share']:.3g} of 100 vehicles, and these alarms "
            f"are right only {alarms['lift']:.2f} times as often as alarms at random."
        ]
    return []


def _notes(
    result: SearchResult, calibration: Calibration, recipe: Recipe, probabilities: dict[str, float]
) -> list[str]:
    notes = []
    best = result.best
    if result.ended == "time":
        notes.append(
            f"The search stopped after {result.n_trials} settings, since {recipe.search_seconds:g} seconds had passed."
        )
    lowest = min(result.completed, key=lambda trial: trial.log_loss)
    if lowest.log_loss < best.record.log_loss:
        notes.append(
            f"The search found {lowest.family} with log loss {lowest.log_loss:.4f}; the default's "
            f"{best.record.log_loss:.4f} differs by no more than chance, so the default was kept."
        )
    if not best.family.discriminates:
        notes.append(
            "No family had a lower log loss than the base rate, so every vehicle gets the base rate as its probability."
        )
    if best.balance != "none":
        correction = (
            f"calibration ({calibration.method}) brings that to {probabilities['mean probability calibrated']:.3f}"
            if calibration.corrector is not None
            else "nothing corrects that, so its probabilities are no probabilities"
        )
        notes.append(
            f"Trained with {best.balance}: the mean out-of-fold probability is "
            f"{probabilities['mean probability']:.3f} where {probabilities['failure rate']:.3f} failed; {correction}."
        )
    return notes
