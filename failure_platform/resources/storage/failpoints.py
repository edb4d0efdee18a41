"""Names the points of a write at which tests kill the process; in production nothing happens at any of them."""

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
    """Continue."""


action: Callable[[Point], None] = _nothing
"""What happens at every point; a test process replaces it, for example to kill itself."""


def failpoint(point: Point) -> None:
    """Mark that a point was reached.

    Raises:
        ValueError: there is no point of that name, so no test could kill a process there.
    """
    if point not in POINTS:
        raise ValueError(f"'{point}' is no failure point; there are: {', '.join(sorted(POINTS))}.")
    action(point)
