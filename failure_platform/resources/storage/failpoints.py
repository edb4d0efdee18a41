"""Named places in a write where a process may die, so that tests can kill one exactly there.

Belongs here: the names, and the call that marks such a place. Does not belong here: what a test does at one. In
production nothing happens at any of them, and nothing outside the code can change that.
"""

from collections.abc import Callable
from typing import Literal, get_args

Point = Literal[
    "archive.copied",
    "archive.named",
    "merge.superseded",
    "merge.inserted",
    "merge.noted",
    "write.open",
    "write.before_commit",
    "write.committed",
    "write.checkpointed",
    "publish.spare_taken",
    "publish.copied",
    "publish.renamed",
]

POINTS: frozenset[str] = frozenset(get_args(Point))


def _nothing(_point: Point) -> None:
    """Go on."""


action: Callable[[Point], None] = _nothing
"""What happens at every point; a test process puts something else here, such as ending itself."""


def failpoint(point: Point) -> None:
    """Mark that a point was reached.

    Raises:
        ValueError: no point has that name, so no test would ever kill a process there.
    """
    if point not in POINTS:
        raise ValueError(f"'{point}' is no failure point; there are: {', '.join(sorted(POINTS))}.")
    action(point)
