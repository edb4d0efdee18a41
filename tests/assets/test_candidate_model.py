"""Promises about the asset candidate_model: a leak stops it, a refusal is told, and the page shows what was tried."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from failure_platform.definitions import build
from failure_platform.domain.features.wide import FACT_COLUMNS
from failure_platform.domain.leaks.findings import Acceptance, LeakKind, audit_of
from failure_platform.domain.training.recipe import TrainingSettings
from failure_platform.resources.lake.target_tables import replace_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.registry.mlflow_layout import CARD
from failure_platform.settings import Settings
from support.model_samples import compared, promote_unverified
from support.training_plant import plant

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TARGET = "road_test"


def _vehicles(vehicles: int = 900, noise: int = 8) -> pd.DataFrame:
    frame, _ = plant(vehicles, noise)
    texts = [name for name in FACT_COLUMNS if name not in frame]
    frame = frame.assign(**{name: pd.Series([None] * len(frame), dtype="str") for name in texts})
    return frame[[*FACT_COLUMNS, *(name for name in frame if name not in FACT_COLUMNS)]]


def _candidate(
    settings: Settings, instance: dg.DagsterInstance, frame: pd.DataFrame
) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    """Materialise candidate_model on these vehicles; return the run and its checks by name."""
    replace_table(Platform(settings).lake, vehicles_table(TARGET), frame)
    run = (
        build(settings)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("candidate_model")],
            partition_key=TARGET,
            raise_on_error=False,
            run_config=QUIET,
        )
    )
    checks = {one.check_name: one for one in run.get_asset_check_evaluations()}
    return run, checks


def _quick(settings: Settings, **training: Any) -> Settings:
    asked = TrainingSettings(families=("logistic_regression", "decision_tree"), **training)
    return settings.model_copy(update={"training": asked})


def test_the_page_shows_the_search_the_figures_and_what_made_the_version(
    settings: Settings, dagster_instance: dg.DagsterInstance
) -> None:
    """Every setting with its figures, a picture, the parts' durations, and recipe, setting and libraries."""
    run, checks = _candidate(_quick(settings), dagster_instance, _vehicles())
    assert run.success
    assert set(checks) == {"trainable", "leak_audit", "loads_fresh_and_predicts", "beats_base_rate"}
    assert all(one.passed for one in checks.values())
    (event,) = run.get_asset_materialization_events()
    page = event.materialization.metadata
    tried = page["settings tried"].value.records
    assert [one.data["family"] for one in tried].count("decision_tree") == 2
    losses = [float(one.data["log loss"]) for one in tried]
    assert losses == sorted(losses)
    assert page["plot: search"].value.startswith("![search](data:image/png;base64,")
    assert {"seconds: search", "seconds: fit", "out of fold ROC AUC", "threshold chosen for"} <= set(page)
    made = {one.data["what"]: one.data["value"] for one in page["what made it"].value.records}
    assert {
        "search",
        "calibration",
        "aim",
        "setting: feature_preprocessing",
        "seed",
        "code version",
        "scikit-learn",
    } <= set(made)
    said = [one.user_message for one in dagster_instance.all_logs(run.run_id) if "best so far" in one.user_message]
    assert said


def test_a_leak_stops_the_candidate_and_an_accepted_feature_does_not(
    settings: Settings, dagster_instance: dg.DagsterInstance
) -> None:
    """The blocking check names the feature and what to do; no version is saved; somebody may have looked at it.

    Who looked and why the feature may stay is part of the version's origin and facts, of its card and of the check.
    """
    frame = _vehicles()
    rng = np.random.default_rng(0)
    copied = frame["label"].astype("float32") + rng.normal(scale=0.05, size=len(frame)).astype(np.float32)
    frame["value:2:777777:0"] = copied.astype(np.float32)
    _, checks = _candidate(_quick(settings), dagster_instance, frame)
    assert not checks["leak_audit"].passed
    assert checks["leak_audit"].severity == dg.AssetCheckSeverity.ERROR
    assert checks["leak_audit"].blocking
    assert "777777" in checks["leak_audit"].description
    assert "accepted_features" in checks["leak_audit"].description
    assert Platform(settings).registry.versions(TARGET) == []
    by_ana = {"value:2:777777:0": Acceptance("Ana", "the station measures it before the line ends")}
    accepted = _quick(settings).model_copy(update={"accepted_features": by_ana})
    _, checks = _candidate(accepted, dagster_instance, frame)
    assert checks["leak_audit"].passed
    (version,) = Platform(settings).registry.versions(TARGET)
    (recorded,) = version.recipe["accepted_features"]
    assert recorded == {"feature": "value:2:777777:0", "who": "Ana", "why": by_ana["value:2:777777:0"].why}
    trace = (
        "Trained with 1 feature that the leak audit named: value:2:777777:0; accepted by Ana because the station "
        "measures it before the line ends"
    )
    assert trace in checks["leak_audit"].description
    assert trace in (settings.models_folder / TARGET / version.version / CARD).read_text(encoding="utf-8")
    assert LeakKind.too_good_feature in {one.kind for one in audit_of(version.facts).accepted[0].findings}


