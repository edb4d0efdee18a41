"""Stage 7: predictions; for every vehicle the probability by the production model, and the outcome when known."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import CODE_VERSION, LAKE_POOL, OWNER, Group, not_there, table_page
from failure_platform.domain.predictions import PREDICTION_COLUMNS, predictions_of
from failure_platform.resources.lake.target_tables import predictions_table, read_table, replace_table, vehicles_table
from failure_platform.resources.platform import Platform

PREDICT_JOB = "predict"
_CHECKS = ("a_model_is_in_production", "every_vehicle_has_a_probability")
_NO_MODEL = "Nothing is in production yet: read model_comparison, then promote a version in production_model."


def predictions_asset(
    targets: dg.StaticPartitionsDefinition, condition: dg.AutomationCondition[Any]
) -> dg.AssetsDefinition:
    """Return the asset `predictions`, one partition per target."""

    @dg.asset(
        name="predictions",
        deps=["vehicles", "production_model"],
        partitions_def=targets,
        group_name=Group.prediction,
        owners=[OWNER],
        kinds={"duckdb", "scikitlearn"},
        tags={"stage": "predictions"},
        code_version=CODE_VERSION,
        pool=LAKE_POOL,
        automation_condition=condition,
        # Before the first promotion there is nothing to predict with, and that is no error.
        output_required=False,
        check_specs=[
            dg.AssetCheckSpec(
                "a_model_is_in_production",
                asset="predictions",
                description="Somebody promoted a version to predict with.",
            ),
            dg.AssetCheckSpec(
                "every_vehicle_has_a_probability",
                asset="predictions",
                description="Each vehicle once, each with a number from 0 to 1.",
            ),
        ],
        description=(
            "For every vehicle that passed its prediction point: the probability that it fails, by the production "
            "model, and the outcome where it is known.\n\n"
            "Vehicles that the model was trained on are marked: how well they are predicted proves nothing."
        ),
    )
    def predictions(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # scikit-learn takes seconds to import; runs that only ingest never load it.
        from failure_platform.domain.training.fitting import score

        target = context.partition_key
        vehicles = read_table(platform.lake, vehicles_table(target))
        production = platform.registry.current(target)
        if production is None or vehicles is None:
            yield from not_there(_CHECKS, _NO_MODEL)
            return
        pipeline = platform.registry.load(production.version).pipeline
        predicted = predictions_of(vehicles, score(pipeline, production.features, vehicles), production)
        replace_table(platform.lake, predictions_table(target), predicted)
        version = production.version
        yield dg.MaterializeResult(data_version=dg.DataVersion(version), metadata=_page(predicted, target, version))
        yield dg.AssetCheckResult(passed=True, check_name="a_model_is_in_production")
        complete = bool(predicted["probability"].between(0, 1).all()) and len(predicted) == vehicles["KNR"].nunique()
        yield dg.AssetCheckResult(passed=complete, check_name="every_vehicle_has_a_probability")

    return predictions


def _page(predicted: pd.DataFrame, target: str, version: str) -> dict[str, Any]:
    columns = [(name, str(predicted[name].dtype), meaning) for name, meaning in PREDICTION_COLUMNS.items()]
    riskiest = predicted[~predicted["trained_on"]].sort_values("probability", ascending=False, kind="stable")
    return {
        **table_page(predictions_table(target), len(predicted), columns, riskiest, keys=("KNR", "probability")),
        "model version": version,
        "alarms": int(predicted["alarm"].sum()),
        "vehicles not trained on": int((~predicted["trained_on"]).sum()),
    }
