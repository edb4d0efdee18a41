"""Which exit code an error ends a command with.

What belongs here: the errors that a person can act on, each with its documented code. What does not: their messages,
which stand where they are raised, and the list of codes in the help (app).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.markup import escape

from failure_platform.cli.output import err


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors that a person can act on into a message and a documented exit code."""
    try:
        yield
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        err.print(f"[red]{type(error).__name__.removesuffix('Error')}[/]: {escape(str(error))}")
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    """Return the documented exit code of an error; None: it is not a person's to act on."""
    # Imported once there is an error: together they take seconds, and most commands need few of them.
    from failure_platform.cli.decide import DecisionNotTakenError
    from failure_platform.cli.instance import HomeBusyError
    from failure_platform.cli.process import StageFailedError
    from failure_platform.cli.service import NotStartedError
    from failure_platform.cli.simulate import WrongOptionsError
    from failure_platform.cli.summary import NotKnownError
    from failure_platform.resources.disk_space import DiskFullError
    from failure_platform.resources.lake_errors import LakeBusyError, LakeError
    from failure_platform.resources.quarantine import NotExportedError
    from failure_platform.resources.withdrawing import NotWithdrawableError

    codes: dict[type[Exception], int] = {
        HomeBusyError: 75,
        LakeBusyError: 75,
        DecisionNotTakenError: 5,
        WrongOptionsError: 2,
        NotKnownError: 2,
        NotExportedError: 2,
        NotWithdrawableError: 2,
        StageFailedError: 1,
        NotStartedError: 1,
        LakeError: 1,
        DiskFullError: 1,
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), None)
