"""Everything the report tells beyond the comparison itself, put together.

What belongs here: which of it is computed from what. What does not: computing (importance, data_difference, policy),
drawing (pictures) and writing (page).
"""

from collections.abc import Mapping
from typing import Any

from failure_platform.domain.comparison.data_difference import DataDifference, data_difference, trained_on
from failure_platform.domain.comparison.importance import importance
from failure_platform.domain.comparison.sides import Sides
from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.deciding.policy import Gates, Policy, ruling
from failure_platform.domain.report.page import Report
from failure_platform.domain.report.pictures import pictures
from failure_platform.domain.targets import Target
from failure_platform.domain.versions.model_version import ComparisonRecord


def make_report(
    target: Target,
    sides: Sides,
    pipelines: Mapping[str, Any],
    comparison: Comparison,
    record: ComparisonRecord,
    min_failures: int,
    seed: int,
    policy: Policy,
    gates: Gates,
) -> Report:
    """Return the report of a comparison.

    Args:
        target: what is predicted.
        sides: what was compared.
        pipelines: the fitted model of each of the sides' versions.
        comparison: what came of it.
        record: as it is kept in the registry.
        min_failures: fewer are not judged.
        seed: of the shuffles behind the importances.
        policy: who decides.
        gates: what the policy asks.
    """
    failed = sides.newest["label"].to_numpy(dtype="int8")
    importances = {
        name: importance(pipelines[name], version.features, sides.newest, failed, seed)
        for name, version in sides.versions.items()
    }
    difference = _difference(sides)
    return Report(
        comparison_id=record.id,
        compared_at=record.compared_at,
        target=target,
        comparison=comparison,
        candidate=sides.candidate,
        production=sides.production,
        min_failures=min_failures,
        importances=importances,
        pictures=pictures(comparison, importances, difference),
        difference=difference,
        policy=policy,
        ruling=ruling(record, gates),
    )


def _difference(sides: Sides) -> DataDifference | None:
    old, new = sides.production, sides.candidate
    if old is None:
        return None
    return data_difference(
        trained_on(sides.vehicles, old.trained_from, old.trained_until),
        trained_on(sides.vehicles, new.trained_from, new.trained_until),
        old.features,
        new.features,
    )
