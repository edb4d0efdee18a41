"""The whole flow from a terminal, on the three real data sets: what it says, and that it says no more than that.

With few families and settings by default; the slow tests have every default.
"""

import errno
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from failure_platform.catalog import CODE_VERSION
from failure_platform.cli.doctor import examine
from failure_platform.cli.flow import _ingest_folder
from failure_platform.domain.metrics import METRICS
from failure_platform.resources.platform import Platform
from failure_platform.resources.retraining import current_candidate
from failure_platform.resources.uploads import folders
from failure_platform.sensors.arrivals import FolderScan
from failure_platform.settings import Settings
from support.terminal import Terminal

FEW = {
    "FAILURE_PLATFORM_TRAINING__FAMILIES": '["prior", "histogram_gradient_boosting"]',
    "FAILURE_PLATFORM_TRAINING__SEARCH": "random",
    "FAILURE_PLATFORM_TRAINING__SEARCH_TRIALS": "3",
}
Processed = Callable[[Path], tuple[Terminal, dict[str, Any]]]


@pytest.fixture(scope="module")
def recipe() -> Mapping[str, str]:
    """The settings of training, as environment variables."""
    return FEW


@pytest.fixture(scope="module")
def processed(recipe: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Processed:
    """Process a real data set once for all tests of this module."""
    done: dict[Path, tuple[Terminal, dict[str, Any]]] = {}

    def run(data: Path) -> tuple[Terminal, dict[str, Any]]:
        if data not in done:
            terminal = Terminal(tmp_path_factory.mktemp(data.name), recipe)
            terminal.drop(data)
            done[data] = (terminal, terminal("process", "--json"))
        return done[data]

    return run


every_recipe = pytest.mark.parametrize(
    "recipe", [pytest.param(FEW, id="few"), pytest.param({}, id="defaults", marks=pytest.mark.slow)], scope="module"
)


def of_road_test(result: dict[str, Any]) -> dict[str, Any]:
    target: dict[str, Any] = result["targets"]["road_test"]
    assert set(target["candidate"]["metrics"]) == set(METRICS)
    return target


@every_recipe
def test_ai4i_has_signal_and_is_called_better(real_data: Callable[[str], Path], processed: Processed) -> None:
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


@every_recipe
def test_secom_is_never_called_usable(real_data: Callable[[str], Path], processed: Processed) -> None:
    """Nine failures and a lucky AUC: the verdict is no_signal or not_judged, and shows the interval."""
    _, result = processed(real_data("secom_first70"))
    target = of_road_test(result)
    assert target["failures"] == 9
    assert target["verdict"]["outcome"] in {"no_signal", "not_judged"}
    assert " to " in target["verdict"]["reason"]


@every_recipe
def test_azure_has_too_few_failures_to_judge(real_data: Callable[[str], Path], processed: Processed) -> None:
    """Four failures in the comparison: a perfect score there proves nothing, and nothing is promoted on it."""
    terminal, result = processed(real_data("azure_m01_10"))
    target = result["targets"]["road_test"]
    assert target["verdict"]["outcome"] == "not_judged"
    assert terminal("models", "--json")["decisions"] == []


def test_a_second_run_changes_nothing(real_data: Callable[[str], Path], processed: Processed) -> None:
    """Training again would give the version that is there, and comparing it would spend a part of the holdout."""
    terminal, before = processed(real_data("azure_m01_10"))
    runs = set((terminal.home / "dagster" / "history" / "runs").iterdir())
    after = terminal("process", "--json")
    assert after["uploads"] == before["uploads"]
    assert after["targets"] == before["targets"]
    assert len(terminal("models", "--json")["versions"]) == 1
    assert set((terminal.home / "dagster" / "history" / "runs").iterdir()) == runs, "no stage ran"


def test_another_recipe_is_something_new(
    real_data: Callable[[str], Path],
    processed: Processed,
    recipe: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Changed settings are trained with at the next run, although no file came."""
    terminal, before = processed(real_data("azure_m01_10"))
    version = before["targets"]["road_test"]["candidate"]["version"]
    for name, value in recipe.items():
        monkeypatch.setenv(name, value)
    for given, expected in (({}, version), ({"seed": 7}, None), ({"holdout_share": 0.3}, None)):
        platform = Platform(Settings(home=terminal.home, **given))
        assert current_candidate(platform, platform.settings.target("road_test"), CODE_VERSION) == expected
    platform = Platform(Settings(home=terminal.home))
    assert current_candidate(platform, platform.settings.target("road_test"), "other rules") is None
    # Nothing was named, so an acceptance concerns nothing.
    accepted = {"rows:2": {"who": "Ana", "why": "it is counted before"}}
    platform = Platform(Settings(home=terminal.home, accepted_features=accepted))
    assert current_candidate(platform, platform.settings.target("road_test"), CODE_VERSION) == version


@pytest.mark.fault(14)
def test_the_same_bytes_under_another_name_are_already_in(
    real_data: Callable[[str], Path], processed: Processed
) -> None:
    terminal, _ = processed(real_data("azure_m01_10"))
    folder = terminal.home / "uploads" / "falhas"
    shutil.copy(folder / "falhas.csv.gz", folder / "again.csv")
    lines = {u["name"]: u for u in terminal("process", "--json")["uploads"]}
    (folder / "again.csv").unlink()
    again = lines["again.csv"]
    assert (again["state"], again["rows_in"], again["merged"], again["duplicate"]) == ("already_in", 17, 0, 17)


def test_a_person_decides_from_a_terminal(real_data: Callable[[str], Path], processed: Processed) -> None:
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


@pytest.mark.fault(85, 89)
def test_what_is_refused_or_not_taken_is_told_and_stops_only_itself(tmp_path: Path) -> None:
    """Exit code 3 says that a file was refused or not taken; the good file beside it is merged."""
    terminal = Terminal(tmp_path / "home")
    folder = terminal.home / "uploads" / "status"
    folder.mkdir(parents=True)
    (folder / "good.csv").write_text("KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n")
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    (folder / "Semana 05").mkdir()
    (folder / "Semana 05" / "b.csv").touch()
    (folder / "link.csv").symlink_to(folder / "good.csv")
    (terminal.home / "uploads" / "falhas").symlink_to("/nowhere/share")
    result = terminal.typed("process", "--json", code=3)
    states = {u["name"]: u["state"] for u in result["uploads"]}
    assert states == {"good.csv": "merged", "bad.csv": "refused"}
    (reason,) = [u["reason"] for u in result["uploads"] if u["state"] == "refused"]
    assert "KNR" in reason
    target = result["targets"]["road_test"]
    assert (target["candidate"], target["verdict"]["outcome"]) == (None, "not_judged")
    told = {one["path"] for one in result["not_taken"]}
    assert told == {"uploads/status/Semana 05", "uploads/status/link.csv", "uploads/falhas"}
    assert {one["path"] for one in terminal("uploads", "--json")["not_taken"]} == told
    of_status = {one["path"] for one in terminal("uploads", "--kind", "status", "--json")["not_taken"]}
    assert of_status == told - {"uploads/falhas"}
    (check,) = [one for one in examine(Settings(home=terminal.home))["checks"] if "uploads" in one["check"]]
    assert not check["ok"]
    assert all(path in check["what to do"] for path in told)


class Ingested:
    """Stands for the runs of a flow: what they are given is known from then on."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.keys: set[str] = set()

    def known(self, kind: str) -> set[str]:
        return set(self.keys)

    def ingest(self, kind: str, scan: FolderScan, most: int, say: Callable[[str], None]) -> None:
        self.names += [receipt.name for receipt in scan.plan.new]
        self.keys |= {receipt.key for receipt in scan.plan.new}


@pytest.mark.fault(85, 90)
def test_a_folder_that_never_looks_the_same_and_a_file_that_never_opens_come_to_an_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inodes that change at every scan, and a locked file: each file is taken once, and `process` goes on."""
    platform, flow = Platform(settings), Ingested()
    classified, opened, numbers = folders._classified, folders.opened, itertools.count(1)
    for name in ("a.csv", "b.csv", "c.csv"):
        (platform.inbox.folder("status") / name).write_text(name)

    def locked(path: Path) -> int:
        if path.name == "b.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path)

    monkeypatch.setattr(folders, "_classified", lambda *of: replace(classified(*of), inode=next(numbers)))
    monkeypatch.setattr(folders, "opened", locked)
    receipts, not_taken = _ingest_folder(flow, platform, "status", lambda line: None)  # type: ignore[arg-type]
    assert flow.names == ["a.csv", "c.csv"]
    assert set(receipts) == {"a.csv", "c.csv"}
    assert [one.path for one in not_taken] == ["uploads/status/b.csv"]


LEAKING = ("value", "distance")


def _leaking(home: Path) -> Terminal:
    """A home with 400 vehicles, one in five failed, and a test that was made from the outcome."""
    start = datetime(2024, 1, 8, 6)
    rows: dict[str, list[str]] = {
        "status": ["KNR,STATUS,DATA"],
        "resultados": ["KNR,NAME,ID,STATUS,UNIT,VALUE_ID,VALUE,DATA"],
        "falhas": ["KNR,MODELO,COR,MOTOR,ESTACAO,USUARIO,HALLE,FALHA,DATA"],
    }
    for number in range(400):
        at, failed = start + timedelta(hours=2 * number), number % 5 == 0
        knr = f"{at:%G-%V%u}{number:04d}"
        rows["status"].append(f"{knr},M700,{at}")
        for name, value in (("041001", 10 * failed + number % 7), ("041002", number * 7919 % 101)):
            rows["resultados"].append(f"{knr},{name},2,10,Nm,0,{value},{at - timedelta(hours=1)}")
        if failed or number == 399:
            hall = "ROD" if failed else "ZP7"
            rows["falhas"].append(f"{knr},A,B,C,S1,u,{hall},F1,{at + timedelta(hours=3 + 200 * (number == 399))}")
    for kind, lines in rows.items():
        folder = home / "uploads" / kind
        folder.mkdir(parents=True)
        (folder / f"{kind}.csv").write_text("\n".join(lines) + "\n")
    return Terminal(home)


@pytest.mark.fault(74)
def test_a_blocked_target_is_told_whole_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object has uploads, check, features and what to do; `models` and `report` say so; following it ends it."""
    terminal = _leaking(tmp_path / "home")
    result = terminal("process", "--json", code=4)
    assert {u["state"] for u in result["uploads"]} == {"merged"}
    target = result["targets"]["road_test"]
    assert (target["candidate"], target["verdict"]["outcome"]) == (None, "not_judged")
    blocked = target["blocked"]
    assert (blocked["check"], set(blocked["features"])) == ("leak_audit", {f"{of}:2:041001:0" for of in LEAKING})
    assert all(name in blocked["reason"] for name in blocked["features"])
    accepted = json.dumps({name: {"who": "your name", "why": "the reason"} for name in blocked["features"]})
    assert f"FAILURE_PLATFORM_ACCEPTED_FEATURES='{accepted}'" in blocked["what_to_do"]
    assert terminal("models", "--json")["blocked"] == blocked
    assert "blocked by leak_audit" in terminal("models")
    assert "blocked by leak_audit" in terminal("report", code=2).replace("\n", " ")
    monkeypatch.setenv("FAILURE_PLATFORM_ACCEPTED_FEATURES", accepted)
    monkeypatch.setenv("FAILURE_PLATFORM_TRAINING__FAMILIES", '["forest"]')
    failed = terminal("process", "--json", code=1)
    assert len(failed["uploads"]) == 3
    assert failed["targets"]["road_test"]["blocked"]["check"] == "candidate_model"
    assert "no model family is called forest" in failed["targets"]["road_test"]["blocked"]["reason"]
    monkeypatch.setenv("FAILURE_PLATFORM_TRAINING__FAMILIES", '["prior", "logistic_regression"]')
    after = terminal("process", "--json")["targets"]["road_test"]
    assert after["blocked"] is None
    assert after["candidate"] is not None
    assert "Per 100 vehicles" in after["consequence"]
    assert terminal("models", "--json")["blocked"] is None


def test_too_little_to_train_on_is_told_as_a_reason_and_is_no_failure(tmp_path: Path) -> None:
    """Nothing is wrong with such a home; what it lacks is said where the model would be."""
    terminal = Terminal(tmp_path / "home")
    folder = terminal.home / "uploads" / "status"
    folder.mkdir(parents=True)
    (folder / "good.csv").write_text("KNR,STATUS,DATA\n2024-0210001,M700,2024-01-08 06:00:00\n")
    target = terminal("process", "--json")["targets"]["road_test"]
    assert target["blocked"]["check"] == "trainable"
    assert target["verdict"]["reason"] == target["blocked"]["reason"]
    assert "no vehicle on the training side has a known outcome" in target["blocked"]["reason"]


def test_doctor_shows_every_setting(tmp_path: Path) -> None:
    """Everything that can be set is shown with its value, and a machine that is fit is said to be."""
    shown = Terminal(tmp_path / "home").typed("doctor", "--json")
    assert shown["settings"]["FAILURE_PLATFORM_POLICY"] == "manual"
    assert shown["settings"]["FAILURE_PLATFORM_HOST"] == "127.0.0.1"
    assert {c["check"] for c in shown["checks"]} >= {"home can be written", "lake opens", "free disk"}


def test_wrong_usage_is_told_apart_from_failure(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home")
    assert "no_such_dirt" in terminal("simulate", "--dirt", "no_such_dirt=1", code=2)
    assert "there is no target" in terminal("models", "--target", "x", code=2).lower()
    terminal.typed("no-such-command", code=2)


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The UI has no login, so it never listens where others could use it."""
    monkeypatch.setenv("FAILURE_PLATFORM_HOST", "0.0.0.0")
    assert "no login" in Terminal(tmp_path / "home")("doctor", code=2)


def test_simulate_writes_uploads_and_truth(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home")
    written = terminal("simulate", "--vehicles", "50", "--dirt", "some", "--json")
    assert all(Path(path).is_file() for path in written["uploads"].values())
    assert "best_scores" in json.loads(Path(written["truth"]).read_text())
