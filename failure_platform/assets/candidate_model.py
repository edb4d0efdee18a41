"""Stage 4: a candidate - trained on the older vehicles, saved as an immutable version, loaded afresh and tried.

What belongs here: split, train, save, verify. What does not: how a family is fitted (domain.training) and how a version
is kept (resources.registry). Comparing it is the next stage's work.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from failure_platform.catalog import (
    CODE_VERSION,
    OWNER,
    PREVIEW_ROWS,
    Group,
    column_schema,
    inline_table,
    markdown,
    not_there,
)
from failure_platform.domain.data_version import data_version
from failure_platform.domain.model_version import ModelToSave, ModelVersion, Origin
from failure_platform.domain.split import Split, time_split
from failure_platform.resources.libraries import installed
from failure_platform.resources.platform import Platform
from failure_platform.resources.target_tables import read_table, vehicles_table

if TYPE_CHECKING:
    from failure_platform.domain.training import TrainedModel

_CHECKS = ["trainable", "loads_fresh_and_predicts", "beats_base_rate"]
_COLUMNS = {"what": "part of the recipe, or a library", "value": "its value or version"}
_SAMPLE_ROWS = 10


def candidate_model_asset(
    targets: dg.StaticPartitionsDefinition, condition: dg.AutomationCondition[Any]
) -> dg.AssetsDefinition:
    """Return the asset `candidate_model`, one partition per target."""

    @dg.asset(
        name="candidate_model",
        deps=["vehicles"],
        partitions_def=targets,
        group_name=Group.model,
        owners=[OWNER],
        kinds={"scikitlearn", "skops"},
        tags={"stage": "candidate_model"},
        code_version=CODE_VERSION,
        automation_condition=condition,
        # No version is no error: too few failures is an answer, given by the check `trainable`.
        output_required=False,
        check_specs=[
            dg.AssetCheckSpec(
                "trainable",
                asset="candidate_model",
                description="There are enough vehicles with a known outcome to train.",
            ),
            dg.AssetCheckSpec(
                "loads_fresh_and_predicts",
                asset="candidate_model",
                blocking=True,
                description="A fresh process loads the saved files and gives the recorded answers.",
            ),
            dg.AssetCheckSpec(
                "beats_base_rate",
                asset="candidate_model",
                description="On the training side's own later folds it is better than predicting the base rate, "
                "or this says that it is not.",
            ),
        ],
        description=(
            "A model version trained on the older vehicles whose outcome is known; the newest are kept for comparison."
            "\n\nFamilies are tried in time order inside the training side; scaling, selection, calibration and "
            "threshold are fitted there and saved with it. When it cannot be trained the check says why, and the "
            "production model stays."
        ),
    )
    def candidate_model(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # scikit-learn takes seconds to import; runs that only ingest never pay for it.
        from failure_platform.domain.model_card import model_card
        from failure_platform.domain.training import NotTrainableError, Recipe, train

        settings = platform.settings
        target = settings.target(context.partition_key)
        frame = read_table(platform.lake, vehicles_table(target.name))
        if frame is None:
            raise dg.Failure("No vehicle is described yet: materialise vehicles first.", allow_retries=False)
        recipe = Recipe(
            seed=settings.seed, holdout_share=settings.holdout_share, min_failures=settings.min_failures_to_train
        )
        try:
            split = time_split(frame, target.horizon, recipe.holdout_share)
            model = train(split.training, target.horizon, recipe)
        except NotTrainableError as refusal:
            yield from not_there(_CHECKS, str(refusal))
            return
        origin = Origin(
            target=target.name,
            data_version=data_version(frame),
            recipe=recipe.as_dict(),
            seed=recipe.seed,
            code_version=CODE_VERSION,
            libraries=installed(),
        )
        card = model_card(origin.version, target, model, origin.data_version, None, origin.libraries)
        version = platform.registry.save(_to_save(origin, model, split.training, card), datetime.now(UTC))
        yield dg.MaterializeResult(data_version=dg.DataVersion(version.version), metadata=_page(version, split))
        yield dg.AssetCheckResult(passed=True, check_name="trainable")
        yield dg.AssetCheckResult(
            passed=True,
            check_name="loads_fresh_and_predicts",
            metadata={"largest difference": platform.registry.verify(version.version)},
        )
        yield _beats_base_rate(model)

    return candidate_model


def _to_save(origin: Origin, model: "TrainedModel", training: pd.DataFrame, card: str) -> ModelToSave:
    facts = model.facts
    return ModelToSave(
        origin=origin,
        pipeline=model.pipeline,
        family=model.family,
        features=model.features,
        threshold=model.threshold,
        base_rate=model.base_rate,
        trained_from=facts.trained_from,
        trained_until=facts.trained_until,
        vehicles=facts.vehicles,
        failures=facts.failures,
        metrics={},
        facts=facts.as_dict(),
        sample=training[list(model.features)].tail(_SAMPLE_ROWS),
        model_card=card,
    )


def _page(version: ModelVersion, split: Split) -> dict[str, Any]:
    record = _record(version)
    return {
        "model version": version.version,
        "data version": version.data_version,
        "family": version.family,
        "trained from": str(version.trained_from),
        "trained until": str(version.trained_until),
        "vehicles trained on": version.vehicles,
        "failures among them": version.failures,
        "features": len(version.features),
        "threshold": version.threshold,
        "vehicles kept for the comparison": len(split.comparison),
        "vehicles with an unknown outcome": split.unlabelled,
        "vehicles too close to the comparison": split.purged,
        "dagster/row_count": len(record),
        "dagster/column_schema": column_schema([(name, "VARCHAR", text) for name, text in _COLUMNS.items()]),
        "preview": markdown(record.head(PREVIEW_ROWS)),
        "what made it": inline_table(record),
    }


def _record(version: ModelVersion) -> pd.DataFrame:
    made = {**version.recipe, "seed": version.seed, "code version": version.code_version, **version.libraries}
    return pd.DataFrame([(name, str(value)) for name, value in made.items()], columns=list(_COLUMNS))


def _beats_base_rate(model: "TrainedModel") -> dg.AssetCheckResult:
    # Out of fold, on the training side: the compared vehicles have no part in it.
    base = model.facts.base_rate_log_loss
    best = min(tried.log_loss for tried in model.facts.tried)
    beats = best < base
    return dg.AssetCheckResult(
        passed=beats,
        check_name="beats_base_rate",
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"Log loss {best:.4f} on later folds of the training side, the base rate's {base:.4f}: it "
            f"{'beats the base rate' if beats else 'does not beat the base rate, and is not usable'}. The comparison "
            "judges it on newer vehicles."
        ),
        metadata={"log loss": best, "log loss of the base rate": base},
    )
