"""Promises about the comparison: its figures are right, chance is not called better, and every verdict says why."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelling_lake import HOUR, T0, SmallLake
from sklearn import metrics as sk

from failure_platform.domain.bootstrap import Scored, cautious_auc_interval, interval, resample
from failure_platform.domain.comparison import Comparison, Gate, compare, holdout_id
from failure_platform.domain.figures import calibration_png, precision_recall_png, roc_png
from failure_platform.domain.metrics import METRICS, measure
from failure_platform.domain.model_card import model_card
from failure_platform.domain.split import time_split
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training import Recipe, score, train
from failure_platform.domain.verdict import improved

QUICK = Gate(repetitions=300)


def _scores(y: np.ndarray, strength: float, rng: np.random.Generator, shared: np.ndarray | None = None) -> Scored:
    """Probabilities that separate failures by `strength` standard deviations; `shared` noise makes models alike."""
    noise = rng.normal(size=len(y)) if shared is None else 0.9 * shared + 0.44 * rng.normal(size=len(y))
    odds = np.log(y.mean() / (1 - y.mean())) + strength * (strength * (y - 0.5) + noise)
    return Scored(1 / (1 + np.exp(-odds)), 0.3)


def _labels(vehicles: int, failures: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.arange(vehicles) < failures).astype(np.int8)


def _compare(y: np.ndarray, candidate: Scored, production: Scored | None = None, **other: Any) -> Comparison:
    given = {"base_rate": max(float(y.mean()), 0.01) if len(y) else 0.05, "uses": 1, "gate": QUICK, **other}
    asked = np.datetime64(T0, "us") + np.arange(len(y)) * np.timedelta64(HOUR)
    return compare([f"K{i}" for i in range(len(y))], asked, y, candidate, production, **given)


@settings(max_examples=25, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=2, max_size=30).filter(
        lambda pairs: len({failed for failed, _ in pairs}) == 2
    ),
    threshold=st.integers(0, 10),
)
def test_figures_are_those_of_scikit_learn_ties_included(pairs: list[tuple[bool, int]], threshold: int) -> None:
    """The fast figures of a resample equal scikit-learn's on the vehicles drawn, and `measure` those on all."""
    y = np.array([failed for failed, _ in pairs], dtype=np.int8)
    model = Scored(np.array([tenth / 10 for _, tenth in pairs]), threshold / 10)
    figures = measure(y, model.p, model.threshold)
    assert [figures[name] for name in METRICS] == pytest.approx(_reference(y, model))
    (fast,) = resample(y, [model], 8, seed=1)
    rng = np.random.default_rng(1)
    for row, drawn in zip(fast, rng.integers(0, len(y), size=(8, len(y))), strict=True):
        if len(np.unique(y[drawn])) == 2:
            assert row == pytest.approx(_reference(y[drawn], Scored(model.p[drawn], model.threshold)))


def _reference(y: np.ndarray, model: Scored) -> list[float]:
    alarmed = model.p >= model.threshold
    return [
        sk.roc_auc_score(y, model.p),
        sk.average_precision_score(y, model.p),
        sk.log_loss(y, model.p),
        sk.brier_score_loss(y, model.p),
        sk.f1_score(y, alarmed, zero_division=0),
        sk.precision_score(y, alarmed, zero_division=0),
        sk.recall_score(y, alarmed),
        sk.accuracy_score(y, alarmed),
    ]


def test_a_figure_that_is_not_defined_is_none_and_not_zero() -> None:
    """Without a failure there is nothing to find; without an alarm nothing was found; without vehicles nothing."""
    none = measure(np.zeros(5, np.int8), np.full(5, 0.1), 0.5)
    assert {name for name, value in none.items() if value is None} == {
        "roc_auc", "average_precision", "f1", "precision", "recall"
    }  # fmt: skip
    assert none["accuracy"] == 1
    silent = measure(np.array([0, 1], np.int8), np.full(2, 0.1), 0.5)
    assert (silent["precision"], silent["recall"], silent["f1"]) == (0, 0, 0)
    assert measure(np.ones(3, np.int8), np.full(3, 0.9), 0.5)["roc_auc"] is None
    assert set(measure(np.empty(0, np.int8), np.empty(0), 0.5).values()) == {None}
    assert np.isfinite(measure(np.array([0, 1], np.int8), np.array([1.0, 0.0]), 0.5)["log_loss"])  # type: ignore[arg-type]


def test_equal_models_are_rarely_called_better_and_never_on_the_point_estimate() -> None:
    """200 pairs of equally good models: at most 5 % of them better, though half have the higher average precision."""
    rng = np.random.default_rng(1)
    outcomes, higher = [], 0
    for _ in range(200):
        y = _labels(400, 40, rng)
        shared = rng.normal(size=400)
        compared = _compare(y, _scores(y, 1.2, rng, shared), _scores(y, 1.2, rng, shared))
        outcomes.append(compared.verdict.outcome)
        ranking = compared.table[METRICS.index("average_precision")]
        higher += (ranking.difference or 0) > 0
    assert outcomes.count("better") <= 10
    assert outcomes.count("no_evidence") >= 180
    assert higher > 60


def test_a_model_that_knows_nothing_is_rarely_called_usable() -> None:
    """100 models that guess, against the base rate: at most 5 % usable; the rest have no signal."""
    rng = np.random.default_rng(2)
    outcomes = []
    for _ in range(100):
        y = _labels(400, 40, rng)
        outcomes.append(_compare(y, _scores(rng.permutation(y), 0.5, rng)).verdict.outcome)
    assert outcomes.count("no_signal") >= 95


