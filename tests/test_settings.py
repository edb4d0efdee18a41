"""Promises about settings: what a rule uses is defined once, in the domain, and a wrong setting is named."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import ValidationError

from failure_platform.cli.app import _check_settings
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.deciding.policy import Gates, GateSettings
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.recipe import Aim, Recipe, TrainingSettings
from failure_platform.settings import SETTINGS_FILE, Settings

SHARED = {
    "holdout_share": (Recipe, "holdout_share"),
    "min_failures_to_train": (Recipe, "min_failures"),
    "min_failures_to_judge": (ComparisonSettings, "min_failures"),
    "inspections_per_day": (Recipe, "inspections_per_day"),
    "comparisons_per_holdout": (ComparisonSettings, "most_uses"),
    "interval_level": (ComparisonSettings, "interval_level"),
    "bootstrap_samples": (ComparisonSettings, "repetitions"),
    "seed": (Recipe, "seed"),
}


def test_default_settings_are_the_domain_s_own_defaults(home: Path) -> None:
    """The same types, and for every value that a rule takes the one default."""
    settings = Settings(home=home)
    assert settings.training == TrainingSettings()
    assert settings.gates == GateSettings()
    assert settings.targets == {"road_test": ROAD_TEST}
    assert settings.recipe() == Recipe()
    assert settings.comparison == ComparisonSettings()
    assert settings.policy_gates == Gates()


def test_every_field_of_the_domain_that_is_a_setting_follows_the_setting(home: Path) -> None:
    """Each value given differs from its default, so a field that is not handed on keeps its default and is found."""
    given = Settings(
        home=home,
        training={
            "families": ["prior"],
            "search": "random",
            "search_trials": 7,
            "search_seconds": 8,
            "mode": "incremental",
            "balance": "smote",
            "calibration": "none",
            "recency_half_life_days": 9,
            "aim": {"kind": "cost", "min_lift": 2, "recall": 0.5, "missed_failure_cost": 6, "false_alarm_cost": 2},
        },
        gates={
            "min_failures": 11,
            "min_recall": 0.1,
            "min_precision_lift": 2,
            "within_capacity": False,
            "max_calibration_error": 0.2,
            "worst_slice": False,
        },
        holdout_share=0.5,
        min_failures_to_train=12,
        min_failures_to_judge=13,
        inspections_per_day=14,
        comparisons_per_holdout=15,
        interval_level=0.9,
        bootstrap_samples=300,
        seed=16,
    )
    made = {"recipe": given.recipe("abc123"), "comparison": given.comparison, "gates": given.policy_gates}
    made["aim"] = given.training.aim
    kept = {
        f"{name}.{one.name}"
        for name, value in made.items()
        for one, default in zip(fields(value), _values(type(value)()), strict=True)
        if getattr(value, one.name) == default
    }
    assert kept == {"recipe.folds", "recipe.trials_done"}
    assert given.comparison.alpha == 0.1


def _values(defaults: object) -> list[object]:
    return [getattr(defaults, one.name) for one in fields(defaults)]  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", SHARED)
def test_a_setting_has_default_limits_and_description_of_the_domain(setting: str) -> None:
    owner, name = SHARED[setting]
    ours, theirs = Settings.model_fields[setting], owner.__pydantic_fields__[name]
    assert ours.default == theirs.default == getattr(owner, name)
    assert ours.metadata == theirs.metadata
    assert ours.description == theirs.description
    assert ours.description


@pytest.mark.parametrize("section", [TrainingSettings, GateSettings, Aim])
def test_every_setting_of_a_section_is_described(section: type) -> None:
    assert all(field.description for field in section.__pydantic_fields__.values())


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ('[training]\nserch = "grid"\n', "TRAINING__SERCH", "no such setting"),
        ("[training.aim]\nalarms_per_day = 3\n", "TRAINING__AIM__ALARMS_PER_DAY", "no such setting"),
        ("[training]\nfolds = 3\n", "TRAINING__FOLDS", "no such setting"),
        ("[gates]\nmost_uses = 3\n", "GATES__MOST_USES", "no such setting"),
        ("[targets.x]\nhorizon = 3\n", "TARGETS__X__HORIZON", "no such setting"),
        ("nosuch = 3\n", "NOSUCH", "no such setting"),
        ('[training]\nsearch = "gird"\n', "TRAINING__SEARCH", "'grid', 'random' or 'bayesian'"),
        ("[training.aim]\nrecall = 2\n", "TRAINING__AIM__RECALL", "less than or equal to 1"),
        ("[targets.x]\nhorizon_days = 0\n", "TARGETS__X__HORIZON_DAYS", "greater than 0"),
        ('[targets.x]\nhalle = ["rod"]\n', "TARGETS__X", "write 'rod' in upper case"),
        ('[targets.x]\nname = "y"\n', "TARGETS", "named by its section"),
        ("holdout_share = 1.5\n", "HOLDOUT_SHARE", "less than 1"),
        ('policy = "auto"\n', "POLICY", "'manual' or 'automatic'"),
        ('accepted_features = ["rows:2"]\n', "ACCEPTED_FEATURES", "does not say who looked and why"),
        ('[accepted_features."rows:2"]\nwho = "Ana"\n', "ACCEPTED_FEATURES__ROWS:2__WHY", "Field required"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, name: str, problem: str
) -> None:
    """Code 2, the setting as the environment names it, and the limit or the choices."""
    home.mkdir()
    (home / SETTINGS_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        _check_settings()
    told = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 2
    assert f"FAILURE_PLATFORM_{name}:" in told
    assert problem in told


@pytest.mark.fault(91)
@pytest.mark.parametrize("name", ["Werk [A]", "Werk [", "W*rk", "Werk?", "Werk%20A", "[A]/below"])
@pytest.mark.parametrize("how", ["absolute", "relative", "link", "default"])
def test_a_home_that_dagster_would_not_take_literally_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    """Its settings would be passed over, telemetry would be on, or its databases would lie in another folder."""
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / name)
    home = {"absolute": tmp_path / name, "relative": name, "link": tmp_path / "linked"}
    monkeypatch.chdir(tmp_path / name if how == "default" else tmp_path)
    monkeypatch.delenv("FAILURE_PLATFORM_HOME", raising=False)
    if how != "default":
        monkeypatch.setenv("FAILURE_PLATFORM_HOME", str(home[how]))
    with pytest.raises(SystemExit) as ended:
        _check_settings()
    told = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 2
    assert "FAILURE_PLATFORM_HOME:" in told
    assert "Rename that folder, or choose another one" in told
    assert not list((tmp_path / name).iterdir())


@pytest.mark.fault(91)
@pytest.mark.parametrize(
    ("home", "problem"),
    [
        ("", "it is empty"),
        ("~no-such-user/x", "write the complete path"),
        (os.fsdecode(b"caf\xe9"), "not written in UTF-8"),
    ],
)
def test_a_home_that_is_no_folder_s_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str, problem: str
) -> None:
    """An empty one would be the working directory."""
    monkeypatch.setenv("FAILURE_PLATFORM_HOME", home)
    with pytest.raises(SystemExit):
        _check_settings()
    assert problem in " ".join(capsys.readouterr().err.split())


def test_the_settings_file_of_a_home_below_the_users_own_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home and its settings are found in one place, however the home is written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FAILURE_PLATFORM_HOME", "~/platform")
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / SETTINGS_FILE).write_text("port = 0\n")
    assert (Settings().root, Settings().port) == (tmp_path / "platform", 0)


def test_the_environment_reaches_every_depth(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / SETTINGS_FILE).write_text('[training]\nsearch = "random"\n[training.aim]\nkind = "cost"\n')
    for name, value in {
        "TRAINING__SEARCH_TRIALS": "7",
        "TRAINING__AIM__RECALL": "0.7",
        "GATES__WORST_SLICE": "no",
    }.items():
        monkeypatch.setenv(f"FAILURE_PLATFORM_{name}", value)
    monkeypatch.setenv("FAILURE_PLATFORM_TARGETS__DOORS__FAILURE_GROUPS", "[4]")
    settings = Settings(home=home)
    assert settings.training == TrainingSettings(search="random", search_trials=7, aim=Aim("cost", recall=0.7))
    assert not settings.gates.worst_slice
    assert settings.target("doors").failure_groups == ("4",)
    monkeypatch.setenv("FAILURE_PLATFORM_TRAINING__SEARCH_TRIALS", "0")
    with pytest.raises(ValidationError, match="search_trials"):
        Settings(home=home)


def test_reading_the_settings_imports_no_library_for_data_or_models() -> None:
    """Every command reads them first; `--help` would take seconds."""
    heavy = ("pandas", "numpy", "sklearn", "scipy", "pandera", "dagster", "ibis", "duckdb")
    code = f"import sys, failure_platform.settings; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
