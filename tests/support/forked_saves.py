"""Saves and decides in forked children, so that the libraries load once. Run by test_registry, never imported.

`kill <home>`: kills a save at its n-th step on disk, for n = 1, 2, ... until one lives. A step is anything that Python
tells its audit hooks about a path in the models folder: making a folder, opening a file, renaming, removing. Each save
finds what the one before left. Writes a line for each: how it ended, and how many versions it had found.

`race <home> <expected> <choice>:<version> <choice>:<version>`: takes two decisions at the same moment. Writes a line
for each that was refused.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from failure_platform.domain.deciding.decisions import DecisionRefusedError
from failure_platform.domain.deciding.log import Choice
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.domain.model_version import ModelToSave
from support.model_samples import NOW, registry_in, trained, wanted

STEPS = ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "shutil.rmtree")
KILLED = -signal.SIGKILL


def save(home: Path, model: ModelToSave, kill_at: int) -> None:
    registry = registry_in(home)
    sys.stdout.write(f"{len(registry.versions('road_test'))}\n")
    sys.stdout.flush()
    seen = 0

    def count(event: str, given: tuple[object, ...]) -> None:
        nonlocal seen
        if event in STEPS and str(given[0]).startswith(str(home / "models")):
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    registry.save(model, NOW)


def decide(home: Path, expected: str, wish: str, start: float) -> None:
    choice, version = wish.split(":")
    time.sleep(max(start - time.monotonic(), 0))
    try:
        registry_in(home).decide(wanted(Choice(choice), version, expected), NOW, Policy.manual, Gates())
    except DecisionRefusedError as refused:
        sys.stdout.write(f"{refused}\n")
        sys.stdout.flush()


def start(work: Callable[..., None], *given: object) -> int:
    pid = os.fork()
    if not pid:
        try:
            work(*given)
        finally:
            failed = sys.exc_info()[0] is not None
            if failed:
                traceback.print_exc()
            os._exit(int(failed))
    return pid


def end(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(what: str, folder: str, *given: str) -> None:
    home = Path(folder).resolve()
    if what == "race":
        expected, *wishes = given
        at = time.monotonic() + 0.2
        for pid in [start(decide, home, expected, wish, at) for wish in wishes]:
            end(pid)
        return
    model = trained()
    for step in range(1, 200):
        ended = end(start(save, home, model, step))
        sys.stdout.write(f"{'killed' if ended == KILLED else ended}\n")
        sys.stdout.flush()
        if ended != KILLED:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
