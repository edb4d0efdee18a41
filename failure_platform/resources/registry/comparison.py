"""Compares a candidate with the production model, records the comparison, and makes its report and model card."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from failure_platform.domain.comparison.comparing import ComparedVersions, compare
from failure_platform.domain.comparison.holdout import ModelScores, holdout_id
from failure_platform.domain.comparison.result import Comparison, ComparisonRecord
from failure_platform.domain.deciding.policy import Policy
from failure_platform.domain.leaks.findings import audit_of
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.report.formatting import metrics_table, slices_table, worst_slice_text
from failure_platform.domain.report.model_card import model_card
from failure_platform.domain.report.page import Report, make_report, report_html
from failure_platform.domain.targets import Target
from failure_platform.domain.training.fitting import score
from failure_platform.resources.registry.registry import Registry
from failure_platform.resources.registry.report_files import write_report
from failure_platform.settings import Settings


@dataclass(frozen=True)
class ComparedCandidate:
    """A recorded comparison and its documents.

    Attributes:
        versions: what was compared, and on which vehicles.
        record: the comparison as the registry stores it.
        report: everything on the report's page; html is that page, card the candidate's model card as Markdown.
        figures, slices: the tables of the asset's page, a row per metric and per judged slice (the worst first).
        worst_slice: the worst of them in a line.
    """

    versions: ComparedVersions
    record: ComparisonRecord
    report: Report
    html: str
    card: str
    figures: pd.DataFrame
    slices: pd.DataFrame
    worst_slice: str

    @property
    def comparison(self) -> Comparison:
        """The comparison itself."""
        return self.report.comparison

    def write(self, reports_folder: Path) -> Path:
        """Write page, model card and pictures, and return the path of the page."""
        pictures = {picture.name: picture.png for picture in self.report.pictures}
        return write_report(reports_folder, self.record, self.html, self.card, pictures)


def compare_candidate(
    settings: Settings, registry: Registry, target: Target, candidate: ModelVersion, vehicles: pd.DataFrame
) -> ComparedCandidate:
    """Score candidate and production on the newest vehicles, compare, and record the result.

    Args:
        settings: of the home.
        registry: stores versions and comparisons.
        target: what is predicted.
        candidate: the version to compare.
        vehicles: wide frame of all vehicles of the target.

    Raises:
        ModelRefusedError: one of the two versions cannot be loaded.
    """
    production = registry.current(target.name)
    versions = ComparedVersions.of(candidate, production, vehicles, target.horizon, settings.holdout_share)
    pipelines = {name: registry.load(version.version).pipeline for name, version in versions.by_role.items()}
    comparison, record = _compare(settings, registry, target, versions, pipelines)
    report = make_report(
        target,
        versions,
        pipelines,
        comparison,
        record,
        settings.min_failures_to_judge,
        settings.seed,
        Policy(settings.policy),
        settings.policy_gates,
    )
    card = model_card(candidate, target, record, registry.history(target.name))
    return ComparedCandidate(
        versions=versions,
        record=record,
        report=report,
        html=report_html(report),
        card=card,
        figures=metrics_table(comparison),
        slices=slices_table(comparison),
        worst_slice=worst_slice_text(comparison),
    )


def _compare(
    settings: Settings,
    registry: Registry,
    target: Target,
    versions: ComparedVersions,
    pipelines: Mapping[str, Any],
) -> tuple[Comparison, ComparisonRecord]:
    in_production = versions.production.version if versions.production else None
    holdout = holdout_id(versions.newest["KNR"])
    scored = {
        name: ModelScores(score(pipelines[name], version.features, versions.newest), version.threshold)
        for name, version in versions.by_role.items()
    }
    comparison = compare(
        versions.newest,
        scored["candidate"],
        scored.get("production"),
        versions.candidate.base_rate,
        registry.uses(target.name, versions.candidate.version, in_production, holdout),
        settings.comparison,
    )
    comparison = replace(comparison, leak_audit=audit_of(versions.candidate.facts))
    record = ComparisonRecord(
        target=target.name,
        candidate=versions.candidate.version,
        production=in_production,
        compared_at=datetime.now(UTC),
        comparison=comparison,
    )
    return comparison, registry.record_comparison(record)
