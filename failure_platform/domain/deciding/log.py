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
