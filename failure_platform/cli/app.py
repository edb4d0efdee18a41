"""The command line: one command per task, in the same words as the Dagster UI.

Results go to standard output (as JSON with --json), progress and errors to standard error.
Exit codes: 0 done, 1 a stage failed, 2 wrong usage or settings, 3 an upload was refused or not taken, 4 the leak audit
blocked a target, 5 a decision was refused, 75 the home or the lake is in use: try again later.
"""

import signal
import sys
import tomllib
import warnings
from datetime import datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

from failure_platform.cli import quarantine
from failure_platform.cli.exit_codes import AsJson, err, exit_codes, process_exit_code, show
from failure_platform.settings import ENV_PREFIX, SETTINGS_FILE, Settings

app = typer.Typer(
    help="Predicts which vehicles will fail their road test, and says when such a prediction cannot be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 a stage failed, 2 wrong usage or settings, 3 an upload was refused or "
    "not taken, 4 the leak audit blocked a target, 5 a decision was refused, 75 in use: try again later.",
)
app.add_typer(quarantine.commands, name="quarantine")

TargetName = Annotated[str, typer.Option("--target", help="Which target.")]


def main() -> None:
    """Run the command line."""
    # SIGTERM ends the platform as Ctrl-C does: in order, without a process left.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # Dagster marks single_run backfills as beta; its version is pinned, and no user of a terminal can act on it.
    warnings.filterwarnings("ignore", message=".*backfill_policy.*")
    _check_settings()
    with exit_codes():
        app()


@app.command()
def up() -> None:
    """Start the platform on this home: UI, sensors and daemon, until Ctrl-C."""
    from failure_platform.cli import service

    settings = _settings()
    err.print("starting …")
    with service.running(settings) as platform:
        err.print(f"[bold]The platform is up: {platform.url}[/]  (Ctrl-C ends it)")
        err.print(f"Drop files into {settings.uploads_folder}/<kind>/")
        platform.stay_up()


@app.command()
def demo(
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="End the platform instead of keeping the UI up.")
    ] = False,
) -> None:
    """Show the complete flow on simulated uploads; the UI stays up until Ctrl-C."""
    from failure_platform.cli.demo import run_demo

    run_demo(_settings(), err, exit_when_done=exit_when_done)


@app.command()
def process(as_json: AsJson = False) -> None:
    """Run the complete flow once without a UI: ingest every file, merge, train, compare.

    The result is printed whole whatever the exit code: 1 a stage failed, 4 the leak audit blocked a target, 3 an upload
    was refused; the first of these that applies.
    """
    from failure_platform.cli import drawing
    from failure_platform.cli.flow import run_flow

    result = run_flow(_settings(), lambda line: err.print(line, markup=False))
    show(result, as_json, drawing.draw_process)
    if code := process_exit_code(result):
        raise typer.Exit(code)


@app.command()
def models(target: TargetName = "road_test", as_json: AsJson = False) -> None:
    """List the versions of a target, their figures, and every decision."""
    from failure_platform.cli.model_commands import history
    from failure_platform.cli.model_drawing import draw_models

    show(history(_settings(), target), as_json, draw_models)


@app.command()
def report(target: TargetName = "road_test", as_json: AsJson = False) -> None:
    """Print the path of the report of the newest comparison: one page to open, mail or print."""
    from failure_platform.cli import drawing
    from failure_platform.cli.model_commands import newest_report

    show(newest_report(_settings(), target), as_json, drawing.draw_report)


@app.command()
def card(
    version: Annotated[str, typer.Argument(help="The version, or its first 6 characters or more.")],
    target: TargetName = "road_test",
    as_json: AsJson = False,
) -> None:
    """Show the model card of a version: data, features, figures, slices, limits, decisions, how to reproduce it."""
    from failure_platform.cli import drawing, model_commands

    show(model_commands.card(_settings(), target, version), as_json, drawing.draw_card)


@app.command()
def decide(
    decision: Annotated[str, typer.Argument(help="promote, keep, roll_back or retire")],
    version: Annotated[str, typer.Argument(help="The version, or its first 6 characters or more.")],
    who: Annotated[str, typer.Option(help="Who decides.")],
    why: Annotated[str, typer.Option(help="Why; kept with the decision.")],
    expected: Annotated[
        str, typer.Option(help="The production version you saw; leave empty when there was none.")
    ] = "",
    target: TargetName = "road_test",
    as_json: AsJson = False,
) -> None:
    """Promote, keep, roll back or retire, as in the launchpad of production_model."""
    from failure_platform.cli import drawing, flow

    config = {"decision": decision, "version": version, "expected_version": expected, "who": who, "why": why}
    show(flow.decide(_settings(), target, config), as_json, drawing.draw_decision)


@app.command()
def predict(
    knr: Annotated[str, typer.Argument(metavar="KNR")], target: TargetName = "road_test", as_json: AsJson = False
) -> None:
    """Show how likely one vehicle is to fail, by which model, and its outcome when known."""
    from failure_platform.cli import drawing
    from failure_platform.cli.model_commands import prediction

    show(prediction(_settings(), target, knr), as_json, drawing.draw_prediction)


