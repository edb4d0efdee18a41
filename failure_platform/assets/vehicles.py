"""Stage 3: one row per vehicle and target, with only what was known at its prediction point."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import CODE_VERSION, LAKE_POOL, OWNER, Group, inline_table, table_page
from failure_platform.domain.features.names import FAMILIES, TIME_RULE, explain
from failure_platform.domain.features.wide import data_version, feature_columns
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.lake.target_tables import vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.vehicles.vehicles_table import (
    DICTIONARY,
    VehiclesUpdate,
    description_options,
    update_vehicles,
)

_MEANINGS = {
    "KNR": "vehicle",
    "predicted_at": "time of the vehicle's prediction point; nothing newer is used",
    "label": "1 failed, 0 did not, empty: unknown",
    "label_reason": "why the label is unknown",
    "last_row_at": "time of the newest row that was used",
    "MODELO": "model, as far as a defect recorded before predicted_at names it",
    "COR": "colour, likewise",
    "MOTOR": "engine, likewise",
    "upload": "upload that contained most of the vehicle's results; never a feature",
    "failure_group": "failure group of the failure behind label 1; part of the outcome, never a feature",
}


class VehiclesConfig(dg.Config):
    """The form of the launchpad."""

    describe_all: bool = False


def vehicles_asset(
    targets: dg.StaticPartitionsDefinition, condition: dg.AutomationCondition[Any]
) -> dg.AssetsDefinition:
    """Return the asset `vehicles`, below the lake tables of the kinds that describe a vehicle."""

    @dg.asset(
        name="vehicles",
        # Every upload counts, and one that was refused must not block: no dependency on a particular partition.
        deps=[dg.AssetDep(kind, partition_mapping=dg.AllPartitionMapping()) for kind in READ_KINDS],
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
                "one_row_per_knr", asset="vehicles", blocking=True, description="No vehicle occurs twice."
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
                description="Some vehicles' outcome is known; reports how many are not and why.",
            ),
        ],
        description=(
            "One row per vehicle: what was known before its prediction point, and whether it failed after it.\n\n"
            "Only vehicles that new uploads touch are described again; the page shows how many, and why if all were. "
            "A label is known only where falhas uploads cover the vehicle's complete horizon, by the rows that they "
            "have; the page shows how many labels hang on too few rows to tell. Vehicles whose "
            "prediction point is missing are counted, not guessed. If it fails, a check shows which promise is broken."
        ),
    )
    def vehicles(
        context: dg.AssetExecutionContext, config: VehiclesConfig, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        settings = platform.settings
        target = settings.target(context.partition_key)
        update = update_vehicles(
            platform.lake,
            target,
            **description_options(settings, CODE_VERSION),
            rebuild_reason="requested in the run config" if config.describe_all else None,
        )
        version = data_version(update.frame)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(version), metadata=_page(update, target) | {"data_version": version}
        )
        yield from _checks(update.frame, update.without_prediction_point)

    return vehicles


def _page(update: VehiclesUpdate, target: Target) -> dict[str, Any]:
    frame = update.frame
    facts = [(name, str(frame[name].dtype), meaning) for name, meaning in _MEANINGS.items()]
    families: defaultdict[str, list[str]] = defaultdict(list)
    for name in feature_columns(frame):
        families[name.partition(":")[0]].append(name)
    # With some 1,000 features, schema and dictionary show a line per family; the rest of the page stays in sight.
    features = [
        (
            f"{prefix}:{':'.join(FAMILIES[prefix].parts)} ({len(names)} columns)",
            "float32",
            f"{FAMILIES[prefix].sentence} From {FAMILIES[prefix].source}, {TIME_RULE}.",
        )
        for prefix, names in families.items()
    ]
    return {
        "outcomes": inline_table(_labels(frame)),
        "outcomes on thin coverage": _thin(update, target),
        "described anew": _work(update),
        "vehicles without prediction point": _without(update, target),
        "features": sum(map(len, families.values())),
        "feature dictionary": inline_table(_dictionary(families)),
        "whole feature dictionary": (
            f"Every feature with its meaning, source and time rule: table {DICTIONARY} in the lake, the rows whose "
            f"target is {target.name}."
        ),
        **table_page(vehicles_table(target.name), len(frame), [*facts, *features], frame, keys=("KNR", "predicted_at")),
    }


def _work(update: VehiclesUpdate) -> str:
    if update.rebuild_reason is not None:
        return f"All {update.described:,} vehicles: the table was rebuilt because {update.rebuild_reason}."
    if not update.uploads:
        return f"None of {len(update.frame):,} vehicles: no new upload since the table was built."
    return f"{update.described:,} of {len(update.frame):,} vehicles: those that {update.uploads:,} new uploads touch."


def _thin(update: VehiclesUpdate, target: Target) -> str:
    did_not_fail = int((update.frame["label"] == 0).sum())
    return (
        f"{update.thin:,} of the {did_not_fail:,} vehicles that did not fail are covered, on a day of their horizon, "
        f"only by falhas uploads without a row of {' or '.join(target.halle) or 'any hall'}, and with too few other "
        "rows for that to tell. Larger exports, or a declared period, make them certain."
    )


def _without(update: VehiclesUpdate, target: Target) -> str:
    return (
        f"{update.without_prediction_point:,} vehicles in the lake have no status {target.prediction_point}. Their "
        "prediction time is unknown, so they are left out and not guessed. "
        f"{update.reached_later:,} of them passed a later checkpoint: their stamp is missing. The others were not that "
        "far yet."
    )


def _dictionary(families: dict[str, list[str]]) -> pd.DataFrame:
    """Return a line per feature family, with one of its features as an example."""
    examples = [(prefix, len(names), explain(names[len(names) // 2])) for prefix, names in families.items()]
    return pd.DataFrame(
        [(prefix, count, one.name, one.description, one.source, one.time_rule) for prefix, count, one in examples],
        columns=["family", "features", "for example", "means", "source rows", "time rule"],
    )


def _labels(frame: pd.DataFrame) -> pd.DataFrame:
    words = frame["label"].map({0: "did not fail", 1: "failed"}).astype(object)
    outcome = words.where(frame["label"].notna(), "unknown: " + frame["label_reason"].fillna("").astype(str))
    return outcome.rename("outcome").value_counts().rename_axis("outcome").rename("vehicles").reset_index()


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
