"""`quarantine`: lists the rows that wait for a correction, and exports them as a file to correct."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from failure_platform.cli.exit_codes import AsJson, show
from failure_platform.settings import Settings

commands = typer.Typer(help="List and export the rows that wait for a correction.", no_args_is_help=True)


def _known(kind: str | None) -> str | None:
    from failure_platform.domain.contracts import CONTRACTS

    if kind is not None and kind not in CONTRACTS:
        raise typer.BadParameter(f"there is no kind '{kind}'; there are: {', '.join(CONTRACTS)}")
    return kind


_KIND = typer.Option("--kind", help="Of this kind: resultados, falhas, status …", callback=_known)
UploadKey = Annotated[str | None, typer.Option("--upload", help="Only of this upload, by its key.")]


@commands.command("list")
def list_reasons(kind: Annotated[str | None, _KIND] = None, upload: UploadKey = None, as_json: AsJson = False) -> None:
    """Show how many rows wait for a correction, by reason, with an example of each."""
    from failure_platform.cli import drawing

    show(open_reasons(Settings(), kind, upload), as_json, drawing.draw_open_reasons)


@commands.command()
def export(
    file: Annotated[Path, typer.Argument(help="The csv file to write; it must not exist yet.")],
    kind: Annotated[str, _KIND],
    reason: Annotated[str | None, typer.Option(help="Only rows with this text in a reason.")] = None,
    upload: UploadKey = None,
    as_json: AsJson = False,
) -> None:
    """Write rows that wait to a csv file. Correct it, drop it into uploads/<kind>: its rows are merged and closed."""
    from failure_platform.cli import drawing

    show(export_rows(Settings(), file, kind, reason, upload), as_json, drawing.draw_export)


def open_reasons(settings: Settings, kind: str | None = None, upload: str | None = None) -> dict[str, Any]:
    """Return the number of open rows, and their reasons as `OpenReason` has them."""
    from failure_platform.resources.lake import quarantine
    from failure_platform.resources.platform import Platform

    with Platform(settings).lake.read() as connection:
        return {
            "open_rows": quarantine.open_rows(connection, kind, upload),
            "reasons": [asdict(reason) for reason in quarantine.by_reason(connection, kind, upload)],
        }


def export_rows(settings: Settings, file: Path, kind: str, reason: str | None, upload: str | None) -> dict[str, Any]:
    """Write the file; return its path, its row counts, and the folder to drop it into once it is corrected.

    Raises:
        NotExportedError: no open row matches, or the file exists already or cannot be written.
    """
    from failure_platform.domain.contracts import CONTRACTS
    from failure_platform.resources.lake import quarantine
    from failure_platform.resources.platform import Platform

    platform = Platform(settings)
    with platform.lake.read() as connection:
        done = quarantine.export(connection, CONTRACTS[kind], file, reason=reason, upload=upload)
    return {"file": str(file), "rows": done.rows, "lines": done.lines, "drop_into": str(platform.inbox.folder(kind))}
