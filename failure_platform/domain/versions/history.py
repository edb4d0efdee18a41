"""The history of a target's models: one line per version, for the page and for the terminal.

What belongs here: which facts a line holds. What does not: where versions are kept (resources.registry) and how a table
is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from failure_platform.domain.deciding.log import DecisionLine, state
from failure_platform.domain.versions.model_version import ComparisonRecord, ModelVersion


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
        verdict=compared.outcome if compared else None,
        metrics=compared.body.get("candidate") or {} if compared else {},
    )
