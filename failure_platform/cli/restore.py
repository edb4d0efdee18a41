"""`restore`: the lake and its published snapshot put right, whichever of them is damaged.

What belongs here: that nobody works on the home meanwhile, and what is told. What does not: the scan and the exchange
of files (resources.repairs).
"""

from typing import Any

from rich.console import Console

from failure_platform.cli import instance
from failure_platform.resources import repairs
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings


def restored(settings: Settings) -> dict[str, Any]:
    """Read lake and snapshot whole, and mend the damaged one from the other.

    Returns:
        `done`: a sentence; `problems`: what was wrong; `kept`: where the damaged lake file lies now, or None.

    Raises:
        HomeBusyError: a platform is up on this home.
        LakeError: both are damaged; the message names the command that helps then.
    """
    with instance.alone(settings):
        result = repairs.restore(Platform(settings).lake)
    return {
        "done": result.done,
        "problems": list(result.problems),
        "kept": str(result.kept) if result.kept else None,
    }


def draw(result: dict[str, Any], out: Console) -> None:
    """Say what was wrong and what was done."""
    for problem in result["problems"]:
        out.print(problem, markup=False)
    out.print(result["done"], markup=False)
    if result["kept"]:
        out.print(f"The damaged file is kept as {result['kept']}; remove it when you need it no more.", markup=False)
