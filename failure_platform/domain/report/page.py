"""The report as one HTML page.

What belongs here: what the page is made of, and filling its template. What does not: the template itself
(page.html.jinja, style.css; both are part of the program, as this module is).
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from failure_platform.domain.comparison.comparing import ComparedVersions
from failure_platform.domain.comparison.data_difference import DataDifference, data_difference, trained_on
from failure_platform.domain.comparison.importance import Importance, importance
from failure_platform.domain.comparison.values import Comparison
from failure_platform.domain.deciding.policy import Gates, Policy, Ruling, ruling
from failure_platform.domain.features.names import explain
from failure_platform.domain.metrics import METRIC_WORDS
from failure_platform.domain.model_version import ComparisonRecord, ModelVersion
from failure_platform.domain.report import tables
from failure_platform.domain.report.pictures import Picture, pictures
from failure_platform.domain.targets import Target

_TEMPLATE = "page.html.jinja"


@dataclass(frozen=True)
class Report:
    """Everything on the page.

    Attributes:
        comparison_id: name of the comparison; with it everything can be found again.
        compared_at: when it was first made, UTC.
        target: what is predicted.
        comparison: figures, intervals, verdict.
        candidate, production: the two versions; None: nothing was in production.
        min_failures: fewer are not judged.
        importances: of "candidate" and "production", as far as there are.
        pictures: as made by `pictures`.
        difference: of the training data; None without production, or where its vehicles are no longer in the lake.
        policy: who decides.
        ruling: what the policy's gates say.
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
    """Return the page. The same report gives the same text."""
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            report=report,
            comparison=report.comparison,
            rows={row.metric: row for row in report.comparison.table},
            metric_words=METRIC_WORDS,
            outcome=tables.OUTCOMES[report.comparison.verdict.outcome],
            pictures={picture.name: picture for picture in report.pictures},
            # Differences of slices that are not judged mean nothing, so they are no order either.
            slices=sorted(
                report.comparison.slices,
                key=lambda one: (0, one.difference or 0.0) if one.judged else (1, 0.0),
            ),
            leaned_on=_leaned_on(report.importances),
            changed=_changed(report.candidate, report.production),
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
        "number": tables.number,
        "signed": tables.signed,
        "span": tables.span,
        "percent": tables.percent,
        "meaning": lambda feature: explain(feature).description,
        "base64": lambda data: base64.b64encode(data).decode(),
    }
    environment.globals |= {"says": tables.says, "span": tables.span, "plain_span": tables.plain_span}
    return environment


def _leaned_on(
    importances: Mapping[str, Sequence[Importance]],
) -> list[tuple[str, Importance | None, Importance | None]]:
    """Return (feature, of production, of the candidate) of every feature listed for either, what matters most first."""
    old, new = ({one.feature: one for one in importances.get(name, ())} for name in ("production", "candidate"))
    largest = {
        feature: max(one.drop for one in (old.get(feature), new.get(feature)) if one) for feature in {**old, **new}
    }
    return [(name, old.get(name), new.get(name)) for name in sorted(largest, key=lambda name: (-largest[name], name))]


def _changed(candidate: ModelVersion, production: ModelVersion | None) -> list[tuple[str, str, str, bool]]:
    """Return (what, of production, of the candidate, whether they differ) of what made the two versions."""
    old: Mapping[str, Any] = {} if production is None else _made_of(production)
    return [
        (what, old.get(what, ""), value, old.get(what, value) != value) for what, value in _made_of(candidate).items()
    ]


def _made_of(version: ModelVersion) -> dict[str, str]:
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
        **{f"recipe: {name}": _written(value) for name, value in sorted(version.recipe.items())},
        "libraries": ", ".join(f"{name} {number}" for name, number in sorted(version.libraries.items())),
    }


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_written(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def make_report(
    target: Target,
    sides: ComparedVersions,
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


def _difference(sides: ComparedVersions) -> DataDifference | None:
    old, new = sides.production, sides.candidate
    if old is None:
        return None
    return data_difference(
        trained_on(sides.vehicles, old.trained_from, old.trained_until),
        trained_on(sides.vehicles, new.trained_from, new.trained_until),
        old.features,
        new.features,
    )
