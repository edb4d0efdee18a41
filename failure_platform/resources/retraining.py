"""Whether training again would give the version that is there."""

import json

from failure_platform.domain.features.wide import data_version
from failure_platform.domain.leaks.findings import audit_of
from failure_platform.domain.targets import Target
from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.vehicles.vehicles_table import description_options, pending_changes


def current_candidate(platform: Platform, target: Target, code_version: str) -> str | None:
    """Return the newest version if training again would give it, and if it is compared with production; else None.

    Training is deterministic: it gives the same version where code, recipe and described vehicles are the same.
    Comparing that version once more would only spend a part of the holdout.

    Args:
        platform: the home.
        target: what is predicted.
        code_version: version of the rules in the code, which is part of a version's identity.
    """
    settings, registry = platform.settings, platform.registry
    candidate, production = registry.newest(target.name), registry.current(target.name)
    if candidate is None or candidate.code_version != code_version:
        return None
    pending = pending_changes(platform.lake, target, **description_options(settings, code_version))
    if pending.uploads or pending.rebuild_reason is not None:
        return None
    incremental = settings.training.mode == "incremental"
    recipe = settings.recipe(candidate.recipe.get("started_from") if incremental else None).as_dict()
    recorded = {**candidate.recipe, "trials_done": None}
    recorded.pop("accepted_features", None)
    vehicles = read_table(platform.lake, vehicles_table(target.name))
    if (
        recorded != json.loads(json.dumps(recipe))
        or not audit_of(candidate.facts).same_acceptance(settings.accepted_features)
        or vehicles is None
        or data_version(vehicles) != candidate.data_version
    ):
        return None
    pair = (candidate.version, production.version if production else None)
    compared = any((one.candidate, one.production) == pair for one in registry.comparisons(target.name))
    return candidate.version if compared or pair[0] == pair[1] else None
