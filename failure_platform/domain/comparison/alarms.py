"""Confusion matrices, the vehicles whose alarm changes between two models, and McNemar's test of the failures found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from failure_platform.domain.comparison.holdout import Holdout, Labels, ModelScores
from failure_platform.domain.comparison.result import Confusion, Flip, Flips, McNemar


def mcnemar(holdout: Holdout, old: ModelScores, new: ModelScores) -> McNemar:
    """Return McNemar's exact two-sided test (Psychometrika 12, 1947): a sign test on the discordant pairs."""
    failed = holdout.y == 1
    before, after = holdout.inspected(old.p)[failed], holdout.inspected(new.p)[failed]
    only_old, only_new = int((before & ~after).sum()), int((after & ~before).sum())
    discordant = only_old + only_new
    return McNemar(
        only_old=only_old,
        only_new=only_new,
        both=int((before & after).sum()),
        neither=int((~before & ~after).sum()),
        p=float(binomtest(only_new, discordant, 0.5).pvalue) if discordant else 1.0,
    )


# A person can check this many vehicles by hand; the counts give the totals.
MAX_LISTED = 20


def confusion(y: Labels, model: ModelScores) -> Confusion:
    """Return the model's confusion matrix at its own threshold."""
    alarmed, failed = model.p >= model.threshold, y == 1
    return Confusion(
        tp=int((alarmed & failed).sum()),
        fp=int((alarmed & ~failed).sum()),
        tn=int((~alarmed & ~failed).sum()),
        fn=int((~alarmed & failed).sum()),
    )


def flips(knr: Sequence[str], y: Labels, old: ModelScores, new: ModelScores) -> Flips:
    """Return the vehicles that exactly one of the two models alarms."""
    before, after = old.p >= old.threshold, new.p >= new.threshold

    def listed(flipped: NDArray[np.bool_]) -> tuple[Flip, ...]:
        positions = sorted(np.flatnonzero(flipped).tolist(), key=lambda i: (-abs(new.p[i] - old.p[i]), knr[i]))
        return tuple(Flip(knr[i], float(old.p[i]), float(new.p[i]), bool(y[i])) for i in positions[:MAX_LISTED])

    gained, dropped = after & ~before, before & ~after
    return Flips(
        newly_alarmed=int(gained.sum()),
        newly_alarmed_failed=int(y[gained].sum()),
        newly_alarmed_listed=listed(gained),
        no_longer_alarmed=int(dropped.sum()),
        no_longer_alarmed_failed=int(y[dropped].sum()),
        no_longer_alarmed_listed=listed(dropped),
    )
