"""The settings of one family, one after another: from its grid, at random, or where Optuna expects the best.

What belongs here: one Optuna study per family, and running one trial with pruning. What does not: the turns of the
families, the budget and the end (search).

Bayesian means the tree-structured Parzen estimator (Bergstra et al. 2011). Pruning gives a setting up once it is worse
than the median of the settings before on the same folds (Golovin et al. 2017).
"""

from collections.abc import Callable
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
_BALANCE = "balance"
# Of each family, so many settings are drawn at random and go through all folds before one is expected or given up.
_FIRST = 4
_PRUNED, _COMPLETE = optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE


@dataclass(frozen=True)
class Tried:
    """One setting with its best number of trees, and its figures over the out-of-fold vehicles.

    `folds` is how many it was tried on. Fewer than all means given up: the figures are of those folds.
    """

    family: str
    setting: dict[str, Any]
    log_loss: float
    roc_auc: float | None
    average_precision: float | None
    folds: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trial: its record, and what is needed to compare it and to fit it again.

    Attributes:
        tried: its record.
        family, setting, balance: what is fitted.
        p: what it says of the out-of-fold vehicles, shape (vehicles,); of all of them unless it was given up.
        losses: log loss of each, which the choice is by.
        default: whether it is one of the family's default settings.
        given_up: whether it was not tried on all folds.
    """

    tried: Tried
    family: Family
    setting: Setting
    balance: Balance
    p: Floats
    losses: Floats
    default: bool
    given_up: bool


class Study:
    """The settings of one family; `left` is how many there are still, infinite where they are searched."""

    def __init__(self, family: Family, balance: Balance, validation: Validation, kind: SearchKind) -> None:
        ground = validation.ground
        names = [str(name) for name in ground.x.columns]
        features = len(family.chosen_columns({"without": DISTANCE}, names))
        # Where there are no distances, a setting without them is the same setting again.
        same = {"without": None} if features == len(family.columns(names)) else {}
        balances: list[Value] = ["none"] if balance == "none" else ["none", balance]
        given = [{**values, **same, _BALANCE: one} for values in family.grid(features) for one in balances]
        grid = [values for number, values in enumerate(given) if values not in given[:number]]
        ranges = family.space(features)
        self._family, self._validation = family, validation
        # Reweighted answers are off by design: they are compared after a correction, which one fold cannot teach.
        self._reweighted = balance != "none"
        self._space: dict[str, BaseDistribution]
        self.left: float
        if kind == "grid" or not ranges:
            every = {name: tuple(dict.fromkeys(values[name] for values in grid)) for name in grid[0]}
            self._space = {name: CategoricalDistribution(values) for name, values in every.items()}
            self.left = len(grid)
        else:
            alone = {name: CategoricalDistribution((value,)) for name, value in same.items()}
            self._space = {**ranges, **alone, _BALANCE: CategoricalDistribution(tuple(balances))}
            self.left = np.inf
        sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=ground.seed)
        if kind == "bayesian":
            sampler = optuna.samplers.TPESampler(seed=ground.seed, n_startup_trials=_FIRST)
        prunes = kind != "grid" and not self._reweighted
        self._study = optuna.create_study(
            sampler=sampler,
            pruner=optuna.pruners.MedianPruner(_FIRST) if prunes else optuna.pruners.NopPruner(),
        )
        # Every search starts with the default settings, so that it never ends below them.
        self._defaults = len(grid)
        for values in grid:
            self._study.enqueue_trial(values)

    def try_next(self, clock: Callable[[], float]) -> Outcome:
        """Try the next setting, fold by fold, and tell the study how it went."""
        started = clock()
        self.left -= 1
        trial = self._study.ask(self._space)
        values = dict(trial.params)
        balance: Balance = values.pop(_BALANCE)
        if balance == "smote" and values["front"] == "as_measured":
            # Nothing can be made up between gaps.
            values["front"] = "filled"
        setting = Setting.of(self._family.name, values)
        folds = len(self._validation.ground.folds)
        said: dict[int, list[Floats]] = {}
        default, given_up, done = trial.number < self._defaults, False, 0
        while done < folds and not given_up:
            for stage, p in self._validation.say(done, self._family, setting, balance).items():
                said.setdefault(stage, []).append(p)
            losses, stage, p = self._best(said)
            loss = float(losses.mean())
            trial.report(loss, done)
            done += 1
            given_up = not default and done < folds and trial.should_prune()
        # Of a trial that was given up, Optuna keeps what was reported.
        self._study.tell(trial, None if given_up else loss, state=_PRUNED if given_up else _COMPLETE)
        setting = Setting.of(self._family.name, self._family.at_stage(setting.values, stage))
        figures = measure(self._validation.ground.judged[: len(p)], p, threshold=1.0)
        tried = Tried(
            family=self._family.name,
            setting={**setting.as_dict(), _BALANCE: balance},
            log_loss=loss,
            roc_auc=figures["roc_auc"],
            average_precision=figures["average_precision"],
            folds=done,
            seconds=clock() - started,
        )
        return Outcome(tried, self._family, setting, balance, p, losses, default, given_up)

    def _best(self, said: dict[int, list[Floats]]) -> tuple[Floats, int, Floats]:
        """Return losses, stage and answers of the stage with the least log loss over the folds so far."""
        ground = self._validation.ground
        pooled = {stage: np.concatenate(parts) for stage, parts in said.items()}
        y = ground.judged[: len(next(iter(pooled.values())))]
        losses = {stage: log_losses(y, p) for stage, p in pooled.items()}
        stage = min(losses, key=lambda one: (losses[one].mean(), one))
        p = pooled[stage]
        return comparable_log_losses(p, y, ground.block[: len(y)]) if self._reweighted else losses[stage], stage, p
