"""`report`: where the report of a target's newest comparison lies.

What belongs here: finding it, and telling where it is. What does not: making it (assets.model_comparison).
"""

from typing import Any

from rich.console import Console

from failure_platform.cli.summary import NotKnownError
from failure_platform.resources.platform import Platform
from failure_platform.resources.report_files import report_file
from failure_platform.settings import Settings


def found(settings: Settings, target: str) -> dict[str, Any]:
    """Return the newest comparison's report: its path, id, verdict and reason.

    Raises:
        NotKnownError: no such target, nothing compared yet, or the report is gone.
    """
    if target not in settings.targets:
        raise NotKnownError(f"There is no target '{target}'; the settings have: {', '.join(sorted(settings.targets))}.")
    comparisons = Platform(settings).registry.comparisons(target)
    if not comparisons:
        raise NotKnownError("Nothing was compared yet. Drop files into the upload folders: failure-platform process")
    newest = comparisons[0]
    file = report_file(settings.reports_folder, newest)
    if not file.is_file():
        raise NotKnownError(
            f"The report of comparison {newest.id} is not at {file}. Materialise model_comparison again: it is then "
            "written anew, with the same figures."
        )
    return {"report": str(file), "comparison": newest.id, "verdict": newest.outcome, "reason": newest.reason}


def draw(result: dict[str, Any], out: Console) -> None:
    """Draw the path on a line of its own, so that it can be copied."""
    out.print(result["reason"], markup=False)
    out.print(result["report"], markup=False, soft_wrap=True)
