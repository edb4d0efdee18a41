"""Promises about the comparison: its figures are right, chance is not called better, and every verdict says why."""

import itertools
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from failure_platform.domain.comparison.bounded import LARGEST, proportion_interval
from failure_platform.domain.comparison.comparing import compare
from failure_platform.domain.comparison.holdout import ModelScores, holdout_id
from failure_platform.domain.comparison.resampling import interval
from failure_platform.domain.comparison.result import Comparison
from failure_platform.domain.comparison.settings import ComparisonSettings
from failure_platform.domain.comparison.table import improved, rows_by_metric
from failure_platform.domain.figures.models import calibration_png, precision_recall_png, roc_png
from failure_platform.domain.metrics import METRICS
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.split import time_split
from interval_truths import coverage
from support.modelling_lake import HOUR, T0, SmallLake

QUICK = ComparisonSettings(repetitions=300)


def _scores(y: np.ndarray, strength: float, rng: np.random.Generator, shared: np.ndarray | None = None) -> ModelScores:
    """Probabilities that separate failures by `strength` standard deviations; `shared` noise makes models alike."""
    noise = rng.normal(size=len(y)) if shared is None else 0.9 * shared + 0.44 * rng.normal(size=len(y))
    odds = np.log(y.mean() / (1 - y.mean())) + strength * (strength * (y - 0.5) + noise)
    return ModelScores(1 / (1 + np.exp(-odds)), 0.3)


def _labels(vehicles: int, failures: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(vehicles) < failures).astype(np.int8)


def _compare(y: np.ndarray, candidate: ModelScores, production: ModelScores | None = None, **other: Any) -> Comparison:
    arguments = {"base_rate": max(float(y.mean()), 0.01) if len(y) else 0.05, "uses": 1, "settings": QUICK, **other}
    predicted_at = np.datetime64(T0, "us") + np.arange(len(y)) * np.timedelta64(HOUR)
    vehicles = pd.DataFrame({"KNR": [f"K{i}" for i in range(len(y))], "predicted_at": predicted_at, "label": y})
    vehicles = vehicles.assign(MODELO="A", MOTOR=None, COR=None, failure_group=None)
    return compare(vehicles, candidate, production, **arguments)


def test_the_same_model_twice_is_no_evidence() -> None:
    """Retraining on the same data must not look like progress, nor like a model that cannot be judged."""
    rng = np.random.default_rng(4)
    y = _labels(800, 80, rng)
    model = _scores(y, 2.0, rng)
    compared = _compare(y, model, model)
    assert compared.verdict.outcome == "no_evidence"
    assert {row.difference for row in compared.table} == {0.0}
    assert "holds zero" in compared.verdict.reason


@pytest.mark.fault(40)
def test_too_few_failures_are_not_judged_however_good_the_ranking_looks() -> None:
    """Four failures that happen to rank first prove little: the reason shows an interval that says so."""
    y = (np.arange(190) < 4).astype(np.int8)
    perfect = ModelScores(np.where(y == 1, 0.9, np.linspace(0.05, 0.01, 190)), 0.5)
    compared = _compare(y, perfect, settings=ComparisonSettings())
    assert compared.verdict.outcome == "not_judged"
    auc = compared.table[METRICS.index("roc_auc")]
    assert auc.new == 1.0
    assert auc.new_low is not None
    assert auc.new_low < 0.6
    assert "4 failures among 190" in compared.verdict.reason
    assert f"{auc.new_low:.3f}" in compared.verdict.reason
    assert _compare(y, perfect, settings=replace(QUICK, min_failures=4)).verdict.outcome == "no_signal"
    six = (np.arange(190) < 6).astype(np.int8)
    perfect = ModelScores(np.where(six == 1, 0.9, np.linspace(0.05, 0.01, 190)), 0.5)
    assert _compare(six, perfect, settings=replace(QUICK, min_failures=6)).verdict.outcome == "better"


