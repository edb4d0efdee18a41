"""A finished comparison with the figures that a test names, where no models are needed to make one."""

from dataclasses import replace
from typing import Any

from failure_platform.domain.comparison.result import Comparison, Confusion, Outcome, Verdict

_FINISHED = Comparison(
    vehicles=2_000,
    failures=120,
    period_from=None,
    period_to=None,
    holdout_id="holdout",
    uses=1,
    most_uses=10,
    alpha=0.05,
    level=0.95,
    inspections_per_day=20,
    reference="base_rate",
    candidate={},
    production=None,
    base_rate={},
    table=(),
    verdict=Verdict("better", "Average precision rose by 0.05 to 0.11."),
    curves={},
    confusions={},
    mcnemar=None,
    flips=None,
    slices=(),
    worst_slice=None,
)


def finished(outcome: Outcome = "better", reason: str = _FINISHED.verdict.reason, **changed: Any) -> Comparison:
    """A comparison; if nothing else is said, half of the alarms are right and half of the vehicles can be inspected."""
    made = replace(_FINISHED, verdict=Verdict(outcome, reason), **changed)
    right = made.failures // 2
    alarms = Confusion(tp=right, fp=right, fn=made.failures - right, tn=made.vehicles - made.failures - right)
    usual: dict[str, Any] = {"confusions": {"candidate": alarms}, "inspections": made.vehicles // 2}
    return replace(made, **{name: value for name, value in usual.items() if name not in changed})
