"""`card`: the model card of a version, with its newest figures and every decision about it.

What belongs here: finding the version and what is known of it. What does not: the card's text (domain.versions.card).
"""

from typing import Any

from rich.console import Console

from failure_platform.cli.summary import NotKnownError, must_be_known
from failure_platform.domain.versions.names import VersionNotFoundError, resolve
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings


def carded(settings: Settings, target: str, version: str) -> dict[str, Any]:
    """Return the card of a version, given by its first digits or whole.

    Raises:
        NotKnownError: no such target or version.
    """
    from failure_platform.domain.versions.card import model_card

    must_be_known(settings, target)
    registry = Platform(settings).registry
    try:
        name = resolve(version, target, {known.version: target for known in registry.versions(target)})
    except VersionNotFoundError as error:
        raise NotKnownError(str(error)) from error
    compared = next((one for one in registry.comparisons(target) if one.candidate == name), None)
    text = model_card(registry.version(name), settings.target(target), compared, registry.history(target))
    return {"version": name, "card": text}


def draw(result: dict[str, Any], out: Console) -> None:
    """Print the card as it is: Markdown."""
    out.print(result["card"], markup=False, highlight=False, soft_wrap=True)
