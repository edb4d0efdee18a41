"""The production model that incremental training goes on from."""

from failure_platform.domain.training.incremental import Start
from failure_platform.domain.training.trainable import NotTrainableError
from failure_platform.resources.registry.registry import Registry
from failure_platform.settings import Settings


def start_of(settings: Settings, registry: Registry, target: str) -> Start | None:
    """Return the production model to go on from; None when training is full.

    Raises:
        NotTrainableError: training is incremental and nothing is in production.
        ModelRefusedError: the production model cannot be loaded.
    """
    if settings.training.mode == "full":
        return None
    production = registry.current(target)
    if production is None:
        raise NotTrainableError(
            "training.mode is incremental, and nothing is in production to go on from. Set it to full, and promote a "
            "version first."
        )
    loaded = registry.load(production.version)
    return Start(production.version, loaded.pipeline, production.features, production.trained_until)