@pytest.mark.fault(71)
def test_the_interval_holds_the_truth_with_a_handful_of_failures() -> None:
    """With nine failures (as in the SECOM quarter) the 95 % interval of a guessing model holds 0.5 nearly always."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        y = _labels(250, 9, rng)
        low, high = proportion_interval(float(sk.roc_auc_score(y, rng.random(250))), 9, 0.95)
        held += low <= 0.5 <= high
    assert held >= 0.95 * 300


@pytest.mark.fault(71)
@pytest.mark.parametrize("failures", [2, 3, 5, 10, 29, 30, 60])
@pytest.mark.parametrize("kind", ["perfect", "reversed", "guessing", "constant"])
def test_no_interval_leaves_what_is_possible_and_none_contradicts_another(failures: int, kind: str) -> None:
    """A difference of average precisions lies within -1 to 1, and one from a constant says what the value says."""
    rng = np.random.default_rng(failures)
    y = _labels(40 * failures, failures, rng)
    p = {
        "perfect": np.where(y == 1, 0.9, 0.1),
        "reversed": np.where(y == 1, 0.1, 0.9),
        "guessing": rng.random(len(y)),
        "constant": np.full(len(y), 0.05),
    }[kind]
    candidate, production = ModelScores(p, 0.5), _scores(y, 2.0, rng)
    for compared in (_compare(y, candidate), _compare(y, candidate, production), _compare(y, production, candidate)):
        for row in compared.table:
            if row.new_low is not None and row.new_high is not None:
                assert 0 <= row.new_low <= row.new <= row.new_high <= LARGEST[row.metric], row  # type: ignore[operator]
            if row.low is not None and row.high is not None:
                assert row.difference is not None
                assert -LARGEST[row.metric] <= row.low <= row.difference + 1e-12, row
                assert row.difference - 1e-12 <= row.high <= LARGEST[row.metric], row
    auc = rows_by_metric(_compare(y, candidate).table)["roc_auc"]
    assert (auc.low, auc.high) == pytest.approx((auc.new_low - 0.5, auc.new_high - 0.5))  # type: ignore[operator]
    if kind == "constant":
        assert (auc.new, auc.new_low, auc.new_high) == (0.5, 0.5, 0.5)
    else:
        assert auc.new_low < auc.new_high, "a model that ranks vehicles is never known exactly"  # type: ignore[operator]


@pytest.mark.fault(71)
@pytest.mark.parametrize(("failures", "kind"), [(2, "alone"), (5, "strong"), (10, "two"), (30, "alone")])
def test_the_truth_is_inside_the_intervals(failures: int, kind: str) -> None:
    """Sixty comparisons of models whose metrics are known; benchmarks/interval_coverage.py makes the whole table."""
    found = [coverage(kind, failures, 200, seed) for seed in range(60)]
    for metric in ("roc_auc", "average_precision"):
        assert sum(bool(one[metric].value_held) for one in found) >= 54
        assert sum(bool(one[metric].difference_held) for one in found) >= 54
    assert not any(each.impossible for one in found for each in one.values())


def test_a_worn_holdout_asks_for_more() -> None:
    """The level is shared among the comparisons on the same vehicles, so intervals widen, and the reason says it."""
    rng = np.random.default_rng(6)
    y = _labels(800, 80, rng)
    candidate, production = _scores(y, 1.6, rng), _scores(y, 1.2, rng)
    once, often = (_compare(y, candidate, production, uses=uses, settings=ComparisonSettings()) for uses in (1, 20))
    assert (once.level, often.level) == (0.95, pytest.approx(1 - 0.05 / 400))
    assert all(a.low > b.low and a.high < b.high for a, b in zip(once.table, often.table, strict=True))  # type: ignore[operator]
    assert "Comparison 1 of 10 on these vehicles" in once.verdict.reason
    assert "Wait for newer" not in once.verdict.reason
    assert "Comparison 20 on these vehicles, more than the 10 that comparisons_per_holdout allows" in (
        often.verdict.reason
    )
    assert "Wait for newer vehicles" in often.verdict.reason
    with pytest.raises(ValueError, match="uses"):
        _compare(y, candidate, uses=0)


def test_probabilities_that_mislead_are_no_usable_signal() -> None:
    """A model that ranks well but shouts certainty costs more than saying the base rate; it is not promoted on rank."""
    rng = np.random.default_rng(7)
    y = _labels(2000, 120, rng)
    loud = ModelScores(np.clip(_scores(y, 0.8, rng).p * 12, 0, 0.999), 0.5)
    verdict = _compare(y, loud).verdict
    assert verdict.outcome == "no_signal"
    assert "log loss" in verdict.reason


def test_intervals_are_centred_on_the_figure_and_undefined_ones_are_none() -> None:
    """Resampling lifts average precision; the interval does not inherit that. Too few defined resamples: none."""
    samples = np.linspace(0.2, 0.4, 1001)
    assert interval(samples, 0.2, 0.9, rarer=10**6) == pytest.approx((0.11, 0.29), abs=1e-4)
    few = interval(samples, 0.2, 0.9, rarer=5)
    assert few is not None
    assert few[0] < 0.11 < 0.29 < few[1], "few failures widen it"
    assert interval(np.array([np.nan, np.nan, 0.5]), 0.5, 0.95, rarer=9) is None
    assert interval(samples, 0.2, 0.9, rarer=1) is None


@pytest.mark.fault(39)
@pytest.mark.parametrize("y", [np.empty(0, np.int8), np.zeros(40, np.int8), np.ones(40, np.int8)])
def test_no_vehicles_or_one_class_is_a_verdict_and_no_crash(y: np.ndarray) -> None:
    """An empty or one-sided comparison is stored, drawn and explained like any other."""
    compared = _compare(y, ModelScores(np.linspace(0.1, 0.9, len(y)), 0.5), ModelScores(np.full(len(y), 0.2), 0.5))
    assert compared.verdict.outcome == "not_judged"
    assert Comparison.from_dict(json.loads(json.dumps(compared.as_dict(), allow_nan=False))) == compared
    assert all(draw(compared).startswith(b"\x89PNG") for draw in (roc_png, precision_recall_png, calibration_png))


def test_a_comparison_survives_storage_and_draws_the_same_pictures() -> None:
    """What a person saw can be shown again: equal values, equal bytes, 900 pixels wide."""
    rng = np.random.default_rng(8)
    y = _labels(3000, 200, rng)
    compared = _compare(y, _scores(y, 2.0, rng), _scores(y, 1.0, rng))
    stored = json.dumps(compared.as_dict(), allow_nan=False)
    again = Comparison.from_dict(json.loads(stored))
    assert again == compared
    assert len(stored) < 60_000
    pictures = [draw(compared) for draw in (roc_png, precision_recall_png, calibration_png)]
    assert pictures == [draw(again) for draw in (roc_png, precision_recall_png, calibration_png)]
    assert len(set(pictures)) == 3
    assert {struct.unpack(">I", png[16:20])[0] for png in pictures} == {900}
    assert [row.metric for row in compared.table] == list(METRICS)
    assert [improved(row) for row in compared.table if row.metric in ("roc_auc", "log_loss")] == [True, True]


def test_few_good_vehicles_are_as_little_evidence_as_few_failures() -> None:
    """Ten good vehicles among 400 failed ones cannot show that a model tells them apart."""
    y = (np.arange(410) >= 10).astype(np.int8)
    perfect = ModelScores(np.where(y == 1, 0.9, 0.1), 0.5)
    verdict = _compare(y, perfect).verdict
    assert verdict.outcome == "not_judged"
    assert "of failed and of good ones at least 30" in verdict.reason


def test_a_wrong_better_is_shared_among_all_comparisons_on_a_holdout() -> None:
    """However many candidates follow, their chances to lie above their interval add up to alpha at most."""
    settings = ComparisonSettings(interval_level=0.95)
    chances = [(1 - settings.level(uses)) / 2 for uses in range(1, 10_000)]
    assert chances[0] == pytest.approx(0.025)
    assert sum(chances) < 0.05
    assert all(later < earlier for earlier, later in itertools.pairwise(chances))


def test_the_base_rate_stands_beside_both_models() -> None:
    """A reader sees at once what saying nothing would give, also when the comparison is with production."""
    rng = np.random.default_rng(9)
    y = _labels(600, 60, rng)
    compared = _compare(y, _scores(y, 2.0, rng), _scores(y, 1.0, rng))
    assert [row.base_rate for row in compared.table] == list(compared.base_rate.values())
    beside = {row.metric: row.base_rate for row in compared.table}
    assert (beside["roc_auc"], beside["recall"], beside["precision"]) == (0.5, 0, 0)
    assert compared.reference == "production"
    assert _compare(y, _scores(y, 2.0, rng)).reference == "base_rate"


def test_a_holdout_is_named_by_its_vehicles() -> None:
    """The count of uses must not start anew because rows came in another order."""
    assert holdout_id(["A", "B"]) == holdout_id(["B", "A"]) != holdout_id(["A", "C"])


@pytest.mark.parametrize("guessed", [0.0, 0.5, 1.0])
def test_secom_is_never_called_usable_whatever_model_is_compared(
    real_data: Callable[[str], Path], guessed: float
) -> None:
    """Nine failures in the newest quarter: even a model that is always right is not judged, and the reason says why."""
    split = time_split(SmallLake.of_real_set(real_data("secom_first70")).vehicles(), ROAD_TEST.horizon)
    newest, rng = split.comparison, np.random.default_rng(10)
    right = newest["label"].to_numpy(dtype=float)
    p = 0.01 + 0.98 * np.where(rng.random(len(newest)) < guessed, rng.permutation(right), right)
    compared = compare(
        newest, ModelScores(p, 0.5), None, float(split.training["label"].mean()), 1, ComparisonSettings()
    )
    assert compared.failures == 9
    assert compared.verdict.outcome == "not_judged"
    assert f"9 failures among {len(newest)}" in compared.verdict.reason