def test_a_real_difference_is_found() -> None:
    """The rule is no excuse for never deciding: a clearly better model is called better, and the reverse worse."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(12):
        y = _labels(1200, 120, rng)
        shared = rng.normal(size=1200)
        good, bad = _scores(y, 2.0, rng, shared), _scores(y, 1.2, rng, shared)
        found.append((_compare(y, good, bad).verdict.outcome, _compare(y, bad, good).verdict.outcome))
    assert found.count(("better", "worse")) >= 11


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
    perfect = Scored(np.where(y == 1, 0.9, np.linspace(0.05, 0.01, 190)), 0.5)
    compared = _compare(y, perfect, gate=Gate())
    assert compared.verdict.outcome == "not_judged"
    auc = compared.table[METRICS.index("roc_auc")]
    assert auc.new == 1.0
    assert auc.new_low is not None
    assert auc.new_low < 0.6
    assert "4 failures among 190" in compared.verdict.reason
    assert f"{auc.new_low:.3f}" in compared.verdict.reason
    assert _compare(y, perfect, gate=replace(QUICK, min_failures=4)).verdict.outcome == "better"


def test_the_cautious_interval_holds_the_truth_with_a_handful_of_failures() -> None:
    """With nine failures (as in the SECOM quarter) the 95 % interval of a guessing model holds 0.5 nearly always."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        y = _labels(250, 9, rng)
        low, high = cautious_auc_interval(float(sk.roc_auc_score(y, rng.random(250))), 9, 241, 0.95)
        held += low <= 0.5 <= high
    assert held >= 0.95 * 300


def test_a_worn_holdout_asks_for_more() -> None:
    """The level is shared among the comparisons on the same vehicles, so intervals widen, and the reason says it."""
    rng = np.random.default_rng(6)
    y = _labels(800, 80, rng)
    candidate, production = _scores(y, 1.6, rng), _scores(y, 1.2, rng)
    once, often = (_compare(y, candidate, production, uses=uses, gate=Gate()) for uses in (1, 20))
    assert (once.level, often.level) == (0.95, 0.9975)
    assert all(a.low > b.low and a.high < b.high for a, b in zip(once.table, often.table, strict=True))  # type: ignore[operator]
    assert "20 comparisons" in often.verdict.reason
    with pytest.raises(ValueError, match="uses"):
        _compare(y, candidate, uses=0)


def test_probabilities_that_mislead_are_no_usable_signal() -> None:
    """A model that ranks well but shouts certainty costs more than saying the base rate; it is not promoted on rank."""
    rng = np.random.default_rng(7)
    y = _labels(2000, 120, rng)
    loud = Scored(np.clip(_scores(y, 0.8, rng).p * 12, 0, 0.999), 0.5)
    verdict = _compare(y, loud).verdict
    assert verdict.outcome == "no_signal"
    assert "log loss" in verdict.reason


def test_intervals_are_centred_on_the_figure_and_undefined_ones_are_none() -> None:
    """Resampling lifts average precision; the interval does not inherit that. Too few defined resamples: none."""
    samples = np.linspace(0.2, 0.4, 1001)
    assert interval(samples, 0.2, 0.9, failures=10**6) == pytest.approx((0.11, 0.29), abs=1e-4)
    few = interval(samples, 0.2, 0.9, failures=5)
    assert few is not None
    assert few[0] < 0.11 < 0.29 < few[1], "few failures widen it"
    assert interval(np.array([np.nan, np.nan, 0.5]), 0.5, 0.95, failures=9) is None
    assert interval(samples, 0.2, 0.9, failures=1) is None


@pytest.mark.fault(39)
@pytest.mark.parametrize("y", [np.empty(0, np.int8), np.zeros(40, np.int8), np.ones(40, np.int8)])
def test_no_vehicles_or_one_class_is_a_verdict_and_no_crash(y: np.ndarray) -> None:
    """An empty or one-sided comparison is stored, drawn and explained like any other."""
    compared = _compare(y, Scored(np.linspace(0.1, 0.9, len(y)), 0.5), Scored(np.full(len(y), 0.2), 0.5))
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
    table = compared.markdown().splitlines()
    assert len(table) == 2 + len(METRICS)
    assert [improved(row) for row in compared.table if row.metric in ("roc_auc", "log_loss")] == [True, True]


def test_a_holdout_is_named_by_its_vehicles() -> None:
    """The count of uses must not start anew because rows came in another order."""
    assert holdout_id(["A", "B"]) == holdout_id(["B", "A"]) != holdout_id(["A", "C"])


def test_secom_is_never_called_usable_and_its_card_shows_why(real_data: Callable[[str], Path]) -> None:
    """Nine failures in the newest quarter, and an ROC AUC that is good by luck: interval and card say so."""
    split = time_split(SmallLake.of_real_set(real_data("secom_first70")).vehicles(), ROAD_TEST.horizon)
    newest = split.comparison
    model = train(split.training, ROAD_TEST.horizon, Recipe())
    compared = compare(
        newest["KNR"].tolist(),
        newest["predicted_at"].to_numpy(),
        newest["label"].to_numpy(dtype=np.int8),
        Scored(score(model.pipeline, model.features, newest), model.threshold),
        None,
        model.base_rate,
        1,
        Gate(),
    )
    assert compared.failures == 9
    assert compared.verdict.outcome in ("no_signal", "not_judged")
    auc = compared.table[METRICS.index("roc_auc")]
    assert auc.new_low is not None
    assert auc.new_low < 0.5
    card = model_card("abc123", ROAD_TEST, model, "d1", compared, {"scikit-learn": "1.9.1"})
    for part in ("What it is for", "Data", "Features", "Family", "Figures", "Limits", "How to reproduce"):
        assert f"## {part}" in card
    assert compared.verdict.reason in card
    assert f"{model.facts.vehicles} vehicles with a known outcome, {model.facts.failures} of them failed" in card
    assert "{" not in card
