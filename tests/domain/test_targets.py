"""Promises about targets: some lines of settings are a new question, and its labels are right."""

import re
from datetime import date
from pathlib import Path

from failure_platform.domain.targets import CHECKPOINTS, ROAD_TEST, Target
from failure_platform.settings import SETTINGS_FILE, Settings
from support.modelling_lake import DAY, HOUR, T0, SmallLake, covered, defect, event

DOCUMENTED = Path(__file__).parents[2] / "docs" / "targets.md"
GROUPS = {
    "rear": "1", "centre": "2", "doors": "4", "front": "5", "general": "133", "underbody": "137",
    "documentation": "140", "electrical": "9830946",
}  # fmt: skip


def _settings(home: Path, text: str) -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    (home / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return Settings(home=home)


def test_the_documented_sections_are_targets_with_the_right_labels(tmp_path: Path) -> None:
    """Copied as they stand: each failure group's target finds its own vehicle, and no other one."""
    sections = "\n".join(re.findall(r"```toml\n(.*?)```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL))
    settings = _settings(tmp_path, sections)
    assert set(settings.targets) == {*GROUPS, "any_defect", "road_test"}
    lake = SmallLake(
        status=[event(knr, T0) for knr in (*GROUPS, "road", "fine")],
        falhas=[
            *(defect(name, T0 + HOUR, "ZP8", group) for name, group in GROUPS.items()),
            defect("road", T0 + HOUR, "ROD", "-2"),
            defect("fine", T0 - HOUR, "ZP7", "5"),
        ],
        uploads=[covered(T0 - DAY, T0 + 9 * DAY)],
    )
    for name in settings.targets:
        found = lake.labels(settings.target(name))["label"]
        expected = {"any_defect": {*GROUPS, "road"}, "road_test": {"road"}}.get(name, {name})
        assert set(found[found == 1].index) == expected, name
        assert found.notna().all()
    period = settings.declared_periods["falhas_maio.xlsx"]
    assert (period.first_day, period.last_day) == (date(2024, 5, 1), date(2024, 5, 31))


def test_another_question_is_a_few_lines(tmp_path: Path) -> None:
    """Checkpoint, horizon and the words for pages follow from the section."""
    settings = _settings(
        tmp_path,
        '[targets.water]\nprediction_point = "M710"\nhalle = ["AGUA"]\nfailure_groups = ["5"]\nhorizon_days = 1.5\n',
    )
    target = settings.target("water")
    assert target == Target("water", "M710", ("AGUA",), ("5",), 1.5)
    assert target.description == (
        "Has a defect of failure group 5 recorded at HALLE AGUA within 1.5 days after passing M710."
    )
    assert target.line_after == ("M720", "M800")


def test_without_settings_there_is_the_road_test(tmp_path: Path) -> None:
    """Nobody has to write anything first."""
    settings = Settings(home=tmp_path)
    assert {name: settings.target(name) for name in settings.targets} == {"road_test": ROAD_TEST}


def test_the_line_before_and_after_a_prediction_point() -> None:
    """Features look back along the line; a code that is no checkpoint has no place in it, so nothing is after it."""
    for place, code in enumerate(CHECKPOINTS):
        target = Target("any", prediction_point=code)
        assert (target.line_before, target.line_after) == (CHECKPOINTS[:place], CHECKPOINTS[place + 1 :])
    elsewhere = Target("any", prediction_point="L66A")
    assert (elsewhere.line_before, elsewhere.line_after) == (CHECKPOINTS, ())
