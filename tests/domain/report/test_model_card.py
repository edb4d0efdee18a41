"""The model card says what a person must know of a version, with the figures and decisions that there are by then."""

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from failure_platform.cli.app import app
from failure_platform.domain.comparison.comparing import compare
from failure_platform.domain.comparison.holdout import ModelScores
from failure_platform.domain.comparison.result import Comparison, ComparisonRecord, Verdict
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.deciding.decisions import decide
from failure_platform.domain.deciding.log import Choice, DecisionRequest
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.domain.leaks.findings import AcceptedFeature, Audit, Finding, LeakKind, Severity
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.report.model_card import model_card
from failure_platform.domain.targets import ROAD_TEST
from support.model_samples import NOW, promote_unverified, registry_in, trained

SECTIONS = (
    "What it is for",
    "Data",
    "Features",
    "Family and setting",
    "Figures",
    "Decisions",
    "Limits",
    "How to reproduce",
)
FACTS = {
    "tried": [
        {
            "family": "prior",
            "log_loss": 0.2,
            "roc_auc": 0.5,
            "average_precision": None,
            "setting": {"feature_preprocessing": "filled"},
        },
        {"family": "random_forest", "log_loss": 0.19, "roc_auc": 0.71, "average_precision": 0.2, "setting": {}},
        {"family": "random_forest", "log_loss": 0.18, "roc_auc": 0.72, "average_precision": 0.21, "setting": {}},
    ],
    "out_of_fold_vehicles": 412,
    "setting": {"family": "random_forest", "depth": 6, "keep": None},
    "search": {"kind": "bayesian", "trials": 3, "ended": "time"},
    "aim": {"kind": "recall", "recall": 0.8},
    "notes": ["The search stopped after 3 settings, since 60 seconds had passed."],
    "started_from": None,
}


def version() -> ModelVersion:
    return replace(trained().row(NOW, {}), features=("rows:2", "value:2:041001:0", "value:2:041001:1"), facts=FACTS)


def comparison(of: str, production: str | None = None) -> ComparisonRecord:
    """A real comparison of a candidate that knows something, with a model that knows less or with nothing."""
    rng = np.random.default_rng(5)
    n = 1_500
    risk = rng.normal(size=n)
    label = (rng.random(n) < 1 / (1 + np.exp(3 - 1.5 * risk))).astype("int8")
    vehicles = pd.DataFrame(
        {
            "KNR": [f"2024-{i:07d}" for i in range(n)],
            "predicted_at": pd.Timestamp("2024-05-01") + np.arange(n) * pd.Timedelta(minutes=50),
            "label": label,
            "MODELO": np.where(np.arange(n) % 9 == 0, "B|2", "A1"),
            "COR": None,
            "MOTOR": "M",
            "failure_group": None,
        }
    )
    old = ModelScores(1 / (1 + np.exp(3 - risk - rng.normal(size=n))), 0.1) if production else None
    found = compare(
        vehicles, ModelScores(1 / (1 + np.exp(3 - risk)), 0.1), old, 0.05, 1, ComparisonSettings(repetitions=200)
    )
    stored = Comparison.from_dict(json.loads(json.dumps(found.as_dict())))
    return ComparisonRecord("road_test", of, production, NOW, stored)


def test_at_training_the_card_says_everything_but_figures() -> None:
    card = model_card(version(), ROAD_TEST)
    assert [part for part in SECTIONS if f"## {part}" not in card] == []
    row = version()
    for told in (
        f"# Model {row.version}",
        f"{row.vehicles} vehicles with a known outcome, {row.failures} of them failed",
        "2025-01-01 00:00 to 2025-11-30 23:59",
        "| value | 2 | resultados |",
        "| random_forest | 0.1800 | 0.720 | 0.210 |",
        "| prior | 0.2000 | 0.500 | not defined |",
        "3 settings were tried in time order inside the training side, each judged on 412 newer vehicles",
        "* setting: family random_forest, depth 6",
        "* aim: kind recall, recall 0.8",
        "* The search stopped after 3 settings",
        "a probability of 0.210",
        "Not compared yet",
        "None yet.",
        '"folds": 4',
        "failure-platform process",
        f"give version {row.version} again",
    ):
        assert told in card
    assert "None" not in card.replace("None yet", "")


