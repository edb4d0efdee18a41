"""Writes and finds report files: page, pictures and model card in `<reports folder>/<target>/<comparison id>/`."""

from collections.abc import Mapping
from pathlib import Path

from failure_platform.domain.comparison.result import ComparisonRecord
from failure_platform.resources.storage import atomic_files

_REPORT = "report.html"
_CARD = "model_card.md"


def report_file(reports_folder: Path, record: ComparisonRecord) -> Path:
    """Return the path of a comparison's report, whether or not it exists."""
    return reports_folder / record.target / record.id / _REPORT


def write_report(
    reports_folder: Path, record: ComparisonRecord, html: str, card: str, pictures: Mapping[str, bytes]
) -> Path:
    """Write the page, the model card (Markdown) and the pictures (PNG, by name), replacing earlier ones.

    Returns the page's path.
    """
    file = report_file(reports_folder, record)
    file.parent.mkdir(parents=True, exist_ok=True)
    (file.parent / _CARD).write_text(card, encoding="utf-8")
    for name, png in pictures.items():
        (file.parent / f"{name}.png").write_bytes(png)
    # A reader that opens the report meanwhile gets the complete old or the complete new one.
    with atomic_files.atomic_write(file) as draft:
        draft.write_text(html, encoding="utf-8")
    return file
