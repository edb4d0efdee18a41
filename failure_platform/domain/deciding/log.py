"""The decision log of a target, and what follows from it: the version in production and the state of every version.

The log is append-only; its last line determines the version in production.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from failure_platform.domain.comparison.result import Comparison, ComparisonRecord
from failure_platform.domain.deciding.policy import Policy
from failure_platform.domain.model_version import ModelVersion


class Choice(StrEnum):
    """The possible decisions. Names equal values because Dagster's launchpad takes the name."""

    promote = "promote"
    keep = "keep"
    roll_back = "roll_back"
    retire = "retire"


@dataclass(frozen=True)
class DecisionRequest:
    """A requested decision about `version`; `expected_version` is what the decider saw in production.

    Versions may be given by their first 6 digits or more. An empty expected version (None or "") means that nothing was
    in production.
    """

    target: str
    decision: Choice
    version: str
    expected_version: str | None
    who: str
    why: str


@dataclass(frozen=True)
class DecisionLine:
    """One line of the log. `production_version` is in production from `decided_at` (UTC) on; None if nothing is.

    `evidence` is the comparison that the decision is based on, as JSON types: its id, the compared versions and
    vehicles, outcome and reason, the policy's `advice`, the result of each of its `gates`, and what the `leak_audit` of
    the version's training warned of and who accepted what.
    """

    target: str
    seq: int
    decided_at: datetime
    decision: Choice
    version: str
    previous_version: str | None
    production_version: str | None
    who: str
    why: str
    evidence: Mapping[str, Any] | None
    policy: Policy


def production(log: Sequence[DecisionLine]) -> str | None:
    """Return the version in production by a target's log, oldest line first, or None."""
    return log[-1].production_version if log else None


def retirement(version: str, log: Sequence[DecisionLine]) -> DecisionLine | None:
    """Return the line that retired a version, or None."""
    return next((line for line in log if line.version == version and line.decision is Choice.retire), None)


def was_production(version: str, log: Sequence[DecisionLine]) -> bool:
    """Return whether a version is or was in production."""
    return any(line.production_version == version for line in log)


def version_state(version: str, log: Sequence[DecisionLine]) -> str:
    """Return a version's state: production, retired, earlier production, kept (not promoted) or candidate."""
    if version == production(log):
        return "production"
    if retirement(version, log):
        return "retired"
    if was_production(version, log):
        return "earlier production"
    return "kept" if any(line.version == version for line in log) else "candidate"


@dataclass(frozen=True)
class ComparedOn:
    """The vehicles that a version's metrics were measured on: their identifier, numbers and prediction points."""

    holdout_id: str
    vehicles: int
    failures: int
    period_from: datetime | None
    period_to: datetime | None


@dataclass(frozen=True)
class VersionSummary:
    """One version in the list of a target's versions.

    Attributes:
        version, state, family: its name, its state by the log, and its model family.
        created_at: when it was first trained, UTC.
        trained_from, trained_until: first and last prediction point it was trained on, in the plant's local time.
        vehicles, failures: their numbers in its training data.
        aim: the criterion its threshold was chosen by; None if not recorded.
        trials: number of settings tried before it was chosen; None if not recorded.
        verdict: outcome of the newest comparison in which it was the candidate; None without one.
        metrics: its metrics in the newest comparison that it took part in, as candidate or as production, by name;
            empty without one. Metrics of different vehicles say nothing about which version is better.
        compared_on: the vehicles of that comparison; None without one.
    """

    version: str
    state: str
    family: str
    created_at: datetime
    trained_from: datetime
    trained_until: datetime
    vehicles: int
    failures: int
    aim: str | None
    trials: int | None
    verdict: str | None
    metrics: Mapping[str, float | None]
    compared_on: ComparedOn | None = None


def summarize_versions(
    versions: Sequence[ModelVersion], comparisons: Sequence[ComparisonRecord], log: Sequence[DecisionLine]
) -> list[VersionSummary]:
    """Return a summary of each version, in the order given.

    Args:
        versions: versions of one target.
        comparisons: the target's comparisons, newest first.
        log: the target's decisions, oldest first.
    """
    as_candidate: dict[str, ComparisonRecord] = {}
    in_any_role: dict[str, ComparisonRecord] = {}
    for comparison in comparisons:
        as_candidate.setdefault(comparison.candidate, comparison)
        for name in (comparison.candidate, comparison.production):
            if name is not None:
                in_any_role.setdefault(name, comparison)
    return [
        _summary(version, as_candidate.get(version.version), in_any_role.get(version.version), log)
        for version in versions
    ]


def _summary(
    version: ModelVersion,
    judged: ComparisonRecord | None,
    measured: ComparisonRecord | None,
    log: Sequence[DecisionLine],
) -> VersionSummary:
    return VersionSummary(
        version=version.version,
        state=version_state(version.version, log),
        family=version.family,
        created_at=version.created_at,
        trained_from=version.trained_from,
        trained_until=version.trained_until,
        vehicles=version.vehicles,
        failures=version.failures,
        aim=version.facts.get("aim", {}).get("kind"),
        trials=version.facts.get("search", {}).get("trials"),
        verdict=judged.comparison.verdict.outcome if judged else None,
        metrics=_metrics(version.version, measured) if measured else {},
        compared_on=_compared_on(measured.comparison) if measured else None,
    )


def _metrics(version: str, measured: ComparisonRecord) -> Mapping[str, float | None]:
    compared = measured.comparison
    return compared.candidate if version == measured.candidate else compared.production or {}


def _compared_on(compared: Comparison) -> ComparedOn:
    return ComparedOn(
        compared.holdout_id, compared.vehicles, compared.failures, compared.period_from, compared.period_to
    )
