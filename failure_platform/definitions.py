"""The only wiring: assets, checks, jobs, sensors and resources of one home, in flow order."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from failure_platform.assets.candidate_model import candidate_model_asset
from failure_platform.assets.lake import lake_asset
from failure_platform.assets.model_comparison import model_comparison_asset
from failure_platform.assets.predictions import PREDICT_JOB, predictions_asset
from failure_platform.assets.production_model import DECIDE_JOB, production_model_asset
from failure_platform.assets.quarantine import quarantine_asset
from failure_platform.assets.raw import raw_asset
from failure_platform.assets.vehicles import vehicles_asset
from failure_platform.catalog import WHEN_UPSTREAM_CHANGED, uploads_of
from failure_platform.domain.contracts import CONTRACTS, Contract
from failure_platform.resources.platform import Platform
from failure_platform.sensors.arrivals import arrival_sensor
from failure_platform.sensors.retraining import retraining_sensor
from failure_platform.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """Return what Dagster loads: the definitions of the home that the environment names."""
    return build(Settings())


def build(settings: Settings, contracts: Mapping[str, Contract] = CONTRACTS) -> dg.Definitions:
    """Return the definitions of one home, with a raw and a lake asset, a job and a sensor per contract."""
    targets = dg.StaticPartitionsDefinition(sorted(settings.targets))
    uploads = [asset for contract in contracts.values() for asset in (raw_asset(contract), lake_asset(contract))]
    waiting = quarantine_asset(list(contracts), WHEN_UPSTREAM_CHANGED)
    models = [
        vehicles_asset(targets, WHEN_UPSTREAM_CHANGED),
        candidate_model_asset(targets, WHEN_UPSTREAM_CHANGED),
        model_comparison_asset(targets, WHEN_UPSTREAM_CHANGED, DECIDE_JOB),
        predictions_asset(targets, WHEN_UPSTREAM_CHANGED),
    ]
    # Under the manual policy, only a person materialises it.
    decision = production_model_asset(targets, WHEN_UPSTREAM_CHANGED if settings.policy == "automatic" else None)
    ingest = {kind: _job(f"ingest_{kind}", f"Ingests {kind} uploads.", f"raw_{kind}", kind) for kind in contracts}
    retrain = _job("retrain", "Describes vehicles, trains a candidate, compares it and predicts.", *models)
    decide = _job(DECIDE_JOB, "Promotes, keeps or rolls back.", decision)
    predict = _job(PREDICT_JOB, "Predicts with the production model.", models[-1])
    settle, most = settings.settle_seconds, settings.uploads_per_run
    arrivals = [arrival_sensor(kind, job.name, uploads_of(kind), settle, most, ingest) for kind, job in ingest.items()]
    return dg.Definitions(
        assets=[*uploads, waiting, *models, decision],
        jobs=[*ingest.values(), retrain, decide, predict],
        sensors=[*arrivals, retraining_sensor(dg.AssetSelection.assets(waiting, *models, decision))],
        resources=Platform(settings).resources,
        # One process per run: with one per step, each costs two seconds and they would wait for each other's lake lock.
        executor=dg.in_process_executor,
    )


def _job(name: str, description: str, *assets: str | dg.AssetsDefinition) -> Any:
    return dg.define_asset_job(name, dg.AssetSelection.assets(*assets), description=description)
