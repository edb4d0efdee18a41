"""A one-way mirror of the registry in an MLflow store, so that `mlflow ui` shows versions, metrics and aliases.

The platform never reads it: the store can be deleted and is rebuilt. It needs the extra `mlflow`. A target is an
experiment and the registered model `failure_platform.<target>`; a version is a run (parameters, metrics, tags, its
folder as artifact `model`) and a model version; the decision log sets the aliases `production` and `candidate` and is
copied into the model version's description.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failure_platform.domain.comparison.result import ComparisonRecord
from failure_platform.domain.deciding.log import DecisionLine, version_state
from failure_platform.domain.model_version import ModelVersion
from failure_platform.resources.registry.registry import Registry
from failure_platform.resources.storage.locks import exclusive_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowModelVersion

MODEL_NAME_PREFIX = "failure_platform"
_VERSION, _COMPARISON = "version", "comparison"  # tags
# Without this tag MLflow's experiment page opens on language-model traces, which do not exist here.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
_MAX_PARAM_LENGTH = 6000  # MLflow's own limit


class MlflowMissingError(Exception):
    """The extra `mlflow` is not installed; the message states how to install it."""


def mirror(registry: Registry, targets: Iterable[str], folder: Path) -> dict[str, int]:
    """Update the store in `folder` from the registry; idempotent.

    Returns the number of versions in the store, by target.

    Raises:
        MlflowMissingError: MLflow is not installed.
        KeyError: a version that the registry lists no longer exists.
    """
    with exclusive_lock(folder):
        client = _client(folder)
        return {target: _mirror_target(client, registry, target, folder) for target in targets}


def store_uri(folder: Path) -> str:
    """Return the URI of the store in a folder, for `mlflow ui --backend-store-uri`."""
    return f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def _client(folder: Path) -> "MlflowClient":
    # MLflow reads these variables at import.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    try:
        from mlflow import MlflowClient  # an optional extra, and a second to import
    except ImportError as error:
        raise MlflowMissingError(
            "The setting `mlflow` is on, but MLflow is not installed. Install the extra, "
            "`pip install 'failure-platform[mlflow]'`, or switch the setting off. Nothing else needs it."
        ) from error
    return MlflowClient(tracking_uri=store_uri(folder), registry_uri=store_uri(folder))


def _mirror_target(client: "MlflowClient", registry: Registry, target: str, folder: Path) -> int:
    rows = registry.versions(target)[::-1]
    if not rows:
        return 0
    log, comparisons = registry.history(target), registry.comparisons(target)
    name = f"{MODEL_NAME_PREFIX}.{target}"
    experiment = client.get_experiment_by_name(name)
    existing_id = experiment.experiment_id if experiment else None
    artifacts = (folder / "artifacts" / target).resolve().as_uri()
    experiment_id = existing_id or client.create_experiment(name, artifacts, _EXPERIMENT_TAGS)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"Mirror of the target '{target}'. Decide in the platform.")
    mirrored = {existing.tags.get(_VERSION): existing for existing in client.search_model_versions(f"name = '{name}'")}
    for row in rows:
        run_id = _run(client, experiment_id, row, registry.folder(row.version))
        newest = next((c for c in comparisons if c.candidate == row.version), None)
        if newest is not None:
            _log_comparison(client, run_id, newest)
        if row.version not in mirrored:
            source = f"{client.get_run(run_id).info.artifact_uri}/model"
            mirrored[row.version] = client.create_model_version(name, source, run_id, {_VERSION: row.version})
        _describe(client, mirrored[row.version], row, newest, log)
    _aliases(client, name, rows, log, {version: str(entry.version) for version, entry in mirrored.items()})
    return len(rows)


def _run(client: "MlflowClient", experiment_id: str, row: ModelVersion, folder: Path) -> str:
    for run in client.search_runs([experiment_id], f"tags.`{_VERSION}` = '{row.version}'"):
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        client.delete_run(run.info.run_id)  # incomplete: the mirror was killed while writing it
    created = int(row.created_at.replace(tzinfo=UTC).timestamp() * 1000)
    run = client.create_run(
        experiment_id,
        start_time=created,
        run_name=row.version,
        tags={_VERSION: row.version, "data_version": row.data_version, "family": row.family},
    )
    run_id = str(run.info.run_id)
    for key, value in {**_facts(row), **dict(_flat(row.recipe)), **dict(_flat(row.facts, "training."))}.items():
        client.log_param(run_id, key, str(value)[:_MAX_PARAM_LENGTH])
    for key, value in {**row.metrics, **_out_of_fold(row)}.items():
        if value is not None:
            client.log_metric(run_id, f"training.{key}", value)
    client.log_artifacts(run_id, str(folder), "model")
    client.set_terminated(run_id, "FINISHED", end_time=created)
    return run_id


def _facts(row: ModelVersion) -> Mapping[str, object]:
    return {
        "family": row.family,
        "created_at": row.created_at,
        "trained_from": row.trained_from,
        "trained_until": row.trained_until,
        "vehicles": row.vehicles,
        "failures": row.failures,
        "features": len(row.features),
        "threshold": row.threshold,
        "seed": row.seed,
        "code_version": row.code_version,
        **{f"library.{name}": version for name, version in row.libraries.items()},
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values of nested mappings under dotted names, without tables (lists of mappings)."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None and not (isinstance(value, list) and any(isinstance(one, Mapping) for one in value)):
            yield f"{prefix}{key}", value


def _out_of_fold(row: ModelVersion) -> Mapping[str, float | None]:
    """Return the out-of-fold metrics of the chosen setting."""
    tried = row.facts.get("tried")
    best = min(tried, key=lambda one: one["log_loss"]) if tried else {}
    return {key: best[key] for key in ("log_loss", "roc_auc", "average_precision") if key in best}


def _log_comparison(client: "MlflowClient", run_id: str, record: ComparisonRecord) -> None:
    if client.get_run(run_id).data.tags.get(_COMPARISON) == record.id:
        return
    compared = record.comparison
    for key, value in compared.candidate.items():
        if value is not None:
            client.log_metric(run_id, key, value)
    client.set_tag(run_id, "verdict", compared.verdict.outcome)
    client.set_tag(run_id, "verdict_reason", compared.verdict.reason)
    client.set_tag(run_id, "compared_with", record.production or "base rate")
    client.set_tag(run_id, _COMPARISON, record.id)  # last, so that it marks the others as complete


def _describe(
    client: "MlflowClient",
    mirrored: "MlflowModelVersion",
    row: ModelVersion,
    record: ComparisonRecord | None,
    log: Sequence[DecisionLine],
) -> None:
    lines = [f"{row.family}, {row.vehicles} vehicles, {row.failures} failures, data {row.data_version}."]
    verdict = None if record is None else record.comparison.verdict
    if verdict is not None:
        lines.append(f"Verdict {verdict.outcome}: {verdict.reason}")
    lines += [
        f"{line.decided_at:%Y-%m-%d %H:%M} UTC: {line.decision} by {line.who}: {line.why}" + _gate_result(line)
        for line in log
        if line.version == row.version
    ]
    description = "\n\n".join(lines)
    if mirrored.description != description:
        client.update_model_version(mirrored.name, mirrored.version, description)
    for tag, value in {"state": version_state(row.version, log), "verdict": verdict.outcome if verdict else ""}.items():
        if value and mirrored.tags.get(tag) != value:
            client.set_model_version_tag(mirrored.name, mirrored.version, tag, value)


def _gate_result(line: DecisionLine) -> str:
    return f" (the gates advised: {line.evidence['advice']})" if line.evidence else ""


def _aliases(
    client: "MlflowClient",
    name: str,
    rows: Sequence[ModelVersion],
    log: Sequence[DecisionLine],
    numbers: Mapping[str | None, str],
) -> None:
    wanted = {
        alias: next((numbers[row.version] for row in reversed(rows) if version_state(row.version, log) == alias), None)
        for alias in ("production", "candidate")
    }
    existing = client.get_registered_model(name).aliases
    for alias, number in wanted.items():
        if number is not None and str(existing.get(alias)) != number:
            client.set_registered_model_alias(name, alias, number)
        elif number is None and alias in existing:
            client.delete_registered_model_alias(name, alias)
