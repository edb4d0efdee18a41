"""Which model finds more of the failures when both may alarm equally many vehicles.

What belongs here: McNemar's exact test on the failed vehicles, the inspection capacity being the alarm budget of both.
What does not: the models' own thresholds (alarms). On accuracy over all vehicles the test has next to no power, since
nearly all vehicles are good and both models are right about them.
"""

from dataclasses import dataclass

from scipy.stats import binomtest

from failure_platform.domain.comparison.holdout import Holdout, Scored


@dataclass(frozen=True)
class McNemar:
    """The failed vehicles by which model has them inspected.

    Attributes:
        only_old, only_new, both, neither: counts of failed vehicles.
        p: chance of a split of `only_old` and `only_new` at least as uneven if both models found failures equally well;
            1 when no failure is found by one model alone.
    """

    only_old: int
    only_new: int
    both: int
    neither: int
    p: float


def mcnemar(holdout: Holdout, old: Scored, new: Scored) -> McNemar:
    """Return the exact two-sided test: McNemar, Psychometrika 12, 1947, as a sign test on the discordant pairs."""
    failed = holdout.y == 1
    before, after = holdout.inspected(old.p)[failed], holdout.inspected(new.p)[failed]
    only_old, only_new = int((before & ~after).sum()), int((after & ~before).sum())
    uneven = only_old + only_new
    return McNemar(
        only_old=only_old,
        only_new=only_new,
        both=int((before & after).sum()),
        neither=int((~before & ~after).sum()),
        p=float(binomtest(only_new, uneven, 0.5).pvalue) if uneven else 1.0,
    )
