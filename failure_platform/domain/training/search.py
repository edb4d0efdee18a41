"""Hyperparameter search: the families take turns, within a budget, until no further improvement is expected.

Trials are compared by log loss over all out-of-fold vehicles: it is a proper scoring rule, so it rewards ranking and
calibrated probabilities together, and unlike average precision it uses every vehicle, not only the few that failed. The
best of many trials is partly luck, so a setting from the search replaces the best default only where the difference is
larger than its standard error (the one-standard-error rule of Breiman et al. 1984).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import optuna

from failure_platform.domain.families.family import Family
from failure_platform.domain.training.inner_validation import Validation
from failure_platform.domain.training.recipe import Balance, Recipe, SearchKind
from failure_platform.domain.training.trials import FamilyStudy, Trial, TrialRecord

Ended = Literal["all tried", "trials", "no improvement", "time"]
# Settings in a row without a better one, over all families, after which a search stops.
_PATIENCE = 20


@dataclass(frozen=True)
class Budget:
    """When a search ends.

    Attributes:
        kind: grid tries the families' default settings and no others; random and bayesian start with them.
        trials: maximum number of trials, over all families.
        seconds: no further trial starts after this long. There is always one.
        patience: stop after this many trials in a row without improvement; None: never for this reason.
    """

    kind: SearchKind
    trials: int
    seconds: float
    patience: int | None

    @classmethod
    def of(cls, recipe: Recipe) -> "Budget":
        """Return the budget of a recipe; a grid tries every default setting, however many trials are allowed."""
        grid = recipe.search == "grid"
        trials, seconds = recipe.search_trials if not grid else 10**6, recipe.search_seconds
        if recipe.trials_done is not None:
            trials, seconds = min(trials, recipe.trials_done), float("inf")
        return cls(recipe.search, trials, seconds, None if grid else _PATIENCE)


@dataclass(frozen=True)
class Progress:
    """The state of a search after one more trial."""

    number: int
    last: Trial
    best: Trial
    elapsed: float
    budget: Budget

    def __str__(self) -> str:
        """Return it as one line."""
        last, best = self.last.record, self.best.record
        result = f"given up after {last.folds} folds" if self.last.pruned else f"log loss {last.log_loss:.4f}"
        return (
            f"setting {self.number}: {last.family} {result}; best so far {best.log_loss:.4f} ({best.family}); "
            f"{self.elapsed:.0f} of {self.budget.seconds:g} s"
        )


@dataclass(frozen=True)
class SearchResult:
    """The chosen trial and the records of all trials.

    Attributes:
        best: the chosen trial.
        completed: the trials with all folds, in order.
        pruned: the other trials, in order.
        ended: why there was no further trial.
        seconds: duration of the search.
    """

    best: Trial
    completed: tuple[TrialRecord, ...]
    pruned: tuple[TrialRecord, ...]
    ended: Ended
    seconds: float

    @property
    def n_trials(self) -> int:
        """Number of trials, including the pruned ones."""
        return len(self.completed) + len(self.pruned)


def search(
    validation: Validation,
    families: Sequence[Family],
    balance: Balance,
    budget: Budget,
    on_trial: Callable[[Progress], None] | None,
    clock: Callable[[], float],
) -> SearchResult:
    """Run trials of the families in turn and return the result.

    Args:
        validation: predicts out of fold.
        families: at least one. Each has its own study and its turn, so that an early end affects all alike.
        balance: tried in addition to none; all trials are then compared after a sigmoid calibration, since models
            fitted on reweighted rows are not calibrated.
        budget: see Budget.
        on_trial: called after every trial.
        clock: monotonic, in seconds.
    """
    # Optuna prints a line per trial on standard error; reporting progress is left to the caller.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    started = clock()
    turns = [FamilyStudy(family, balance, validation, budget.kind) for family in families]
    trials: list[Trial] = []
    ended: Ended | None = None
    while ended is None:
        study = turns.pop(0)
        trials.append(study.run_next(clock))
        if study.remaining:
            turns.append(study)
        best = _lowest_log_loss([trial for trial in trials if not trial.pruned])
        elapsed = clock() - started
        if on_trial is not None:
            on_trial(Progress(len(trials), trials[-1], best, elapsed, budget))
        ended = _ended(budget, bool(turns), len(trials), len(trials) - 1 - trials.index(best), elapsed)
    return SearchResult(
        best=_chosen(best, _lowest_log_loss([trial for trial in trials if trial.default])),
        completed=tuple(trial.record for trial in trials if not trial.pruned),
        pruned=tuple(trial.record for trial in trials if trial.pruned),
        ended=ended,
        seconds=elapsed,
    )


def _lowest_log_loss(trials: Sequence[Trial]) -> Trial:
    # Default settings are tried first and never pruned, so there is always one.
    return min(trials, key=lambda trial: trial.record.log_loss)


def _chosen(best: Trial, default: Trial) -> Trial:
    gain = default.losses - best.losses
    return best if best.default or gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else default


def _ended(budget: Budget, more: bool, n_trials: int, without_improvement: int, elapsed: float) -> Ended | None:
    if not more:
        return "all tried"
    if n_trials >= budget.trials:
        return "trials"
    if budget.patience is not None and without_improvement >= budget.patience:
        return "no improvement"
    return "time" if elapsed >= budget.seconds else None