def test_after_the_comparison_it_has_figures_with_intervals_slices_and_the_verdict() -> None:
    row = version()
    record = comparison(row.version)
    card = model_card(row, ROAD_TEST, record)
    auc = next(one for one in record.comparison.table if one.metric == "roc_auc")
    assert f"| roc_auc | {auc.new:.3f} | {auc.new_low:.3f} to {auc.new_high:.3f} | 0.500 |" in card
    assert f"Verdict: {record.comparison.verdict.outcome}. {record.comparison.verdict.reason}" in card
    assert "On 1500 vehicles newer than the training (2024-05-01 to 2024-06-22)" in card
    assert r"| MODELO | B\|2 | " in card
    assert "0 are judged against production" in card


def test_against_production_it_has_the_slices_and_whether_each_is_worse() -> None:
    row = version()
    record = comparison(row.version, "c" * 12)
    card = model_card(row, ROAD_TEST, record)
    assert f"compared with production {'c' * 12} (old)" in card
    judged = [one for one in record.comparison.slices if one.judged]
    assert judged
    for one in judged:
        told = f"| {one.kind} | {one.value.replace('|', chr(92) + '|')} | {one.vehicles} | {one.failures} |"
        (line,) = [line for line in card.splitlines() if line.startswith(told)]
        assert f"{one.low:+.3f} to {one.high:+.3f} | {'worse' if one.worse else 'not worse'} |" in line


def test_it_tells_every_decision_about_the_version_and_what_it_is_now() -> None:
    row = version()
    record = comparison(row.version)
    asked = DecisionRequest("road_test", Choice.promote, row.version, None, "Ana", "fewer | misses\nin May")
    log = [decide(asked, [], {row.version: "road_test"}, [record], datetime(2026, 3, 5, 7), Policy.manual, Gates())]
    card = model_card(row, ROAD_TEST, record, log)
    assert "It is now: production." in card
    outcome = record.comparison.verdict.outcome
    line = f"| 2026-03-05 07:00 | promote | {row.version} | Ana | fewer \\| misses in May | {outcome}, "
    assert line in card


@pytest.mark.fault(60, 63)
def test_the_card_tells_what_the_leak_audit_warned_of_and_who_accepted_what() -> None:
    warned = Finding(LeakKind.missing_by_label, "value:718:720002:0", -0.42, "It is | missing.", Severity.warns)
    accepted = AcceptedFeature("nok:9:7", (replace(warned, kind=LeakKind.near_certain_rule),), "Rui", "a code | before")
    audit = Audit((warned,), 9, (accepted,))
    row = replace(version(), facts={**FACTS, "leak_audit": audit.as_dict()}, recipe=audit.as_recipe())
    card = model_card(row, ROAD_TEST)
    section = card.split("## Leak audit")[1].split("##")[0]
    assert audit.summary in section
    assert r"| nok:9:7 | near_certain_rule | Rui | a code \| before |" in section
    assert r"| value:718:720002:0 | missing_by_label | -0.42 | It is \| missing. |" in section
    assert '"who": "Rui"' in card.split("## How to reproduce")[1]
    assert "No feature that was checked looks as if it knew the outcome." in model_card(version(), ROAD_TEST)


def test_a_verdict_that_is_not_better_is_a_limit() -> None:
    record = comparison(version().version)
    record = replace(record, comparison=replace(record.comparison, verdict=Verdict("no_signal", "Nothing.")))
    limits = model_card(version(), ROAD_TEST, record).split("## Limits")[1]
    assert "Its verdict is no_signal: it was not shown to be better." in limits


def test_every_table_of_the_card_has_as_many_cells_in_each_row() -> None:
    record = comparison(version().version)
    for block in model_card(version(), ROAD_TEST, record).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) <= 1


def test_the_terminal_shows_the_card_of_a_version_by_its_first_digits(home: Path) -> None:
    registry = registry_in(home)
    saved = registry.save(trained(), NOW).version
    record = comparison(saved)
    registry.record_comparison(record)
    promote_unverified(registry, saved, None)
    shown = CliRunner().invoke(app, ["card", saved[:6]])
    assert shown.exit_code == 0, shown.output
    assert f"# Model {saved}" in shown.output
    assert f"Verdict: {record.comparison.verdict.outcome}." in shown.output
    assert "It is now: production." in shown.output


@pytest.mark.parametrize(
    ("arguments", "says"), [(["card", "ffffff"], "no versions yet"), (["card", "a", "--target", "x"], "no target 'x'")]
)
def test_the_terminal_says_which_versions_there_are(home: Path, arguments: list[str], says: str) -> None:
    registry_in(home)
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code != 0
    assert says in str(refused.exception)
