"""The report of a comparison as one HTML page, rendered from the template page.html.jinja."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from failure_platform.domain.comparison.comparing import ComparedVersions
from failure_platform.domain.comparison.consequence import consequence
from failure_platform.domain.comparison.data_difference import DataDifference, data_difference, trained_on
from failure_platform.domain.comparison.importance import Importance, importance
from failure_platform.domain.comparison.result import Comparison, ComparisonRecord, counted_uses
from failure_platform.domain.deciding.policy import Gates, Policy, Ruling, ruling
from failure_platform.domain.features.names import explain
from failure_platform.domain.metrics import METRIC_DESCRIPTIONS
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.report import formatting
from failure_platform.domain.report.pictures import Picture, pictures
from failure_platform.domain.targets import Target

_TEMPLATE = "page.html.jinja"


@dataclass(frozen=True)
class Report:
    """The content of the page.

    Attributes:
        comparison_id: id of the comparison's record.
        compared_at: when the comparison was first made, UTC.
        target: what is predicted.
        comparison: metrics, intervals and verdict.
        candidate, production: the compared versions; `production` is None if nothing was in production.
        min_failures: with fewer failures a comparison is not judged.
        importances: by model, "candidate" and, if there is one, "production".
        pictures: as returned by `domain.report.pictures`.
        difference: of the training data; None without production, or if its vehicles are no longer in the lake.
        policy: who decides.
        ruling: result of the policy's gates.
    """

    comparison_id: str
    compared_at: datetime
    target: Target
    comparison: Comparison
    candidate: ModelVersion
    production: ModelVersion | None
    min_failures: int
    importances: Mapping[str, Sequence[Importance]]
    pictures: tuple[Picture, ...]
    difference: DataDifference | None
    policy: Policy
    ruling: Ruling


def report_html(report: Report) -> str:
    """Return the page; the same report always gives the same text."""
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            report=report,
            comparison=report.comparison,
            rows={row.metric: row for row in report.comparison.table},
            metric_descriptions=METRIC_DESCRIPTIONS,
            outcome=formatting.OUTCOME_TEXTS[report.comparison.verdict.outcome],
            pictures={picture.name: picture for picture in report.pictures},
            # Slices that are not judged come last and unsorted: their differences mean nothing.
            slices=sorted(
                report.comparison.slices,
                key=lambda one: (0, one.difference or 0.0) if one.judged else (1, 0.0),
            ),
            importance_rows=_importance_rows(report.importances),
            changed=_origin_rows(report.candidate, report.production),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("failure_platform", "domain/report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formatting.number,
        "signed": formatting.signed,
        "span": formatting.span,
        "percent": formatting.percent,
        "meaning": lambda feature: explain(feature).description,
        "base64": lambda data: base64.b64encode(data).decode(),
    }
    environment.globals |= {
        "row_verdict": formatting.row_verdict,
        "span": formatting.span,
        "plain_span": formatting.plain_span,
        "counted_uses": counted_uses,
        "consequence": consequence,
    }
    return environment


def _importance_rows(
    importances: Mapping[str, Sequence[Importance]],
) -> list[tuple[str, Importance | None, Importance | None]]:
    """Return (feature, importance for production, for the candidate), by descending larger drop of the two."""
    old, new = ({one.feature: one for one in importances.get(name, ())} for name in ("production", "candidate"))
    largest = {
        feature: max(one.drop for one in (old.get(feature), new.get(feature)) if one) for feature in {**old, **new}
    }
    return [(name, old.get(name), new.get(name)) for name in sorted(largest, key=lambda name: (-largest[name], name))]


def _origin_rows(candidate: ModelVersion, production: ModelVersion | None) -> list[tuple[str, str, str, bool]]:
    """Return (property, of production, of the candidate, whether they differ) for everything in `_origin`."""
    old: Mapping[str, Any] = {} if production is None else _origin(production)
    return [
        (name, old.get(name, ""), value, old.get(name, value) != value) for name, value in _origin(candidate).items()
    ]


def _origin(version: ModelVersion) -> dict[str, str]:
    period = f"{version.trained_from:%Y-%m-%d %H:%M} to {version.trained_until:%Y-%m-%d %H:%M}"
    return {
        "version": version.version,
        "family": version.family,
        "trained on prediction points": period,
        "vehicles": f"{version.vehicles:,}",
        "failures": f"{version.failures:,}",
        "features": f"{len(version.features):,}",
        "threshold": f"{version.threshold:.4f}",
        "data version": version.data_version,
        "code version": version.code_version,
        "seed": str(version.seed),
        **{f"recipe: {name}": _as_text(value) for name, value in sorted(version.recipe.items())},
        "libraries": ", ".join(f"{name} {number}" for name, number in sorted(version.libraries.items())),
    }


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_as_text(part)}" for name, part in value.items())
    return ", ".join(map(_as_text, value)) if isinstance(value, list) else "none" if value is None else str(value)


def make_report(
    target: Target,
    compared: ComparedVersions,
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
        compared: the versions and their vehicles.
        pipelines: the fitted model of each of `compared.by_role`.
        comparison: the result of the comparison.
        record: its record in the registry.
        min_failures: with fewer failures a comparison is not judged.
        seed: of the shuffles that the importances are measured with.
        policy: who decides.
        gates: the limits of the policy.
    """
    failed = compared.newest["label"].to_numpy(dtype="int8")
    importances = {
        name: importance(pipelines[name], version.features, compared.newest, failed, seed)
        for name, version in compared.by_role.items()
    }
    difference = _difference(compared)
    return Report(
        comparison_id=record.id,
        compared_at=record.compared_at,
        target=target,
        comparison=comparison,
        candidate=compared.candidate,
        production=compared.production,
        min_failures=min_failures,
        importances=importances,
        pictures=pictures(comparison, importances, difference),
        difference=difference,
        policy=policy,
        ruling=ruling(record, gates),
    )


def _difference(compared: ComparedVersions) -> DataDifference | None:
    old, new = compared.production, compared.candidate
    if old is None:
        return None
    return data_difference(
        trained_on(compared.vehicles, old.trained_from, old.trained_until),
        trained_on(compared.vehicles, new.trained_from, new.trained_until),
        old.features,
        new.features,
    )
