"""Stage 5: the comparison of candidate and production model on the same newest vehicles, with a verdict and reason."""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import (
    CODE_VERSION,
    LAKE_POOL,
    LOCATION,
    OWNER,
    Group,
    column_schema,
    inline_table,
    markdown,
)
from failure_platform.domain.comparison.comparing import ComparedVersions
from failure_platform.domain.comparison.values import ComparisonRecord
from failure_platform.domain.deciding.policy import Policy
from failure_platform.domain.targets import Target
from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.registry.report_files import write_report

if TYPE_CHECKING:
    from failure_platform.domain.comparison.values import Comparison
    from failure_platform.domain.report.page import Report

_COLUMNS = {
    "figure": "which figure",
    "old": "the production model's, or the base rate's when nothing is in production",
    "new": "the candidate's",
    "difference": "new less old",
    "interval": "of the difference, from paired resampling of the compared vehicles",
    "says": "better or worse when the whole interval lies on one side of zero",
    "base rate": "of always saying the share of failures",
    "interval of new": "of the candidate's own figure",
}
_CHECKS = {
    "newer_than_both_models": "No compared vehicle is as old as one that either model was trained on.",
    "enough_failures_to_judge": "The comparison holds enough failures to tell models apart; otherwise the verdict is "
    "not_judged.",
    "no_slice_worse": "No model, engine, colour, month or failure group is credibly worse than before, judged with "
    "regard to how many were looked at.",
    "report_written": "The report lies in its folder, whole.",
}


def model_comparison_asset(
    targets: dg.StaticPartitionsDefinition, condition: dg.AutomationCondition[Any], decide_job: str
) -> dg.AssetsDefinition:
    """Return the asset `model_comparison`, one partition per target."""

    @dg.asset(
        name="model_comparison",
        deps=["vehicles", "candidate_model"],
        partitions_def=targets,
        group_name=Group.model,
        owners=[OWNER],
        kinds={"scikitlearn", "matplotlib"},
        tags={"stage": "model_comparison"},
        code_version=CODE_VERSION,
        pool=LAKE_POOL,
        automation_condition=condition,
        check_specs=[
            dg.AssetCheckSpec(
                name, asset="model_comparison", description=text, blocking=name == "newer_than_both_models"
            )
            for name, text in _CHECKS.items()
        ],
        description=(
            "Old against new on the same newest vehicles: figures with intervals, plots, and a verdict in a sentence."
            "\n\nThe verdict is better, no_evidence (of a difference), worse, no_signal (not better than the base "
            "rate) or not_judged (too few failures). The report tells everything on one page that can be mailed and "
            "printed. A person decides in production_model, through the job linked here."
        ),
    )
    def model_comparison(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # scikit-learn takes seconds to import; runs that only ingest never pay for it.
        from failure_platform.domain.report.model_card import model_card
        from failure_platform.domain.report.page import make_report, report_html

        settings = platform.settings
        target = settings.target(context.partition_key)
        versions = _compared_versions(platform, target)
        pipelines = {
            name: platform.registry.load(version.version).pipeline for name, version in versions.by_role.items()
        }
        compared, record = _compare(platform, target, versions, pipelines)
        report = make_report(
            target,
            versions,
            pipelines,
            compared,
            record,
            settings.min_failures_to_judge,
            settings.seed,
            Policy(settings.policy),
            settings.policy_gates,
        )
        html = report_html(report)
        card = model_card(versions.candidate, target, record, platform.registry.history(target.name))
        file = write_report(settings.reports_folder, record, html, card, {one.name: one.png for one in report.pictures})
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(record.id), metadata=_page(report, card, file, decide_job)
        )
        platform.mirror()
        yield from _checks(platform, versions, compared)
        yield dg.AssetCheckResult(
            passed=file.read_text(encoding="utf-8") == html,
            check_name="report_written",
            metadata={"report": dg.MetadataValue.path(str(file))},
        )

    return model_comparison


def _compared_versions(platform: Platform, target: Target) -> ComparedVersions:
    candidate = platform.registry.newest(target.name)
    vehicles = read_table(platform.lake, vehicles_table(target.name))
    if candidate is None or vehicles is None:
        raise dg.Failure("There is no candidate to compare: materialise candidate_model first.", allow_retries=False)
    production = platform.registry.current(target.name)
    return ComparedVersions.of(candidate, production, vehicles, target.horizon, platform.settings.holdout_share)


