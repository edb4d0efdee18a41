"""Stage 4: a candidate - trained on the older vehicles, saved as an immutable version, loaded afresh and tried.

What belongs here: split, leak audit, train, save, verify. What does not: how a family is fitted (domain.training),
what a leak is (domain.leaks) and how a version is kept (resources.registry). Comparing it is the next stage's work.
"""

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
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
from failure_platform.domain.features.wide import data_version
from failure_platform.domain.model_version import ModelToSave, ModelVersion, Origin
from failure_platform.domain.training.split import Split, time_split
from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.registry.model_files import ModelRefusedError, installed_libraries
from failure_platform.settings import Settings

if TYPE_CHECKING:
    from failure_platform.domain.leaks.audit import Audit
    from failure_platform.domain.training.fitting import TrainedModel
    from failure_platform.domain.training.incremental import Start
    from failure_platform.domain.training.search import Progress

_OF_A_VERSION = ["loads_fresh_and_predicts", "beats_base_rate"]
_COLUMNS = {"what": "part of the recipe, the setting or the facts, or a library", "value": "its value or version"}
_SAMPLE_ROWS = 10
_SECONDS_BETWEEN_LINES = 2.0


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
                "leak_audit",
                asset="candidate_model",
                blocking=True,
                description="No feature knows what only the future can know. With a finding no version is saved.",
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
            "threshold are fitted there and saved with it. When it cannot be trained, or the leak audit finds "
            "something, the checks say why, and the production model stays."
        ),
    )
    def candidate_model(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # scikit-learn takes seconds to import; runs that only ingest never pay for it.
        from failure_platform.domain.families.family import RecipeRefusedError
        from failure_platform.domain.training.fitting import train
        from failure_platform.domain.training.trainable import NotTrainableError
        from failure_platform.resources.registry.training_start import start_of

        settings = platform.settings
        target = settings.target(context.partition_key)
        frame = read_table(platform.lake, vehicles_table(target.name))
        if frame is None:
            raise dg.Failure("No vehicle is described yet: materialise vehicles first.", allow_retries=False)
        try:
            start = start_of(settings, platform.registry, target.name)
            recipe = settings.recipe(None if start is None else start.version)
            split = time_split(
                frame, target.horizon, recipe.holdout_share, since=None if start is None else start.trained_until
            )
            audit = _audit(frame, split, settings, start)
            if audit.findings:
                yield from not_there(["trainable", *_OF_A_VERSION], "The leak audit found something; see its check.")
                yield _audited(audit)
                return
            model = train(split.training, target.horizon, recipe, start, _say(context.log.info))
        except NotTrainableError as refusal:
            yield from not_there(["trainable", "leak_audit", *_OF_A_VERSION], str(refusal))
            return
        except (RecipeRefusedError, ModelRefusedError) as refusal:
            raise dg.Failure(str(refusal), allow_retries=False) from refusal
        version = _save(platform, target.name, frame, model, split)
        yield dg.MaterializeResult(data_version=dg.DataVersion(version.version), metadata=_page(version, model, split))
        yield dg.AssetCheckResult(passed=True, check_name="trainable")
        yield _audited(audit)
        yield dg.AssetCheckResult(
            passed=True,
            check_name="loads_fresh_and_predicts",
            metadata={"largest difference": platform.registry.verify(version.version)},
        )
        yield _beats_base_rate(model)

    return candidate_model


def _audit(frame: pd.DataFrame, split: Split, settings: Settings, start: "Start | None") -> "Audit":
    from failure_platform.domain.features.wide import feature_columns
    from failure_platform.domain.leaks.audit import audit
    from failure_platform.domain.training.trainable import keep_features

    features = [name for name in feature_columns(frame) if not name.startswith("sequence:")]
    used = keep_features(split.training[features]).names if start is None else start.features
    return audit(frame, split.training, split.comparison, used, settings.accepted_features)


def _audited(audit: "Audit") -> dg.AssetCheckResult:
    """Return the blocking check: what was found and what to do, or how many features were looked at."""
    said = " ".join(f"{number}. {one.sentence}" for number, one in enumerate(audit.findings, start=1))
    todo = (
        " No version was saved and the production model stays. Correct the uploads or the feature; a feature that was "
        "looked at and is honest goes into accepted_features in the settings."
    )
    return dg.AssetCheckResult(
        passed=not audit.findings,
        check_name="leak_audit",
        description=f"{said}{todo}" if audit.findings else f"No leak among {audit.features_checked} features.",
        metadata={
            "features looked at": audit.features_checked,
            "findings": inline_table(
                pd.DataFrame(
                    [(one.kind, one.feature or "", f"{one.number:.3g}") for one in audit.findings],
                    columns=["kind", "feature", "figure"],
                )
            ),
        },
    )


def _say(log: Callable[[str], None]) -> "Callable[[Progress], None]":
    """Return a listener that logs a line every few seconds: each line is a row in Dagster's database."""
    last = -_SECONDS_BETWEEN_LINES

    def say(progress: "Progress") -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _SECONDS_BETWEEN_LINES:
            log(str(progress))
            last = now

    return say


def _save(platform: Platform, target: str, frame: pd.DataFrame, model: "TrainedModel", split: Split) -> ModelVersion:
    from failure_platform.domain.report.model_card import model_card

    origin = Origin(
        target=target,
        data_version=data_version(frame),
        recipe=model.recipe.as_dict(),
        seed=model.recipe.seed,
        code_version=CODE_VERSION,
        libraries=installed_libraries(model.family),
    )
    facts = model.facts
    unsigned = ModelToSave(
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
        sample=_sample(model, split),
        model_card="",
    )
    now = datetime.now(UTC)
    card = model_card(unsigned.row(now, {}), platform.settings.target(target))
    return platform.registry.save(replace(unsigned, model_card=card), now)


def _sample(model: "TrainedModel", split: Split) -> pd.DataFrame:
    from failure_platform.domain.training.trainable import model_columns

    return model_columns(model.features, split.training.tail(_SAMPLE_ROWS))


def _page(version: ModelVersion, model: "TrainedModel", split: Split) -> dict[str, Any]:
    from failure_platform.domain.training.search_page import search_png, search_table

    record, facts = _record(version), model.facts
    tried = search_table(facts)
    best = facts.chosen
    figures = {"log loss": best.log_loss, "ROC AUC": best.roc_auc, "average precision": best.average_precision}
    picture = base64.b64encode(search_png(facts)).decode()
    return {
        "model version": version.version,
        "data version": version.data_version,
        "family": version.family,
        "read this first": dg.MetadataValue.md("\n".join(f"* {note}" for note in facts.notes) or "Nothing unusual."),
        "trained from": str(version.trained_from),
        "trained until": str(version.trained_until),
        "mode": facts.mode if facts.started_from is None else f"{facts.mode}, from {facts.started_from}",
        "vehicles trained on": version.vehicles,
        "failures among them": version.failures,
        "features": len(version.features),
        "features that do not vary": facts.features["constant"],
        "features known of too few vehicles": facts.features["rare"],
        "threshold": version.threshold,
        "threshold chosen for": facts.aim["kind"],
        "calibration": facts.calibration["method"],
        **{f"out of fold {name}": float(value) for name, value in figures.items() if value is not None},
        "search": f"{facts.search['kind']}, {facts.search['trials']} settings, ended: {facts.search['ended']}",
        "settings tried": inline_table(tried),
        "plot: search": dg.MetadataValue.md(f"![search](data:image/png;base64,{picture})"),
        **{f"seconds: {part}": round(seconds, 1) for part, seconds in facts.durations.items()},
        "vehicles kept for the comparison": len(split.comparison),
        "vehicles with an unknown outcome": split.unlabelled,
        "vehicles too close to the comparison": split.purged,
        "vehicles that production knows already": split.learnt,
        "dagster/row_count": len(record),
        "dagster/column_schema": column_schema([(name, "VARCHAR", text) for name, text in _COLUMNS.items()]),
        "preview": markdown(record.head(PREVIEW_ROWS)),
        "what made it": inline_table(record),
    }


def _record(version: ModelVersion) -> pd.DataFrame:
    setting = {f"setting: {name}": value for name, value in version.facts["setting"].items()}
    made = {**version.recipe, **setting, "seed": version.seed, "code version": version.code_version}
    return pd.DataFrame([(n, str(value)) for n, value in {**made, **version.libraries}.items()], columns=list(_COLUMNS))


def _beats_base_rate(model: "TrainedModel") -> dg.AssetCheckResult:
    # Out of fold, on the training side: the compared vehicles have no part in it.
    base = model.facts.base_rate_log_loss
    best = model.facts.chosen.log_loss
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
