"""The whole flow from a terminal, on the three real data sets: what it says, and that it says no more than that."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from failure_platform.cli.flow import current_candidate
from failure_platform.domain.metrics import METRICS
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings


@dataclass(frozen=True)
class Terminal:
    """The command line on one home."""

    home: Path

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("failure-platform")), *arguments],
            env={**os.environ, "FAILURE_PLATFORM_HOME": str(self.home), "FAILURE_PLATFORM_SETTLE_SECONDS": "0.1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if "--json" in arguments and code in (0, 3) else done.stderr

    def drop(self, data: Path) -> None:
        for file in data.glob("*.csv.gz"):
            folder = self.home / "uploads" / file.name.split(".")[0]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / file.name)


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[Terminal, dict[str, Any]]]:
    """Process a real data set once for all tests of this module."""
    done: dict[Path, tuple[Terminal, dict[str, Any]]] = {}

    def run(data: Path) -> tuple[Terminal, dict[str, Any]]:
        if data not in done:
            terminal = Terminal(tmp_path_factory.mktemp(data.name))
            terminal.drop(data)
            done[data] = (terminal, terminal("process", "--json"))
        return done[data]

    return run


def of_road_test(result: dict[str, Any]) -> dict[str, Any]:
    target: dict[str, Any] = result["targets"]["road_test"]
    assert set(target["candidate"]["metrics"]) == set(METRICS)
    return target


def test_ai4i_has_signal_and_is_called_better(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    """Nothing is lost on the way in, and what can be learnt is learnt."""
    _, result = processed(real_data("ai4i"))
    assert {(u["kind"], u["rows_in"], u["merged"], u["state"]) for u in result["uploads"]} == {
        ("resultados", 60_000, 60_000, "merged"),
        ("falhas", 339, 339, "merged"),
        ("status", 10_000, 10_000, "merged"),
    }
    target = of_road_test(result)
    assert target["candidate"]["metrics"]["roc_auc"] >= 0.95
    assert target["candidate"]["metrics"]["average_precision"] >= 0.65
    assert target["production"] is None
    assert target["verdict"]["outcome"] == "better"


def test_secom_is_never_called_usable(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    """Nine failures and a lucky AUC: the verdict is no_signal or not_judged, and shows the interval."""
    _, result = processed(real_data("secom_first70"))
    target = of_road_test(result)
    assert target["failures"] == 9
    assert target["verdict"]["outcome"] in {"no_signal", "not_judged"}
    assert " to " in target["verdict"]["reason"]


def test_azure_has_too_few_failures_to_judge(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    """Four failures in the comparison: a perfect score there proves nothing, and nothing is promoted on it."""
    terminal, result = processed(real_data("azure_m01_10"))
    target = result["targets"]["road_test"]
    assert target["verdict"]["outcome"] == "not_judged"
    assert terminal("models", "--json")["decisions"] == []


def test_a_second_run_changes_nothing(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    """Training again would give the version that is there, and comparing it would spend a part of the holdout."""
    terminal, before = processed(real_data("azure_m01_10"))
    runs = set((terminal.home / "dagster" / "history" / "runs").iterdir())
    after = terminal("process", "--json")
    assert after["uploads"] == before["uploads"]
    assert after["targets"] == before["targets"]
    assert len(terminal("models", "--json")["versions"]) == 1
    assert set((terminal.home / "dagster" / "history" / "runs").iterdir()) == runs, "no stage ran"


def test_another_recipe_is_something_new(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    """Changed settings are trained with at the next run, although no file came."""
    terminal, before = processed(real_data("azure_m01_10"))
    version = before["targets"]["road_test"]["candidate"]["version"]
    for given, expected in (({}, version), ({"seed": 7}, None), ({"holdout_share": 0.3}, None)):
        platform = Platform(Settings(home=terminal.home, **given))
        assert current_candidate(platform, platform.settings.target("road_test")) == expected
    # Nothing was named, so an acceptance concerns nothing.
    accepted = {"rows:2": {"who": "Ana", "why": "it is counted before"}}
    platform = Platform(Settings(home=terminal.home, accepted_features=accepted))
    assert current_candidate(platform, platform.settings.target("road_test")) == version


@pytest.mark.fault(14)
def test_the_same_bytes_under_another_name_are_already_in(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    terminal, _ = processed(real_data("azure_m01_10"))
    folder = terminal.home / "uploads" / "falhas"
    shutil.copy(folder / "falhas.csv.gz", folder / "again.csv")
    lines = {u["name"]: u for u in terminal("process", "--json")["uploads"]}
    (folder / "again.csv").unlink()
    again = lines["again.csv"]
    assert (again["state"], again["rows_in"], again["merged"], again["duplicate"]) == ("already_in", 17, 0, 17)


def test_a_person_decides_from_a_terminal(
    real_data: Callable[[str], Path], processed: Callable[[Path], tuple[Terminal, dict[str, Any]]]
) -> None:
    """Promote, be refused on stale input, predict: every refusal says what to do and leaves the log as it was."""
    terminal, result = processed(real_data("ai4i"))
    version = result["targets"]["road_test"]["candidate"]["version"]
    who = ("--who", "Ana", "--why", "read it")
    refused = terminal("decide", "promote", version, "--expected", "aaaaaa", *who, code=5)
    assert "expected_version" in refused
    terminal("decide", "promote", "000000", *who, code=5)
    terminal("decide", "promote", version, "--who", "", "--why", "", code=5)
    assert terminal("models", "--json")["decisions"] == []

    line = terminal("decide", "promote", version[:6], *who, "--json")
    assert (line["production_version"], line["who"], line["why"]) == (version, "Ana", "read it")
    terminal("process", "--json")
    predicted = terminal("predict", "2024-0210001", "--json")
    assert predicted["version"] == version
    assert 0 <= predicted["probability"] <= 1
    assert predicted["trained_on"]
    assert "has no prediction" in terminal("predict", "2024-9999999", code=2)


def test_a_refused_upload_is_told_and_stops_only_itself(tmp_path: Path) -> None:
    """Exit code 3 says that a file was refused; the good file beside it is merged."""
    terminal = Terminal(tmp_path / "home")
    folder = terminal.home / "uploads" / "status"
    folder.mkdir(parents=True)
    (folder / "good.csv").write_text("KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n")
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    result = terminal("process", "--json", code=3)
    states = {u["name"]: u["state"] for u in result["uploads"]}
    assert states == {"good.csv": "merged", "bad.csv": "refused"}
    (reason,) = [u["reason"] for u in result["uploads"] if u["state"] == "refused"]
    assert "KNR" in reason
    target = result["targets"]["road_test"]
    assert (target["candidate"], target["verdict"]["outcome"]) == (None, "not_judged")


def test_doctor_shows_every_setting(tmp_path: Path) -> None:
    """Everything that can be set is shown with its value, and a machine that is fit is said to be."""
    shown = Terminal(tmp_path / "home")("doctor", "--json")
    assert shown["settings"]["FAILURE_PLATFORM_POLICY"] == "manual"
    assert shown["settings"]["FAILURE_PLATFORM_HOST"] == "127.0.0.1"
    assert {c["check"] for c in shown["checks"]} >= {"home can be written", "lake opens", "free disk"}


def test_wrong_usage_is_told_apart_from_failure(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home")
    assert "no_such_dirt" in terminal("simulate", "--dirt", "no_such_dirt=1", code=2)
    assert "there is no target" in terminal("models", "--target", "x", code=2).lower()
    terminal("no-such-command", code=2)


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The UI has no login, so it never listens where others could use it."""
    monkeypatch.setenv("FAILURE_PLATFORM_HOST", "0.0.0.0")
    assert "no login" in Terminal(tmp_path / "home")("doctor", code=2)


def test_simulate_writes_uploads_and_truth(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home")
    written = terminal("simulate", "--vehicles", "50", "--dirt", "some", "--json")
    assert all(Path(path).is_file() for path in written["uploads"].values())
    assert "best_scores" in json.loads(Path(written["truth"]).read_text())