@app.command()
def uploads(kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None, as_json: AsJson = False) -> None:
    """List every upload with its state and row counts, and what lies among the uploads and is not taken."""
    from failure_platform.cli import drawing
    from failure_platform.cli.upload_commands import list_uploads

    show(list_uploads(_settings(), kind), as_json, drawing.draw_uploads)


@app.command()
def withdraw(
    upload: Annotated[str, typer.Argument(help="File name, key, or the first characters of the hash.")],
    who: Annotated[str, typer.Option(help="Who withdraws it.")],
    why: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
    as_json: AsJson = False,
) -> None:
    """Remove one upload's rows from the lake; the rows that they had replaced are restored."""
    from failure_platform.cli import drawing
    from failure_platform.cli.upload_commands import withdraw_upload

    show(withdraw_upload(_settings(), upload, who, why), as_json, drawing.draw_withdrawal)


@app.command()
def replay(
    check: Annotated[bool, typer.Option("--check", help="Only compare; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the lake from the archived originals, and replace the current one where they differ."""
    from failure_platform.cli import drawing
    from failure_platform.cli.lake_commands import replay_lake

    result = replay_lake(_settings(), check=check, say=lambda line: err.print(line, markup=False))
    show(result, as_json, drawing.draw_replay)
    if check and not result["identical"]:
        raise typer.Exit(1)


@app.command()
def restore(as_json: AsJson = False) -> None:
    """Read the complete lake and its published snapshot, and repair the damaged one from the other."""
    from failure_platform.cli import drawing
    from failure_platform.cli.lake_commands import restore_lake

    show(restore_lake(_settings()), as_json, drawing.draw_restore)


@app.command()
def doctor(
    scan: Annotated[bool, typer.Option("--scan", help="Read every row of the lake; for a nightly check.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting and whether this machine and home can run the platform."""
    from failure_platform.cli import drawing
    from failure_platform.cli.doctor import examine

    result = examine(_settings(), scan=scan)
    show(result, as_json, drawing.draw_doctor)
    if not all(c["ok"] for c in result["checks"]):
        raise typer.Exit(1)


@app.command()
def simulate(
    vehicles: Annotated[int, typer.Option(min=1, help="How many vehicles.")] = 1_500,
    weeks: Annotated[int, typer.Option(min=1, help="Over how many weeks.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 1,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Production day of the first vehicle.")
    ] = datetime(2023, 1, 2),
    name: Annotated[str, typer.Option(help="Name of the batch, and of its files.")] = "batch_1",
    signal: Annotated[float, typer.Option(min=0, help="Strength of what can be learnt; 0 is none.")] = 1.0,
    failure_rate: Annotated[float, typer.Option(help="Share of vehicles that fail.")] = 0.063,
    drift: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day from which the plant behaves differently.")
    ] = None,
    dirt: Annotated[
        list[str], typer.Option(help="KIND=SHARE of rows, e.g. repeated_row=0.01; or `some`. Repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    separator: Annotated[str, typer.Option(help="`,` or `;` (which brings decimal commas).")] = ",",
    encoding: Annotated[str, typer.Option(help="utf-8, utf-8-sig, latin-1 or utf-16.")] = "utf-8",
    gzipped: Annotated[bool, typer.Option("--gzip", help="Compress, and still call it .csv.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write one batch of simulated uploads into the upload folders, and its truth next to them."""
    from failure_platform.cli import drawing
    from failure_platform.cli.simulate import simulate_batch

    plan = {
        "vehicles": vehicles,
        "weeks": weeks,
        "seed": seed,
        "start": start.date(),
        "name": name,
        "signal": signal,
        "failure_rate": failure_rate,
        "drift_date": drift.date() if drift else None,
        "separator": separator,
        "encoding": encoding,
        "gzipped": gzipped,
    }
    show(simulate_batch(_settings(), plan, dirt, err), as_json, drawing.draw_simulation)


def _settings() -> Settings:
    return Settings()


def _check_settings() -> None:
    """Exit with code 2 when a setting is wrong, before anything that reads the settings is imported."""
    try:
        Settings()
    except ValidationError as error:
        for wrong in error.errors():
            name = "__".join(str(part) for part in wrong["loc"]).upper()
            unknown = wrong["type"] in ("extra_forbidden", "unexpected_keyword_argument")
            problem = "there is no such setting" if unknown else wrong["msg"].removeprefix("Value error, ")
            err.print(f"[red]Wrong setting[/] {ENV_PREFIX}{name}: {escape(problem)}")
        sys.exit(2)
    except tomllib.TOMLDecodeError as error:
        err.print(f"[red]Wrong setting[/]: {SETTINGS_FILE} in the home folder is not TOML: {escape(str(error))}")
        sys.exit(2)
