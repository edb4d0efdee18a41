"""Stage 5: candidate and production model on the same newest vehicles, with a verdict and its reasons."""

import base64
from collections.abc import Iterator
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
    not_there,
)
from failure_platform.domain.comparison.consequence import consequence
from failure_platform.domain.model_version import ModelVersion
from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.platform import Platform

if TYPE_CHECKING:
    from failure_platform.domain.report.page import Report
    from failure_platform.resources.registry.comparison import ComparedCandidate

_SAME_MODEL = "The newest version is the production model, so there is nothing to compare."
_COLUMNS = {
    "figure": "which figure",
    "old": "the production model's, or the base rate's when nothing is in production",
    "new": "the candidate's",
    "difference": "new less old",
    "interval": "of the difference, from paired resampling of the compared vehicles",
    "says": "better or worse when the complete interval is on one side of zero",
    "base rate": "of predicting the share of failures for every vehicle",
    "interval of new": "of the candidate's own figure",
}
_CHECKS = {
    "newer_than_both_models": "No compared vehicle is as old as one that either model was trained on.",
    "enough_failures_to_judge": "The comparison holds enough failures to tell models apart; otherwise the verdict is "
    "not_judged.",
    "no_slice_worse": "No model, engine, colour, month or failure group is credibly worse than before, judged with "
    "regard to how many were examined.",
    "report_written": "The report is in its folder, complete.",
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
        # A version is not compared with itself: it would spend one of the holdout's comparisons for nothing.
        output_required=False,
        check_specs=[
            dg.AssetCheckSpec(
                name, asset="model_comparison", description=text, blocking=name == "newer_than_both_models"
            )
            for name, text in _CHECKS.items()
        ],
        description=(
            "Old against new on the same newest vehicles: figures with intervals, plots, and a verdict in a sentence."
            "\n\nThe verdict is better, no_evidence (of a difference), worse, no_signal (not better than the base "
            "rate) or not_judged (too few failures). The report shows everything on one page that can be mailed and "
            "printed. A person decides in production_model, through the job linked here."
        ),
    )
    def model_comparison(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # scikit-learn takes seconds to import; runs that only ingest never load it.
        from failure_platform.resources.registry.comparison import compare_candidate

        settings = platform.settings
        candidate, vehicles = _candidate_and_vehicles(platform, context.partition_key)
        target, production = settings.target(context.partition_key), platform.registry.current(context.partition_key)
        if production is not None and production.version == candidate.version:
            yield from not_there(list(_CHECKS), _SAME_MODEL)
            return
        compared = compare_candidate(settings, platform.registry, target, candidate, vehicles)
        file = compared.write(settings.reports_folder)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(compared.record.id), metadata=_page(compared, file, decide_job)
        )
        platform.mirror()
        yield from _checks(compared, settings.min_failures_to_judge, file)

    return model_comparison


def _candidate_and_vehicles(platform: Platform, target: str) -> tuple[ModelVersion, pd.DataFrame]:
    candidate = platform.registry.newest(target)
    vehicles = read_table(platform.lake, vehicles_table(target))
    if candidate is None or vehicles is None:
        raise dg.Failure("There is no candidate to compare: materialise candidate_model first.", allow_retries=False)
    return candidate, vehicles


def _page(compared: "ComparedCandidate", file: Path, decide_job: str) -> dict[str, Any]:
    # Wide tables are shown in dialogs: inline, one of them would push every other value of the page out of sight.
    report, comparison, table = compared.report, compared.comparison, compared.figures
    figures = {name: value for name, value in comparison.candidate.items() if value is not None}
    return {
        "verdict": comparison.verdict.outcome,
        "reason": comparison.verdict.reason,
        "what its alarms cost and find": consequence(comparison),
        "report": dg.MetadataValue.path(str(file)),
        "candidate": report.candidate.version,
        "production": report.production.version if report.production else "none",
        "old against new": inline_table(table.iloc[:, :6]),
        "plots": _plots(report),
        "worst slice": compared.worst_slice,
        "slices, worst first": markdown(compared.slices),
        "gates of the policy": f"{report.ruling.advice.value}. {report.ruling.reason}",
        "leak audit of the candidate": comparison.leak_audit.summary or "nothing found",
        "model card": dg.MetadataValue.md(compared.card),
        "decide": dg.MetadataValue.job(decide_job, location_name=LOCATION),
        "vehicles compared": comparison.vehicles,
        "failures among them": comparison.failures,
        "from": str(comparison.period_from),
        "to": str(comparison.period_to),
        "comparisons on these vehicles": comparison.uses,
        "most comparisons on them": comparison.most_uses,
        **{f"candidate {name}": float(value) for name, value in figures.items()},
        "dagster/row_count": len(table),
        "dagster/column_schema": column_schema([(name, "VARCHAR", text) for name, text in _COLUMNS.items()]),
        "preview": markdown(table),
    }


def _plots(report: "Report") -> dg.MarkdownMetadataValue:
    """Return every picture for one dialog, each with how to read it."""
    return dg.MetadataValue.md(
        "\n\n".join(
            f"### {one.name}\n\n{one.reading}\n\n"
            f"![{one.alt}](data:image/png;base64,{base64.b64encode(one.png).decode()})"
            for one in report.pictures
        )
    )


def _checks(compared: "ComparedCandidate", min_failures: int, file: Path) -> Iterator[dg.AssetCheckResult]:
    comparison, versions = compared.comparison, compared.versions
    oldest, worst = comparison.period_from, comparison.worst_slice
    yield dg.AssetCheckResult(
        passed=oldest is None or pd.Timestamp(oldest) > pd.Timestamp(versions.trained_until),
        check_name="newer_than_both_models",
        metadata={"oldest compared": str(oldest), "newest trained on": str(versions.trained_until)},
    )
    yield dg.AssetCheckResult(
        passed=comparison.failures >= min_failures,
        check_name="enough_failures_to_judge",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"failures": comparison.failures, "vehicles": comparison.vehicles},
    )
    yield dg.AssetCheckResult(
        passed=worst is None or not worst.worse,
        check_name="no_slice_worse",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "slices judged": comparison.slices_judged,
            "slices": len(comparison.slices),
            "worst": "none judged" if worst is None else f"{worst.kind} {worst.value}",
        },
    )
    yield dg.AssetCheckResult(
        passed=file.read_text(encoding="utf-8") == compared.html,
        check_name="report_written",
        metadata={"report": dg.MetadataValue.path(str(file))},
    )
