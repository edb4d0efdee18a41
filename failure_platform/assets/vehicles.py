"""Stage 3: one row per vehicle and target, with only what was known at its prediction point.

What belongs here: describe, judge, write, show. What does not: what a feature or a label is (domain.features,
domain.labels) and how the lake is read (resources.target_tables).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import CODE_VERSION, LAKE_POOL, OWNER, Group, inline_table, markdown, table_page
from failure_platform.domain.data_version import data_version
from failure_platform.domain.feature_names import FAMILIES, TIME_RULE, explain
from failure_platform.domain.wide import feature_columns
from failure_platform.resources.platform import Platform
from failure_platform.resources.target_tables import describe_vehicles, replace_table, vehicles_table

_MEANINGS = {
    "KNR": "vehicle",
    "predicted_at": "time of the vehicle's prediction point; nothing newer is used",
    "label": "1 failed, 0 did not, empty: unknown",
    "label_reason": "why the label is unknown",
    "last_row_at": "time of the newest row that was used",
}


def vehicles_asset(
    kinds: Sequence[str], targets: dg.StaticPartitionsDefinition, condition: dg.AutomationCondition[Any]
) -> dg.AssetsDefinition:
    """Return the asset `vehicles`, below the lake tables of all kinds."""

    @dg.asset(
        name="vehicles",
        # Every upload counts, and one that was refused must not block: no dependency on a particular partition.
        deps=[dg.AssetDep(kind, partition_mapping=dg.AllPartitionMapping()) for kind in kinds],
        partitions_def=targets,
        group_name=Group.vehicles,
        owners=[OWNER],
        kinds={"duckdb", "ibis"},
        tags={"stage": "vehicles"},
        code_version=CODE_VERSION,
        pool=LAKE_POOL,
        automation_condition=condition,
        check_specs=[
            dg.AssetCheckSpec(
                "one_row_per_knr", asset="vehicles", blocking=True, description="No vehicle stands twice."
            ),
            dg.AssetCheckSpec(
                "nothing_newer_than_prediction_point",
                asset="vehicles",
                blocking=True,
                description="No feature used a row at or after the vehicle's prediction point.",
            ),
            dg.AssetCheckSpec(
                "label_coverage",
                asset="vehicles",
                description="Some vehicles' outcome is known; says how many are not and why.",
            ),
        ],
        description=(
            "One row per vehicle: what was known before its prediction point, and whether it failed after it.\n\n"
            "A label is known only where falhas uploads cover the vehicle's whole horizon. Vehicles whose prediction "
            "point is missing are counted, not guessed. If this stops, a check below says which promise is broken."
        ),
    )
    def vehicles(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        target = platform.settings.target(context.partition_key)
        frame, without = describe_vehicles(platform.lake, target)
        replace_table(platform.lake, vehicles_table(target.name), frame)
        version = data_version(frame)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={
                "labels": inline_table(_labels(frame)),
                "vehicles without prediction point": without,
                "data_version": version,
                **_page(vehicles_table(target.name), frame),
            },
        )
        yield from _checks(frame, without)

    return vehicles


def _page(table: str, frame: pd.DataFrame) -> dict[str, Any]:
    facts = [(name, str(frame[name].dtype), meaning) for name, meaning in _MEANINGS.items()]
    names = feature_columns(frame)
    # Some 900 features: the schema shows one line per family, so that what follows it on the page is found.
    families = Counter(name.partition(":")[0] for name in names)
    features = [
        (
            f"{prefix}:{':'.join(FAMILIES[prefix].parts)} ({count} columns)",
            "float32",
            f"{FAMILIES[prefix].sentence} From {FAMILIES[prefix].source}, {TIME_RULE}.",
        )
        for prefix, count in families.items()
    ]
    return {
        **table_page(table, len(frame), [*facts, *features], frame, keys=("KNR", "predicted_at")),
        "features": len(names),
        "feature dictionary": markdown(pd.DataFrame([asdict(explain(name)) for name in names])),
    }


def _labels(frame: pd.DataFrame) -> pd.DataFrame:
    words = frame["label"].map({0: "did not fail", 1: "failed"}).astype(object)
    said = words.where(frame["label"].notna(), "unknown: " + frame["label_reason"].fillna("").astype(str))
    return said.rename("outcome").value_counts().rename_axis("outcome").rename("vehicles").reset_index()


def _checks(frame: pd.DataFrame, without: int) -> Iterator[dg.AssetCheckResult]:
    doubled = int(frame["KNR"].duplicated().sum())
    yield dg.AssetCheckResult(passed=doubled == 0, check_name="one_row_per_knr", metadata={"doubled rows": doubled})
    newer = int((frame["last_row_at"] >= frame["predicted_at"]).sum())
    yield dg.AssetCheckResult(
        passed=newer == 0, check_name="nothing_newer_than_prediction_point", metadata={"vehicles": newer}
    )
    known = int(frame["label"].notna().sum())
    yield dg.AssetCheckResult(
        passed=known > 0,
        check_name="label_coverage",
        severity=dg.AssetCheckSeverity.ERROR,
        description=(
            f"{known} of {len(frame)} vehicles have a known outcome; {without} more have no prediction point."
            if known
            else "No vehicle's outcome is known yet: upload the falhas that cover the days after the prediction points."
        ),
        metadata={"known": known, "unknown": len(frame) - known, "without prediction point": without},
    )
