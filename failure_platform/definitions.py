"""The only wiring: resources, assets, checks, jobs and sensors, in flow order."""

import dagster as dg

from failure_platform.assets.candidate_model import candidate_model_asset
from failure_platform.assets.lake import lake_asset
from failure_platform.assets.model_comparison import model_comparison_asset
from failure_platform.assets.predictions import predictions_asset
from failure_platform.assets.production_model import DECIDE_JOB, production_model_asset
from failure_platform.assets.quarantine import quarantine_asset
from failure_platform.assets.raw import raw_asset
from failure_platform.assets.vehicles import vehicles_asset
from failure_platform.catalog import WHEN_UPSTREAM_CHANGED, uploads_of
from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.platform import Platform
from failure_platform.sensors.arrivals import arrival_sensor
from failure_platform.sensors.retraining import retraining_sensor
from failure_platform.settings import Settings


def build(settings: Settings) -> dg.Definitions:
    """Return everything Dagster loads, for one home. Touches no disk."""
    platform = Platform(settings)
    targets = dg.StaticPartitionsDefinition(sorted(settings.targets))

    uploads = [asset for contract in CONTRACTS.values() for asset in (raw_asset(contract), lake_asset(contract))]
    waiting = quarantine_asset(list(CONTRACTS), WHEN_UPSTREAM_CHANGED)
    model_stages = [
        vehicles_asset(list(CONTRACTS), targets, WHEN_UPSTREAM_CHANGED),
        candidate_model_asset(targets, WHEN_UPSTREAM_CHANGED),
        model_comparison_asset(targets, WHEN_UPSTREAM_CHANGED, DECIDE_JOB),
        predictions_asset(targets, WHEN_UPSTREAM_CHANGED),
    ]
    # Under the manual policy nothing but a person materialises it.
    decision = production_model_asset(targets, WHEN_UPSTREAM_CHANGED if settings.policy == "automatic" else None)

    ingest = {
        kind: dg.define_asset_job(
            f"ingest_{kind}",
            selection=dg.AssetSelection.assets(f"raw_{kind}", kind),
            description=f"Takes {kind} uploads into the lake.",
        )
        for kind in CONTRACTS
    }
    retrain = dg.define_asset_job(
        "retrain",
        selection=dg.AssetSelection.assets(*model_stages),
        description="Describes vehicles, trains a candidate, compares it and predicts.",
    )
    decide = dg.define_asset_job(
        DECIDE_JOB, selection=dg.AssetSelection.assets(decision), description="Promotes, keeps or rolls back."
    )
    return dg.Definitions(
        assets=[*uploads, waiting, *model_stages, decision],
        jobs=[*ingest.values(), retrain, decide],
        sensors=[
            *(
                arrival_sensor(kind, job.name, uploads_of(kind), settings.settle_seconds, settings.uploads_per_run)
                for kind, job in ingest.items()
            ),
            retraining_sensor(dg.AssetSelection.assets(waiting, *model_stages, decision)),
        ],
        resources=platform.resources,
        # One process per run: a process per step costs two seconds each and would meet itself at the lake's lock.
        executor=dg.in_process_executor,
    )


defs = build(Settings())
