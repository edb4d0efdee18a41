"""What an arrival sensor remembers from one tick to the next: its cursor."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field

from failure_platform.domain.arrivals import PendingRun, Sighting
from failure_platform.domain.not_taken import Blocked, NotTaken


@dataclass(frozen=True)
class Memory:
    """The cursor of a sensor.

    Args:
        handled: handled files by name.
        pending: requested runs that have not ended, by run key.
        blocked: files that could not be read, by name.
        logged: what was logged as not taken, so that it is logged once.
        compare_inodes: whether another inode shows that a file was replaced (see `domain.arrivals.inodes_change`).
    """

    handled: Mapping[str, Sighting]
    pending: Mapping[str, PendingRun]
    blocked: Mapping[str, Blocked] = field(default_factory=dict)
    logged: Sequence[str] = ()
    compare_inodes: bool = True

    @staticmethod
    def from_cursor(cursor: str | None) -> "Memory":
        """Return what the last tick recorded; empty before the first tick."""
        stored = json.loads(cursor or "{}")
        return Memory(
            {name: Sighting(name, *facts) for name, facts in stored.get("handled", {}).items()},
            {run_key: PendingRun(*facts) for run_key, facts in stored.get("pending", {}).items()},
            {
                name: Blocked(Sighting(name, *facts), NotTaken(*reason), tried_at)
                for name, (facts, reason, tried_at) in stored.get("blocked", {}).items()
            },
            stored.get("logged", []),
            stored.get("compare_inodes", True),
        )

    def to_cursor(self) -> str:
        """Return the text that Dagster stores until the next tick."""
        return json.dumps(
            {
                "handled": {name: astuple(sighting)[1:] for name, sighting in sorted(self.handled.items())},
                "pending": {run_key: astuple(run) for run_key, run in self.pending.items()},
                "blocked": {
                    name: (astuple(one.sighting)[1:], astuple(one.not_taken), one.tried_at)
                    for name, one in self.blocked.items()
                },
                "logged": list(self.logged),
                "compare_inodes": self.compare_inodes,
            }
        )
