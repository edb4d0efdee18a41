"""Stage 4: a candidate, trained on the older vehicles and saved as an immutable version."""

import base64
from collections.abc import Iterator
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
from failure_platform.domain.leaks.findings import Audit, listed
from failure_platform.domain.model_version import ModelVersion
from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.registry.registry import Registry

if TYPE_CHECKING:
    from failure_platform.domain.training.candidate import Candidate, NoCandidate

_OF_A_VERSION = ["loads_fresh_and_predicts", "beats_base_rate"]
_MOST_SHOWN = 20
_COLUMNS = {"what": "part of the recipe, the setting or the facts, or a library", "value": "its value or version"}


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
        # Too few failures to train is no error: the check `trainable` reports it.
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
                description="No feature knows what only the future can know. With a finding that blocks, no version "
                "is saved; a warning stops nothing and is shown with the version and its comparison.",
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
                "or the check states that it is not.",
            ),
        ],
        description=(
            "A model version trained on the older vehicles whose outcome is known; the newest are kept for comparison."
            "\n\nFamilies are tried in time order inside the training side; scaling, selection, calibration and "
            "threshold are fitted there and saved with it. When it cannot be trained, or the leak audit finds "
            "something, the checks give the reason, and the production model stays."
        ),
    )
    def candidate_model(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # scikit-learn takes seconds to import; runs that only ingest never load it.
        from failure_platform.resources.registry import candidate as training

        target = platform.settings.target(context.partition_key)
        vehicles = read_table(platform.lake, vehicles_table(target.name))
        if vehicles is None:
            raise dg.Failure("No vehicle is described yet: materialise vehicles first.", allow_retries=False)
        try:
            made = training.train_candidate(platform.settings, platform.registry, target, vehicles, context.log.info)
        except training.REFUSED as refusal:
            raise dg.Failure(str(refusal), allow_retries=False) from refusal
        if isinstance(made, training.NoCandidate):
            training.record_block(platform.registry, target, made)
            yield from _without_version(made)
            return
        version = training.save_candidate(platform.registry, target, made, CODE_VERSION)
        yield dg.MaterializeResult(data_version=dg.DataVersion(version.version), metadata=_page(version, made))
        yield from _checks(made, platform.registry, version)

    return candidate_model


def _page(version: ModelVersion, made: "Candidate") -> dict[str, Any]:
    record, facts, split = _record(version), made.model.facts, made.split
    best = facts.chosen
    figures = {"log loss": best.log_loss, "ROC AUC": best.roc_auc, "average precision": best.average_precision}
    picture = base64.b64encode(made.search_png).decode()
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
        "leak audit": made.audit.summary or "nothing found",
        "features that do not vary": facts.features["constant"],
        "features known of too few vehicles": facts.features["rare"],
        "threshold": version.threshold,
        "threshold chosen for": facts.aim["kind"],
        **{f"out of fold {name} of the alarms": value for name, value in facts.alarms.items()},
        "calibration": facts.calibration["method"],
        **{f"out of fold {name}": float(value) for name, value in figures.items() if value is not None},
        "search": f"{facts.search['kind']}, {facts.search['trials']} settings, ended: {facts.search['ended']}",
        "settings tried": inline_table(made.search_table),
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


def _without_version(made: "NoCandidate") -> Iterator[dg.AssetCheckResult]:
    if made.audit is None:
        yield from not_there(["trainable", "leak_audit", *_OF_A_VERSION], made.reason)
    else:
        yield from not_there(["trainable", *_OF_A_VERSION], made.reason)
        yield _leak_audit(made.audit)


def _checks(made: "Candidate", registry: Registry, version: ModelVersion) -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(passed=True, check_name="trainable")
    yield _leak_audit(made.audit)
    difference = registry.verify(version.version)
    yield dg.AssetCheckResult(
        passed=True, check_name="loads_fresh_and_predicts", metadata={"largest difference": difference}
    )
    # Out of fold, on the training side: the compared vehicles have no part in it.
    base, best = made.model.facts.base_rate_log_loss, made.model.facts.chosen.log_loss
    beats = "beats the base rate" if best < base else "does not beat the base rate, and is not usable"
    yield dg.AssetCheckResult(
        passed=best < base,
        check_name="beats_base_rate",
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Log loss {best:.4f} on later folds of the training side, the base rate's {base:.4f}: it {beats}. "
        "The comparison judges it on newer vehicles.",
        metadata={"log loss": best, "log loss of the base rate": base},
    )


def _leak_audit(audit: Audit) -> dg.AssetCheckResult:
    """Return the check: what blocks and what to do, what is warned of, or how many features were examined.

    Dagster lets what follows run where a check fails with severity WARN, although it is blocking.
    """
    return dg.AssetCheckResult(
        passed=not audit.findings,
        check_name="leak_audit",
        severity=dg.AssetCheckSeverity.WARN if audit.warnings and not audit.blocking else dg.AssetCheckSeverity.ERROR,
        description=_in_words(audit),
        metadata={
            "features looked at": audit.features_checked,
            "findings that block": len(audit.blocking),
            "warnings": len(audit.warnings),
            "accepted": audit.acceptance or "none",
            "findings": inline_table(
                pd.DataFrame(
                    [
                        (one.severity, one.kind, one.feature or "", f"{one.number:.3g}", one.sentence)
                        for one in audit.findings
                    ],
                    columns=["severity", "kind", "feature", "figure", "in words"],
                )
            ),
        },
    )


def _in_words(audit: Audit) -> str:
    shown = audit.blocking or audit.warnings
    if not shown:
        return f"No leak among {audit.features_checked} features. {audit.acceptance}".strip()
    found = " ".join(f"{number}. {one.sentence}" for number, one in enumerate(shown[:_MOST_SHOWN], start=1))
    left = [one.feature or one.kind for one in shown[_MOST_SHOWN:]]
    more = f" And {len(left)} more, in the findings below: {listed(left)}." if left else ""
    if audit.blocking:
        return (
            f"{found}{more} No version was saved and the production model stays. Correct the uploads or the feature; a "
            "feature that was examined and is honest goes into accepted_features in the settings, with who and why."
        )
    return f"A warning; the version was saved. {found}{more} {audit.acceptance}".strip()