def _compare(
    platform: Platform, target: Target, versions: ComparedVersions, pipelines: Mapping[str, Any]
) -> tuple["Comparison", ComparisonRecord]:
    from failure_platform.domain.comparison.comparing import compare
    from failure_platform.domain.comparison.holdout import ModelScores, holdout_id
    from failure_platform.domain.training.fitting import score

    settings, registry = platform.settings, platform.registry
    in_production = versions.production.version if versions.production else None
    holdout = holdout_id(versions.newest["KNR"])
    scored = {
        name: ModelScores(score(pipelines[name], version.features, versions.newest), version.threshold)
        for name, version in versions.by_role.items()
    }
    compared = compare(
        versions.newest,
        scored["candidate"],
        scored.get("production"),
        versions.candidate.base_rate,
        registry.uses(target.name, versions.candidate.version, in_production, holdout),
        settings.comparison,
    )
    record = ComparisonRecord(
        target=target.name,
        candidate=versions.candidate.version,
        production=in_production,
        compared_at=datetime.now(UTC),
        comparison=compared,
    )
    return compared, registry.record_comparison(record)


def _page(report: "Report", card: str, file: Path, decide_job: str) -> dict[str, Any]:
    from failure_platform.domain.report.formatting import metrics_table, slices_table, worst_slice_text

    # Wide tables stand in dialogs: one of them would push every value of the page out of sight.
    compared = report.comparison
    table = metrics_table(compared)
    figures = {name: value for name, value in compared.candidate.items() if value is not None}
    return {
        "verdict": compared.verdict.outcome,
        "reason": compared.verdict.reason,
        "report": dg.MetadataValue.path(str(file)),
        "candidate": report.candidate.version,
        "production": report.production.version if report.production else "none",
        "old against new": inline_table(table.iloc[:, :6]),
        "plots": _plots(report),
        "worst slice": worst_slice_text(compared),
        "slices, worst first": markdown(slices_table(compared)),
        "gates of the policy": f"{report.ruling.advice.value}. {report.ruling.reason}",
        "model card": dg.MetadataValue.md(card),
        "decide": dg.MetadataValue.job(decide_job, location_name=LOCATION),
        "vehicles compared": compared.vehicles,
        "failures among them": compared.failures,
        "from": str(compared.period_from),
        "to": str(compared.period_to),
        "comparisons on these vehicles": compared.uses,
        "most comparisons on them": compared.most_uses,
        **{f"candidate {name}": float(value) for name, value in figures.items()},
        "dagster/row_count": len(table),
        "dagster/column_schema": column_schema([(name, "VARCHAR", text) for name, text in _COLUMNS.items()]),
        "preview": markdown(table),
    }


def _plots(report: "Report") -> dg.MarkdownMetadataValue:
    """Return every picture in one dialog, each with how to read it."""
    return dg.MetadataValue.md(
        "\n\n".join(
            f"### {one.name}\n\n{one.reading}\n\n"
            f"![{one.alt}](data:image/png;base64,{base64.b64encode(one.png).decode()})"
            for one in report.pictures
        )
    )


def _checks(platform: Platform, versions: ComparedVersions, compared: "Comparison") -> Iterator[dg.AssetCheckResult]:
    oldest, worst = compared.period_from, compared.worst_slice
    yield dg.AssetCheckResult(
        passed=oldest is None or pd.Timestamp(oldest) > pd.Timestamp(versions.trained_until),
        check_name="newer_than_both_models",
        metadata={"oldest compared": str(oldest), "newest trained on": str(versions.trained_until)},
    )
    yield dg.AssetCheckResult(
        passed=compared.failures >= platform.settings.min_failures_to_judge,
        check_name="enough_failures_to_judge",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"failures": compared.failures, "vehicles": compared.vehicles},
    )
    yield dg.AssetCheckResult(
        passed=worst is None or not worst.worse,
        check_name="no_slice_worse",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "slices judged": sum(one.judged for one in compared.slices),
            "slices": len(compared.slices),
            "worst": "none judged" if worst is None else f"{worst.kind} {worst.value}",
        },
    )
