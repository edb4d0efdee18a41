"""The quarantine's page and commands: current after each upload, readable, and no cause of further training."""

import csv
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from failure_platform.catalog import uploads_of
from failure_platform.cli.app import app
from failure_platform.cli.quarantine import export_rows, open_reasons
from failure_platform.definitions import build
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
STATUS = "KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n2024-0210002,M7,2024-01-08 06:00:00\n"


class Home:
    """One home whose jobs are run as the daemon would."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.platform = Platform(settings)
        self.defs = build(settings)
        self.instance = instance

    def upload(self, text: str, name: str = "a.csv", kind: str = "status") -> dg.ExecuteInProcessResult:
        inbox = self.platform.inbox
        (inbox.folder(kind) / name).write_text(text)
        (sighting,) = [s for s in inbox.look(kind) if s.name == name]
        receipt = inbox.receive(kind, sighting)
        assert receipt is not None
        self.instance.add_dynamic_partitions(str(uploads_of(kind).name), [receipt.key])
        return self.run(f"ingest_{kind}", receipt.key)

    def run(self, job: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=partition, raise_on_error=False, run_config=QUIET
        )

    def quarantine(self) -> dg.ExecuteInProcessResult:
        """Materialise the asset as the automation sensor does."""
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[dg.AssetKey("quarantine")], run_config=QUIET
        )


@pytest.fixture
def a_home(settings: Settings, dagster_instance: dg.DagsterInstance) -> Home:
    return Home(settings, dagster_instance)


def test_the_page_shows_what_is_open_why_and_how_it_is_put_right(a_home: Home) -> None:
    """Open rows, reasons with an example, a preview of places and values, and the steps in plain words."""
    assert a_home.upload(STATUS).success
    done = a_home.quarantine()
    (page,) = [m.metadata for m in done.asset_materializations_for_node("quarantine")]
    assert page["dagster/row_count"].value == 1
    assert page["dagster/column_schema"].value.columns
    (shown,) = page["preview"].value.records
    assert shown.data == {
        "where": "a.csv, line 3",
        "column": "STATUS",
        "value": "M7",
        "reason": "does not match ^[A-Z][A-Z0-9]{3}$",
    }
    (reason,) = page["open rows by reason"].value.records
    assert reason.data["for example"] == "a.csv, line 3: M7"
    assert "failure-platform quarantine export" in page["how to correct them"].value
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    assert not checks["no_open_rows"].passed
    assert checks["no_open_rows"].severity is dg.AssetCheckSeverity.WARN
    assert checks["agrees_with_the_ledger"].passed


def test_with_nothing_open_the_page_says_so(a_home: Home) -> None:
    a_home.upload(STATUS.splitlines(keepends=True)[0])
    assert all(check.passed for check in a_home.quarantine().get_asset_check_evaluations())


@pytest.mark.filterwarnings("ignore:.*include_sources.*")
def test_it_follows_each_upload_and_causes_no_training(a_home: Home) -> None:
    """Looked at after an upload, the automation asks for it once; having been made, it asks for nothing further."""

    cursor: Any = None

    def asked() -> set[str]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(a_home.defs, a_home.instance, cursor=cursor)
        cursor = result.cursor
        keys = (spec.key for spec in a_home.defs.resolve_all_asset_specs())
        return {key.to_user_string() for key in keys if result.get_num_requested(key)}

    asked()
    a_home.upload(STATUS)
    assert asked() == {"quarantine", "vehicles", "candidate_model", "model_comparison", "predictions"}
    a_home.quarantine()
    assert asked() == set(), "neither itself nor any stage of training"


def test_from_list_to_corrected_file_in_a_terminal(a_home: Home, tmp_path: Path) -> None:
    """What a person types: list, export, correct, drop; then nothing is open."""
    a_home.upload(STATUS)
    told = open_reasons(a_home.settings)
    assert told["open_rows"] == 1
    assert told["reasons"][0]["kind"] == "status"
    file = tmp_path / "to_correct.csv"
    done = export_rows(a_home.settings, file, "status", None, None)
    assert (done["rows"], done["lines"]) == (1, 0)
    with file.open(encoding="utf-8-sig") as text:
        (row,) = csv.DictReader(text)
    corrected = [
        ",".join(row),
        ",".join(row[name] if name != "STATUS" else "M710" for name in ("KNR", "STATUS", "DATA")),
    ]
    corrected[1] += f",{row['QUARANTINE_ID']},,,,,"
    assert Path(done["drop_into"]) == a_home.platform.inbox.folder("status")
    assert a_home.upload("\n".join(corrected) + "\n", "corrected.csv").success
    assert open_reasons(a_home.settings)["open_rows"] == 0


def test_the_commands_draw_reasons_as_they_are(a_home: Home, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets of a pattern are no colours; a kind that there is not is refused with those there are."""
    a_home.upload(STATUS)
    monkeypatch.setattr("failure_platform.cli.exit_codes.out", Console(width=200))
    drawn = CliRunner().invoke(app, ["quarantine", "list"])
    assert "1 row waits" in drawn.output
    assert "^[A-Z][A-Z0-9]{3}$" in drawn.output
    as_json = CliRunner().invoke(app, ["quarantine", "list", "--json", "--kind", "status"])
    assert '"open_rows": 1' in as_json.output
    wrong = CliRunner().invoke(app, ["quarantine", "list", "--kind", "defects"])
    assert wrong.exit_code == 2
    assert "resultados, falhas, status" in wrong.output.replace("│\n│ ", "")
