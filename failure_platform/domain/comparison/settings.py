"""What a comparison requires of the evidence."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from failure_platform.domain.training.recipe import Recipe


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ComparisonSettings:
    """What a comparison requires of the evidence; seed and inspections a day are those of the training."""

    interval_level: Annotated[
        float, Field(gt=0.5, lt=1, description="Level of the intervals on the comparison's page.")
    ] = 0.95
    min_failures: Annotated[int, Field(ge=2, description="Fewer failures in the comparison: verdict `not_judged`.")] = (
        30
    )
    repetitions: Annotated[int, Field(ge=200, description="Resamples behind each interval.")] = 2000
    most_uses: Annotated[
        int, Field(ge=1, description="Candidates compared on the same vehicles before newer ones are asked for.")
    ] = 10
    seed: int = Recipe.seed
    inspections_per_day: int = Recipe.inspections_per_day

    @property
    def alpha(self) -> float:
        """The chance that any of the candidates compared on the same vehicles is wrongly called better."""
        return round(1 - self.interval_level, 6)

    def level(self, uses: int) -> float:
        """Return the level of the intervals of the comparison that is the `uses`-th on its vehicles, from 1.

        The first has 1 - alpha, so that an equal model lies above its interval with a chance of alpha / 2. Every
        further one is stricter, so that these chances, alpha / (2 uses^2), add up to less than alpha (0.82 alpha)
        however many follow. Sharing by 1 / uses does not keep to it: at alpha 0.05, one of ten equal candidates was
        called better in 5.4 % of 1,600 simulated cases, with this level in 2.7 %.
        """
        return 1 - self.alpha / uses**2
