"""How many examples a property test draws: a few by default, ten times as many in `make test-slow`."""

from typing import Any

from hypothesis import settings


def examples(number: int, **more: Any) -> settings:
    """Return the settings of a property test that draws `number` examples by default, without a limit on their time."""
    usual = settings.get_profile("default").max_examples
    return settings(max_examples=number * settings.default.max_examples // usual, deadline=None, **more)
