"""The trials of one family: settings from its grid, random ones, or those suggested by Optuna.

Bayesian means the tree-structured Parzen estimator (Bergstra et al. 2011). A trial is pruned once it is worse than the
median of the trials before it on the same folds (Golovin et al. 2017).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from failure_platform.domain.families.family import Family, Setting, Value
from failure_platform.domain.families.preprocessing import DISTANCE
from failure_platform.domain.metrics import log_losses, measure
from failure_platform.domain.training.calibration import comparable_log_losses
from failure_platform.domain.training.inner_validation import Validation
from failure_platform.domain.training.recipe import Balance, SearchKind

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
_BALANCE = "balance"
# Startup trials of each family: drawn at random and never pruned, before the sampler and the pruner take effect.
_STARTUP_TRIALS = 4
_PRUNED, _COMPLETE = optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE


@dataclass(frozen=True)
class TrialRecord:
    """The stored record of a trial: the setting with its best number of trees, and its out-of-fold metrics.

    The field names are JSON keys of stored versions. `folds` is the number of folds it was tried on; fewer than all
    means that it was pruned, and the metrics are those of these folds.
    """

    family: str
    setting: dict[str, Any]
    log_loss: float
    roc_auc: float | None
    average_precision: float | None
    folds: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial: its record, and what is needed to compare it and to fit its setting again.

    Attributes:
        record: see TrialRecord.
        family, setting, balance: what is fitted.
        p: probabilities of the out-of-fold vehicles, shape (vehicles,); of a pruned trial, those of its folds.
        losses: log loss of each, by which trials are compared.
        default: whether it is one of the family's default settings.
        pruned: whether it was stopped before all folds.
    """

    record: TrialRecord
    family: Family
    setting: Setting
    balance: Balance
    p: Floats
    losses: Floats
    default: bool
    pruned: bool


class FamilyStudy:
    """The Optuna study of one family; `remaining` is its number of further trials, infinite for a search."""

    def __init__(self, family: Family, balance: Balance, validation: Validation, kind: SearchKind) -> None:
        data = validation.data
        names = [str(name) for name in data.x.columns]
        features = len(family.chosen_columns({"without": DISTANCE}, names))
        # Where there are no distances, excluding them gives the same setting twice.
        fixed = {"without": None} if features == len(family.columns(names)) else {}
        balances: list[Value] = ["none"] if balance == "none" else ["none", balance]
        combined = [{**values, **fixed, _BALANCE: option} for values in family.grid(features) for option in balances]
        grid = [values for number, values in enumerate(combined) if values not in combined[:number]]
        ranges = family.space(features)
        self._family, self._validation = family, validation
        # Models of reweighted rows are not calibrated: they are compared after a calibration, which needs two folds.
        self._reweighted = balance != "none"
        self._space: dict[str, BaseDistribution]
        self.remaining: float
        if kind == "grid" or not ranges:
            choices = {name: tuple(dict.fromkeys(values[name] for values in grid)) for name in grid[0]}
            self._space = {name: CategoricalDistribution(values) for name, values in choices.items()}
            self.remaining = len(grid)
        else:
            constants = {name: CategoricalDistribution((value,)) for name, value in fixed.items()}
            self._space = {**ranges, **constants, _BALANCE: CategoricalDistribution(tuple(balances))}
            self.remaining = np.inf
        sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=data.seed)
        if kind == "bayesian":
            sampler = optuna.samplers.TPESampler(seed=data.seed, n_startup_trials=_STARTUP_TRIALS)
        prunes = kind != "grid" and not self._reweighted
        self._study = optuna.create_study(
            sampler=sampler,
            pruner=optuna.pruners.MedianPruner(_STARTUP_TRIALS) if prunes else optuna.pruners.NopPruner(),
        )
        # Every search starts with the default settings, so its best trial is never worse than the best of them.
        self._defaults = len(grid)
        for values in grid:
            self._study.enqueue_trial(values)

    def run_next(self, clock: Callable[[], float]) -> Trial:
        """Run the next trial, fold by fold, and report its result to the study."""
        started = clock()
        self.remaining -= 1
        suggestion = self._study.ask(self._space)
        values = dict(suggestion.params)
        balance: Balance = values.pop(_BALANCE)
        if balance == "smote" and values["feature_preprocessing"] == "as_measured":
            # SMOTE cannot interpolate missing values.
            values["feature_preprocessing"] = "filled"
        setting = Setting.of(self._family.name, values)
        folds = len(self._validation.data.folds)
        probabilities: dict[int, list[Floats]] = {}
        default, pruned, done = suggestion.number < self._defaults, False, 0
        while done < folds and not pruned:
            for stage, p in self._validation.predict_fold(done, self._family, setting, balance).items():
                probabilities.setdefault(stage, []).append(p)
            losses, stage, p = self._best_stage(probabilities)
            log_loss = float(losses.mean())
            suggestion.report(log_loss, done)
            done += 1
            pruned = not default and done < folds and suggestion.should_prune()
        # For a pruned trial, Optuna uses the last value that was reported.
        self._study.tell(suggestion, None if pruned else log_loss, state=_PRUNED if pruned else _COMPLETE)
        setting = Setting.of(self._family.name, self._family.at_stage(setting.values, stage))
        data = self._validation.data
        metrics = _within_folds(data.y_out_of_fold[: len(p)], p, data.fold_numbers[: len(p)])
        record = TrialRecord(
            family=self._family.name,
            setting={**setting.as_dict(), _BALANCE: balance},
            log_loss=log_loss,
            roc_auc=metrics["roc_auc"],
            average_precision=metrics["average_precision"],
            folds=done,
            seconds=clock() - started,
        )
        return Trial(record, self._family, setting, balance, p, losses, default, pruned)

    def _best_stage(self, probabilities: dict[int, list[Floats]]) -> tuple[Floats, int, Floats]:
        """Return losses, number and probabilities of the stage with the lowest log loss over the folds so far."""
        data = self._validation.data
        pooled = {stage: np.concatenate(parts) for stage, parts in probabilities.items()}
        y = data.y_out_of_fold[: len(next(iter(pooled.values())))]
        losses = {stage: log_losses(y, p) for stage, p in pooled.items()}
        best = min(losses, key=lambda stage: (losses[stage].mean(), stage))
        p = pooled[best]
        if self._reweighted:
            return comparable_log_losses(p, y, data.fold_numbers[: len(y)]), best, p
        return losses[best], best, p


def _within_folds(y: Labels, p: Floats, fold_numbers: NDArray[np.int64]) -> Mapping[str, float | None]:
    """Return ROC AUC and average precision, each the mean over the folds, weighted by pairs and by failures.

    Each fold has a model of its own. Ranked together, vehicles of different folds are told apart by the failure rates
    of the times that these models learnt: always predicting the base rate then has another ROC AUC than 0.5.
    """
    sums = {"roc_auc": 0.0, "average_precision": 0.0}
    weights = dict.fromkeys(sums, 0)
    for number in np.unique(fold_numbers):
        inside = fold_numbers == number
        failures = int(y[inside].sum())
        metrics = measure(y[inside], p[inside], threshold=1.0)
        for name, weight in (("roc_auc", failures * (int(inside.sum()) - failures)), ("average_precision", failures)):
            value = metrics[name]
            if value is not None:
                sums[name] += weight * value
                weights[name] += weight
    return {name: sums[name] / weights[name] if weights[name] else None for name in sums}
