"""What a killed platform left alive, and its end.

What belongs here: telling such processes from all others, and ending them. What does not: who may work on a home
(instance).

Every process that a platform starts carries two things in its environment: the home, and a mark that no other start
has. A person's shell may have the first; only the platform's own children have both. The mark is there before the
first of them is started, so no moment is left in which one could be missed.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress

import psutil

MARK = "FAILURE_PLATFORM_STARTED_AS"
HOME = "DAGSTER_HOME"
_ROUNDS = 5
_ROUND_SECONDS = 2.0


def new_mark() -> str:
    """Return a mark that no other start has."""
    return secrets.token_hex(8)


def end(mark: str, home: str) -> int:
    """End every process that carries both; return how many there were.

    They are killed at once: whatever they were doing can be done again, and none of them has anybody to report to.
    """
    ended: set[int] = set()
    # One that was just being started when its parent died appears in the next round.
    for _ in range(_ROUNDS):
        found = list(_carrying(mark, home))
        if not found:
            break
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=_ROUND_SECONDS)
        ended |= {process.pid for process in found}
    return len(ended)


def _carrying(mark: str, home: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        # Processes of other users do not show their environment, nor do those that have just ended.
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            told = process.environ()
            if told.get(MARK) == mark and told.get(HOME) == home and process.pid != os.getpid():
                yield process
