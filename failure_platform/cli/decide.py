"""`decide`: a person's decision from a terminal, through the same job as the launchpad's.

What belongs here: starting the job `decide` and telling what it wrote. What does not: whether a decision is allowed
(domain.deciding.decisions).
"""

from dataclasses import asdict
from typing import Any

from failure_platform.assets.production_model import DECIDE_JOB
from failure_platform.cli import instance
from failure_platform.cli.process import Flow, StageFailedError
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings


class DecisionNotTakenError(Exception):
    """The decision was refused; the message says why and what to do. Nothing changed."""


def decided(settings: Settings, target: str, config: dict[str, Any]) -> dict[str, Any]:
    """Take a decision and return the line that the log grew by.

    Raises:
        DecisionNotTakenError: refused.
    """
    with instance.opened(settings) as dagster:
        try:
            Flow(settings, dagster).run(
                DECIDE_JOB, partition=target, config={"ops": {"production_model": {"config": config}}}
            )
        except StageFailedError as refused:
            raise DecisionNotTakenError(str(refused)) from refused
    return asdict(Platform(settings).registry.history(target)[-1])
