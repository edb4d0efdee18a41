"""Documented exit codes of the errors that a person can act on, and printing of results."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

out = Console()
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def show(result: dict[str, Any], as_json: bool, draw: Callable[[dict[str, Any], Console], None]) -> None:
    """Print a result as one JSON object, or let `draw` draw it."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2, default=str) + "\n")
    else:
        draw(result, out)


def process_exit_code(result: Mapping[str, Any]) -> int:
    """Return the exit code of `process` from its result: 1, 4, 3 or 0, the first that applies."""
    blocked = [target["blocked"] for target in result["targets"].values() if target["blocked"]]
    if any(one.get("failed") for one in blocked):
        return 1
    if any(one["check"] == "leak_audit" for one in blocked):
        return 4
    refused = any(line["state"] == "refused" for line in result["uploads"])
    return 3 if refused or result["not_taken"] else 0


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
    """Return the documented exit code of an error; None when no person can act on it."""
    # Imported only after an error: together they take seconds, and most commands need few of them.
    from failure_platform.cli.flow import DecisionNotTakenError, StageFailedError
    from failure_platform.cli.instance import HomeBusyError, HomeNotUsableError
    from failure_platform.cli.model_commands import NotKnownError
    from failure_platform.cli.service import NotStartedError
    from failure_platform.cli.simulate import WrongOptionsError
    from failure_platform.resources.lake.errors import LakeBusyError, LakeError
    from failure_platform.resources.lake.quarantine import NotExportedError
    from failure_platform.resources.merging.withdraw import NotWithdrawableError
    from failure_platform.resources.storage.disk_space import DiskFullError

    codes: dict[type[Exception], int] = {
        HomeBusyError: 75,
        LakeBusyError: 75,
        DecisionNotTakenError: 5,
        HomeNotUsableError: 2,
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
