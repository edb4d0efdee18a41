"""The decision log of a target: what its lines hold, and what they say is in production.

What belongs here: the values, and reading them. What does not: what may be decided (decisions), and where the log is
kept (resources.registry).

The log only grows, and the version in production is what its last line says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from failure_platform.domain.deciding.policy import Policy
from failure_platform.domain.model_version import ComparisonRecord, ModelVersion


class Choice(StrEnum):
    """What can be decided. Names equal values: Dagster's launchpad takes the name."""

    promote = "promote"
    keep = "keep"
    roll_back = "roll_back"
    retire = "retire"


@dataclass(frozen=True)
class DecisionRequest:
    """What somebody wants: `version` is what it is about, `expected_version` what they saw in production.

    Versions may be given by their first 6 digits or more. No expected version (None or "") says: nothing was in
    production.
    """

    target: str
    decision: Choice
    version: str
    expected_version: str | None
    who: str
    why: str


@dataclass(frozen=True)
class DecisionLine:
    """One line of the log. `production_version` is in production from `decided_at` (UTC) on; None: nothing is.

    `evidence` is the comparison that the decision rests on, as JSON types: its id, what was compared, outcome and
    reason, what the policy's gates said (`advice`), and each gate with its number (`gates`).
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
    """Return the version that a target's log, oldest line first, says is in production."""
    return log[-1].production_version if log else None


def retirement(version: str, log: Sequence[DecisionLine]) -> DecisionLine | None:
    """Return the line that retired a version, or None."""
    return next((line for line in log if line.version == version and line.decision is Choice.retire), None)


def was_production(version: str, log: Sequence[DecisionLine]) -> bool:
    """Return whether a version is or was in production."""
    return any(line.production_version == version for line in log)


def state(version: str, log: Sequence[DecisionLine]) -> str:
    """Return what a version is by the log: production, retired, earlier production, kept (turned down) or candidate."""
    if version == production(log):
        return "production"
    if retirement(version, log):
        return "retired"
    if was_production(version, log):
        return "earlier production"
    return "kept" if any(line.version == version for line in log) else "candidate"


@dataclass(frozen=True)
class HistoryLine:
    """One version.

    Attributes:
        version, state, family: which it is, what the log says of it, and of what kind.
        created_at: when it was first trained, UTC.
        trained_from, trained_until: prediction points it was trained on, the plant's time.
        vehicles, failures: it was trained on.
        aim: what its threshold is chosen for; None where it is not recorded.
        trials: settings tried before it was chosen; None where it is not recorded.
        verdict: of its newest comparison; None without one.
        metrics: its figures there, by name; empty without one.
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


def models_history(
    versions: Sequence[ModelVersion], comparisons: Sequence[ComparisonRecord], log: Sequence[DecisionLine]
) -> list[HistoryLine]:
    """Return a line for each version, in the order given.

    Args:
        versions: of one target.
        comparisons: the target's, newest first.
        log: the target's decisions, oldest first.
    """
    newest: dict[str, ComparisonRecord] = {}
    for comparison in comparisons:
        newest.setdefault(comparison.candidate, comparison)
    return [_line(version, newest.get(version.version), log) for version in versions]


def _line(version: ModelVersion, compared: ComparisonRecord | None, log: Sequence[DecisionLine]) -> HistoryLine:
    return HistoryLine(
        version=version.version,
        state=state(version.version, log),
        family=version.family,
        created_at=version.created_at,
        trained_from=version.trained_from,
        trained_until=version.trained_until,
        vehicles=version.vehicles,
        failures=version.failures,
        aim=version.facts.get("aim", {}).get("kind"),
        trials=version.facts.get("search", {}).get("trials"),
        verdict=compared.comparison.verdict.outcome if compared else None,
        metrics=compared.comparison.candidate if compared else {},
    )
