"""The search for a setting: the families in turn, within a budget, until there is nothing better to expect.

What belongs here: whose turn it is, when to stop, and the best setting found. What does not: which setting a family
tries next (trials), fitting (inner_validation), and what a family offers (families).

The choice is by log loss over all out-of-fold vehicles: it is a proper score, so it rewards ranking and honest
probabilities together, and unlike average precision it uses every vehicle, not only the few that failed. Of many
settings the luckiest looks best, so one that a search found takes the place of the best default only where the
difference is larger than its standard error (the rule of Breiman et al. 1984).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import optuna

from failure_platform.domain.families.family import Family
from failure_platform.domain.training.inner_validation import Validation
from failure_platform.domain.training.recipe import Balance, Recipe, SearchKind
from failure_platform.domain.training.trials import Outcome, Study, Tried

Ended = Literal["all tried", "trials", "no improvement", "time"]
# Settings in a row without a better one, over all families, after which a search stops.
_PATIENCE = 20


@dataclass(frozen=True)
class Budget:
    """How long is searched.

    Attributes:
        kind: grid tries the families' default settings and no others; random and bayesian start with them.
        trials: most settings tried, over all families.
        seconds: no further setting is tried after this long. One is always tried.
        patience: stop when this many settings in a row were no better; None: never for this reason.
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
    """Where a search stands after one more setting."""

    number: int
    last: Outcome
    best: Outcome
    elapsed: float
    budget: Budget

    def __str__(self) -> str:
        """Return it as one line."""
        last, best = self.last.tried, self.best.tried
        said = f"given up after {last.folds} folds" if self.last.given_up else f"log loss {last.log_loss:.4f}"
        return (
            f"setting {self.number}: {last.family} {said}; best so far {best.log_loss:.4f} ({best.family}); "
            f"{self.elapsed:.0f} of {self.budget.seconds:g} s"
        )


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        best: the setting chosen.
        tried: every setting that went through all folds, in the order tried.
        given_up: those that did not.
        ended: why no further one was tried.
        seconds: how long it took.
    """

    best: Outcome
    tried: tuple[Tried, ...]
    given_up: tuple[Tried, ...]
    ended: Ended
    seconds: float

    @property
    def trials(self) -> int:
        """Settings tried, the given up ones included."""
        return len(self.tried) + len(self.given_up)


def search(
    validation: Validation,
    families: Sequence[Family],
    balance: Balance,
    budget: Budget,
    say: Callable[[Progress], None] | None,
    clock: Callable[[], float],
) -> Found:
    """Try settings of the families in turn, and return the best.

    Args:
        validation: where they are tried.
        families: at least one. Each has its own study and its turn, so that an early end hits all alike.
        balance: tried beside none; then all are compared after a sigmoid correction, since reweighted answers are off.
        budget: see Budget.
        say: told after every setting.
        clock: seconds, rising.
    """
    # Optuna prints a line per trial on standard error, where progress is the caller's to show.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    started = clock()
    turns = [Study(family, balance, validation, budget.kind) for family in families]
    outcomes: list[Outcome] = []
    ended: Ended | None = None
    while ended is None:
        study = turns.pop(0)
        outcomes.append(study.try_next(clock))
        if study.left:
            turns.append(study)
        least = _least([one for one in outcomes if not one.given_up])
        elapsed = clock() - started
        if say is not None:
            say(Progress(len(outcomes), outcomes[-1], least, elapsed, budget))
        ended = _ended(budget, bool(turns), len(outcomes), len(outcomes) - 1 - outcomes.index(least), elapsed)
    return Found(
        best=_chosen(least, _least([one for one in outcomes if one.default])),
        tried=tuple(one.tried for one in outcomes if not one.given_up),
        given_up=tuple(one.tried for one in outcomes if one.given_up),
        ended=ended,
        seconds=elapsed,
    )


def _least(outcomes: Sequence[Outcome]) -> Outcome:
    # Default settings come first and are never given up, so there is always one.
    return min(outcomes, key=lambda one: one.tried.log_loss)


def _chosen(least: Outcome, default: Outcome) -> Outcome:
    gain = default.losses - least.losses
    return least if least.default or gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else default


def _ended(budget: Budget, more: bool, trials: int, no_better: int, elapsed: float) -> Ended | None:
    if not more:
        return "all tried"
    if trials >= budget.trials:
        return "trials"
    if budget.patience is not None and no_better >= budget.patience:
        return "no improvement"
    return "time" if elapsed >= budget.seconds else None
