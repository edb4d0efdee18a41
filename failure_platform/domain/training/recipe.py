"""What a training run is told.

What belongs here: the recipe, its defaults, and its form in a version's record. What does not: training (training) and
where the values come from (settings).
"""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from failure_platform.domain.families.available import DEFAULT
from failure_platform.domain.training.balancing import Balance
from failure_platform.domain.training.calibration import CalibrationChoice
from failure_platform.domain.training.search import Budget
from failure_platform.domain.training.thresholds import Aim
from failure_platform.domain.training.trials import Kind

# Settings in a row without a better one, over all families, after which a search stops.
_PATIENCE = 20


@dataclass(frozen=True)
class Recipe:
    """What a training run is told. The same recipe on the same frame gives the same model.

    Attributes:
        families: families that compete.
        seed: of everything random.
        min_failures: fewer failures on the training side: no training.
        folds: blocks of the inner validation.
        holdout_share: share of labelled vehicles kept for the comparison (used by the split, recorded here).
        search: how settings are searched.
        search_trials: most settings tried (random and bayesian).
        search_seconds: no further setting is tried after this long; no part of the record, see `trials_done`.
        trials_done: settings after which the time had run out. Time differs between machines, so a model that it cut
            short records where; the same recipe with this number gives the same model on any machine.
        balance: option against rare failures, tried beside none.
        calibration: correction of probabilities.
        half_life: age at which a vehicle weighs half; None: all weigh the same.
        aim: what the threshold is chosen for.
        started_from: version that incremental training went on from; None: from nothing.
    """

    families: tuple[str, ...] = DEFAULT
    seed: int = 0
    min_failures: int = 10
    folds: int = 3
    holdout_share: float = 0.25
    search: Kind = "grid"
    search_trials: int = 40
    search_seconds: float = 600.0
    trials_done: int | None = None
    balance: Balance = "none"
    calibration: CalibrationChoice = "auto"
    half_life: timedelta | None = None
    aim: Aim = field(default_factory=Aim)
    started_from: str | None = None

    @property
    def budget(self) -> Budget:
        """How long is searched; every default setting is part of a grid, however many trials are allowed."""
        grid = self.search == "grid"
        most = self.search_trials if not grid else 10**6
        if self.trials_done is not None:
            return Budget(self.search, min(most, self.trials_done), float("inf"), None if grid else _PATIENCE)
        return Budget(self.search, most, self.search_seconds, None if grid else _PATIENCE)

    def as_dict(self) -> dict[str, Any]:
        """Return what makes the model, as JSON types."""
        days = None if self.half_life is None else self.half_life / timedelta(days=1)
        made = {**asdict(self), "families": list(self.families), "aim": self.aim.as_dict(), "half_life_days": days}
        return {name: value for name, value in made.items() if name not in ("half_life", "search_seconds")}
