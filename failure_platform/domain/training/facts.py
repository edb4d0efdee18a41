"""What is worth knowing about a training run, kept with its version for ever.

What belongs here: the facts and their form as JSON. What does not: how they came about (training), and the model card's
sentences (model_card).
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from failure_platform.domain.training.calibration import Calibration
from failure_platform.domain.training.inner_validation import Ground, base_rate_log_loss
from failure_platform.domain.training.recipe import Recipe
from failure_platform.domain.training.search import Found
from failure_platform.domain.training.trainable import Side
from failure_platform.domain.training.trials import Tried


@dataclass(frozen=True)
class TrainingFacts:
    """What is worth knowing about a training run; the times are the plant's own (naive).

    Attributes:
        vehicles, failures: on the training side.
        trained_from, trained_until: first and last prediction point.
        out_of_fold_vehicles: judged by models that never saw them.
        base_rate_log_loss: on them, of saying the failure rate of the older part.
        tried: settings that went through all folds; given_up: those that did not.
        setting: the chosen one.
        search: kind, trials, and why it ended (`time`: the budget cut it).
        features: how many were kept, and how many were not because they are constant or rare.
        calibration: what was asked for, what was chosen, and the log loss of each method that was compared.
        balance: option of the chosen setting against rare failures.
        probabilities: failure rate and mean probability on the out-of-fold vehicles, before and after calibration.
        aim: what the threshold was chosen for.
        mode: full or incremental; started_from: the production version it went on from.
        durations: seconds by part.
        seconds: of all.
        notes: sentences that a person must read before relying on it.
    """

    vehicles: int
    failures: int
    trained_from: datetime
    trained_until: datetime
    out_of_fold_vehicles: int
    base_rate_log_loss: float
    tried: tuple[Tried, ...]
    given_up: tuple[Tried, ...]
    setting: dict[str, Any]
    search: dict[str, Any]
    features: dict[str, int]
    calibration: dict[str, Any]
    balance: str
    probabilities: dict[str, float]
    aim: dict[str, Any]
    mode: str
    started_from: str | None
    durations: dict[str, float]
    seconds: float
    notes: tuple[str, ...]

    @property
    def chosen(self) -> Tried:
        """The record of the chosen setting."""
        return next(one for one in self.tried if one.setting == self.setting)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON types."""
        facts = asdict(self)
        facts |= {key: facts[key].isoformat() for key in ("trained_from", "trained_until")}
        lists = {key: [asdict(one) for one in getattr(self, key)] for key in ("tried", "given_up")}
        return {**facts, **lists, "notes": list(self.notes)}


def facts_of(
    side: Side, ground: Ground, found: Found, calibration: Calibration, recipe: Recipe, durations: dict[str, float]
) -> TrainingFacts:
    """Return the facts of a training run from its parts."""
    said = {
        "failure rate": float(ground.judged.mean()),
        "mean probability": float(found.best.p.mean()),
        "mean probability calibrated": float(calibration.apply(found.best.p).mean()),
    }
    return TrainingFacts(
        vehicles=len(side.y),
        failures=int(side.y.sum()),
        trained_from=pd.Timestamp(side.asked.min()).to_pydatetime(),
        trained_until=pd.Timestamp(side.asked.max()).to_pydatetime(),
        out_of_fold_vehicles=len(ground.judged),
        base_rate_log_loss=base_rate_log_loss(ground.y, ground.folds),
        tried=found.tried,
        given_up=found.given_up,
        setting=found.best.tried.setting,
        search={"kind": recipe.search, "trials": found.trials, "ended": found.ended, "seconds": found.seconds},
        features={"kept": side.x.shape[1], "constant": side.kept.constant, "rare": side.kept.rare},
        calibration={"asked": recipe.calibration, "method": calibration.method, "log_losses": calibration.log_losses},
        balance=found.best.balance,
        probabilities=said,
        aim=recipe.aim.as_dict(recipe.inspections_per_day),
        mode="full" if recipe.started_from is None else "incremental",
        started_from=recipe.started_from,
        durations=durations,
        seconds=durations["all"],
        notes=tuple(_notes(found, calibration, recipe, said)),
    )


def _notes(found: Found, calibration: Calibration, recipe: Recipe, said: dict[str, float]) -> list[str]:
    notes = []
    if found.ended == "time":
        notes.append(
            f"The search stopped after {found.trials} settings, since {recipe.search_seconds:g} seconds had passed."
        )
    least = min(found.tried, key=lambda one: one.log_loss)
    if least.log_loss < found.best.tried.log_loss:
        notes.append(
            f"The search found {least.family} with log loss {least.log_loss:.4f}; the default's "
            f"{found.best.tried.log_loss:.4f} differs by no more than chance, so the default was kept."
        )
    if not found.best.family.tells_apart:
        notes.append("No family had less log loss than the base rate, so it says the base rate of every vehicle.")
    if found.best.balance != "none":
        repaired = (
            f"calibration ({calibration.method}) brings that to {said['mean probability calibrated']:.3f}"
            if calibration.corrector is not None
            else "nothing corrects that, so its probabilities are no probabilities"
        )
        notes.append(
            f"Trained with {found.best.balance}: out of fold it says {said['mean probability']:.3f} on average where "
            f"{said['failure rate']:.3f} failed; {repaired}."
        )
    return notes
