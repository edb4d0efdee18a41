"""Stage 5: the comparison - candidate and production model on the same newest vehicles, and a verdict with its reasons.

What belongs here: score both now, compare, record, show. What does not: what a verdict is (domain.comparison) and how
plots are drawn (domain.figures).
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
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
from failure_platform.domain.model_version import ComparisonRecord, ModelVersion
from failure_platform.domain.split import time_split
from failure_platform.domain.targets import Target
from failure_platform.resources.platform import Platform
from failure_platform.resources.target_tables import read_table, vehicles_table

if TYPE_CHECKING:
    from failure_platform.domain.bootstrap import Scored
    from failure_platform.domain.comparison import Comparison
    from failure_platform.domain.verdict import Row

_COLUMNS = {
    "metric": "which figure",
    "old": "the production model's, or the base rate's when nothing is in production",
    "new": "the candidate's",
    "difference": "new less old",
    "interval": "of the difference, from paired resampling of the compared vehicles",
    "interval of new": "of the candidate's own figure",
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
                "newer_than_both_models",
                asset="model_comparison",
                blocking=True,
                description="No compared vehicle is as old as one that either model was trained on.",
            ),
            dg.AssetCheckSpec(
                "enough_failures_to_judge",
                asset="model_comparison",
                description="The comparison holds enough failures to tell models apart; otherwise the verdict is "
                "not_judged.",
            ),
        ],
        description=(
            "Old against new on the same newest vehicles: figures with intervals, plots, and a verdict in a sentence."
            "\n\nThe verdict is better, no_evidence (of a difference), worse, no_signal (not better than the base "
            "rate) or not_judged (too few failures). A person decides in production_model, through the job linked "
            "here."
        ),
    )
    def model_comparison(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        target = platform.settings.target(context.partition_key)
        candidate = platform.registry.newest(target.name)
        frame = read_table(platform.lake, vehicles_table(target.name))
        if candidate is None or frame is None:
            raise dg.Failure(
                "There is no candidate to compare: materialise candidate_model first.", allow_retries=False
            )
        production = platform.registry.current(target.name)
        compared, record = _compare(platform, target, frame, candidate, production)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(record.id), metadata=_page(platform, compared, record, decide_job)
        )
        platform.mirror()
        newest_training = max(v.trained_until for v in (candidate, production) if v is not None)
        oldest = compared.period_from
        yield dg.AssetCheckResult(
            passed=oldest is None or pd.Timestamp(oldest) > pd.Timestamp(newest_training),
            check_name="newer_than_both_models",
            metadata={"oldest compared": str(oldest), "newest trained on": str(newest_training)},
        )
        yield dg.AssetCheckResult(
            passed=compared.failures >= platform.settings.min_failures_to_judge,
            check_name="enough_failures_to_judge",
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"failures": compared.failures, "vehicles": compared.vehicles},
        )

    return model_comparison


def _compare(
    platform: Platform, target: Target, frame: pd.DataFrame, candidate: ModelVersion, production: ModelVersion | None
) -> tuple["Comparison", ComparisonRecord]:
    # scikit-learn takes seconds to import; runs that only ingest never pay for it.
    from failure_platform.domain.comparison import Gate, compare, holdout_id

    in_production = production.version if production is not None else None
    both = [version for version in (candidate, production) if version is not None]
    split = time_split(
        frame, target.horizon, platform.settings.holdout_share, newer_than=max(v.trained_until for v in both)
    )
    newest = split.comparison
    holdout = holdout_id(newest["KNR"])
    settings = platform.settings
    gate = Gate(
        alpha=round(1 - settings.interval_level, 6),
        min_failures=settings.min_failures_to_judge,
        repetitions=settings.bootstrap_samples,
        seed=settings.seed,
    )
    compared = compare(
        newest["KNR"].tolist(),
        newest["predicted_at"].to_numpy(),
        newest["label"].to_numpy(dtype="int8"),
        _scored(platform, candidate, newest),
        None if production is None else _scored(platform, production, newest),
        candidate.base_rate,
        platform.registry.uses(target.name, candidate.version, in_production, holdout),
        gate,
    )
    record = ComparisonRecord(
        target=target.name,
        candidate=candidate.version,
        production=in_production,
        holdout=holdout,
        compared_at=datetime.now(UTC),
        vehicles=compared.vehicles,
        failures=compared.failures,
        outcome=compared.verdict.outcome,
        reason=compared.verdict.reason,
        alpha=gate.alpha,
        uses=compared.uses,
        body=compared.as_dict(),
    )
    return compared, platform.registry.record_comparison(record)


def _scored(platform: Platform, version: ModelVersion, vehicles: pd.DataFrame) -> "Scored":
    from failure_platform.domain.bootstrap import Scored
    from failure_platform.domain.training import score

    pipeline = platform.registry.load(version.version).pipeline
    return Scored(score(pipeline, version.features, vehicles), version.threshold)


def _page(platform: Platform, compared: "Comparison", record: ComparisonRecord, decide_job: str) -> dict[str, Any]:
    table = pd.DataFrame([_row(row) for row in compared.table], columns=list(_COLUMNS))
    figures = {name: value for name, value in compared.candidate.items() if value is not None}
    return {
        "verdict": compared.verdict.outcome,
        "reason": compared.verdict.reason,
        "candidate": record.candidate,
        "production": record.production or "none",
        "old against new": inline_table(table),
        **_pictures(platform, compared, record),
        "decide": dg.MetadataValue.job(decide_job, location_name=LOCATION),
        "vehicles compared": compared.vehicles,
        "failures among them": compared.failures,
        "from": str(compared.period_from),
        "to": str(compared.period_to),
        "comparisons on these vehicles": compared.uses,
        **{f"candidate {name}": float(value) for name, value in figures.items()},
        "dagster/row_count": len(table),
        "dagster/column_schema": column_schema([(name, "VARCHAR", text) for name, text in _COLUMNS.items()]),
        "preview": markdown(table),
    }


def _row(row: "Row") -> tuple[str, ...]:
    return (
        row.metric,
        _figure(row.old),
        _figure(row.new),
        _figure(row.difference, "+"),
        _span(row.low, row.high, "+"),
        _span(row.new_low, row.new_high),
    )


def _figure(value: float | None, sign: str = "") -> str:
    return "not defined" if value is None else f"{value:{sign}.3f}"


def _span(low: float | None, high: float | None, sign: str = "") -> str:
    # No-break spaces: the page's narrow table would put "to" on a line of its own.
    return f"{_figure(low, sign)}\u00a0to\u00a0{_figure(high, sign)}"


def _pictures(
    platform: Platform, compared: "Comparison", record: ComparisonRecord
) -> dict[str, dg.MarkdownMetadataValue]:
    from failure_platform.domain.figures import calibration_png, precision_recall_png, roc_png

    drawings = {"ROC": roc_png, "precision and recall": precision_recall_png, "calibration": calibration_png}
    folder = platform.settings.reports_folder / record.target / record.id
    folder.mkdir(parents=True, exist_ok=True)
    shown = {}
    for name, draw in drawings.items():
        png = draw(compared)
        (folder / f"{name}.png").write_bytes(png)
        shown[f"plot: {name}"] = dg.MetadataValue.md(
            f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})"
        )
    return shown