def test_a_warning_stops_nothing_and_stands_on_the_page(
    settings: Settings, dagster_instance: dg.DagsterInstance
) -> None:
    """A sparse code that comes more often before a failure: a version is saved, and check, page and card warn."""
    frame = _vehicles(1500)
    rng = np.random.default_rng(0)
    failed = (frame["label"] == 1).to_numpy(dtype=bool)
    came = rng.random(len(frame)) < np.where(failed, 0.6, 0.05)
    frame["value:718:777777:0"] = np.where(came, 1 + rng.poisson(1, len(frame)), np.nan).astype(np.float32)
    run, checks = _candidate(_quick(settings), dagster_instance, frame)
    assert run.success
    assert not checks["leak_audit"].passed
    assert checks["leak_audit"].severity == dg.AssetCheckSeverity.WARN
    assert "A warning; the version was saved. 1. value:718:777777:0" in checks["leak_audit"].description
    (row,) = checks["leak_audit"].metadata["findings"].value.records
    assert row.data["severity"] == "warns"
    (event,) = run.get_asset_materialization_events()
    warned = "The leak audit warns of 1 feature: value:718:777777:0"
    assert warned in event.materialization.metadata["leak audit"].value
    (version,) = Platform(settings).registry.versions(TARGET)
    assert warned in (settings.models_folder / TARGET / version.version / CARD).read_text(encoding="utf-8")


def test_incremental_needs_production_and_names_it(settings: Settings, dagster_instance: dg.DagsterInstance) -> None:
    """Without one the check says so; with one the version records it, and only newer vehicles are counted."""
    incremental = _quick(settings, mode="incremental")
    frame = _vehicles(1500)
    run, checks = _candidate(incremental, dagster_instance, frame.head(600))
    assert run.success
    assert "nothing is in production" in checks["trainable"].description
    _candidate(_quick(settings), dagster_instance, frame.head(600))
    registry = Platform(settings).registry
    (old,) = registry.versions(TARGET)
    registry.record_comparison(compared(old.version, None))
    promote_unverified(registry, old.version, None)
    run, checks = _candidate(incremental, dagster_instance, frame)
    assert run.success
    assert checks["loads_fresh_and_predicts"].passed
    new = registry.newest(TARGET)
    assert new is not None
    assert new.facts["started_from"] == new.recipe["started_from"] == old.version
    assert new.trained_from > old.trained_until
    assert new.features == old.features


def test_settings_that_change_the_model_change_its_recipe_and_others_do_not(settings: Settings) -> None:
    """The recipe is part of a version's name: the capacity counts only where the threshold is chosen by it."""

    def recipe(changed: Settings) -> dict[str, Any]:
        return changed.recipe().as_dict()

    plain = recipe(_quick(settings))
    for training in ({"aim": {"kind": "cost"}}, {"search": "random"}, {"balance": "smote"}, {"calibration": "none"}):
        assert recipe(_quick(settings, **training)) != plain
    assert recipe(_quick(settings, recency_half_life_days=30))["half_life_days"] == 30
    assert recipe(_quick(settings, search_seconds=5)) == plain
    more = {"inspections_per_day": 35}
    assert recipe(_quick(settings).model_copy(update=more)) == plain
    by_capacity = _quick(settings, aim={"kind": "capacity"}).model_copy(update=more)
    assert recipe(by_capacity)["aim"] == {"kind": "capacity", "alarms_per_day": 35}


def test_a_recipe_that_cannot_be_followed_fails_with_what_to_do(
    settings: Settings, dagster_instance: dg.DagsterInstance
) -> None:
    """A misspelt family is a wrong setting and no verdict about the data."""
    wrong = settings.model_copy(update={"training": TrainingSettings(families=("forest",))})
    run, _ = _candidate(wrong, dagster_instance, _vehicles(300))
    assert not run.success
    (failure,) = [event.step_failure_data for event in run.all_events if event.is_step_failure]
    assert "no model family is called forest" in str(failure.user_failure_data.description)
