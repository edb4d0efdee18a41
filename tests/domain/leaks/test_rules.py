"""Near-certain rules: found where a value is the outcome, and never where it is a strong but honest sign."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.leaks.evidence import periods
from failure_platform.domain.leaks.rules import Conditions, RuleGroup, group, levels, presences, tails
from support.examples import examples

VEHICLES = 4_000
ALPHA = 0.01


def _failed(rng: np.random.Generator, rate: float = 0.06) -> np.ndarray:
    return rng.random(VEHICLES) < rate


def _group(values: np.ndarray, failed: np.ndarray, kind: str = "levels") -> RuleGroup:
    """The group of the rules of one kind on columns of shape (columns, vehicles)."""
    at = np.datetime64("2025-01-01") + np.arange(VEHICLES) * np.timedelta64(20, "m")

    def column(number: int) -> np.ndarray:
        return values[number].astype(float)

    every = list(range(len(values)))
    conditions: Conditions = {
        "levels": lambda: levels(column, every, failed),
        "tails": lambda: tails(column, every, failed, len(values)),
        "presences": lambda: presences(~np.isnan(values), every, failed, len(values)),
    }[kind]()
    of = column if kind != "presences" else lambda number: (~np.isnan(values[number])).astype(float)
    return group(conditions, of, failed, periods(at, failed), ALPHA)


def test_one_value_of_a_code_is_a_rule_and_counts_where_it_was_not_chosen() -> None:
    """Code 3 of 0 to 5 is written after a failure; it is neither the highest nor the lowest value."""
    rng = np.random.default_rng(1)
    failed = _failed(rng)
    code = rng.choice([0.0, 1, 2, 4, 5], VEHICLES)
    code[failed & (rng.random(VEHICLES) < 0.6)] = 3
    found = _group(code[None], failed)
    (rule,) = found.rules
    assert (rule.low, rule.high) == (3, 3)
    assert rule.failed == rule.covered == found.failed == int((code == 3).sum())
    assert 0.45 < found.coverage < found.failed / found.failures


def test_a_limit_lies_where_the_failures_begin() -> None:
    """Values above 1 are of failed vehicles only; between them and the others there is a gap."""
    rng = np.random.default_rng(2)
    failed = _failed(rng)
    value = rng.random(VEHICLES)
    value[failed & (rng.random(VEHICLES) < 0.5)] += 1.5
    for sign in (1, -1):
        (rule,) = _group(sign * value[None], failed, "tails").rules
        limit = rule.low if sign == 1 else -rule.high
        assert 1.5 <= limit < 1.7
        assert rule.failed == rule.covered


@pytest.mark.parametrize("kind", ["levels", "presences"])
@pytest.mark.parametrize("precision", [0.6, 0.8, 0.85])
def test_a_strong_sign_is_no_rule(kind: str, precision: float) -> None:
    """After an honest sign most vehicles fail, and not all."""
    rng = np.random.default_rng(3)
    sign = rng.random((5, VEHICLES)) < 0.02
    failed = rng.random(VEHICLES) < np.where(sign.any(axis=0), precision, 0.02)
    values = sign.astype(float) if kind == "levels" else np.where(sign, 1.0, np.nan)
    assert _group(values, failed, kind).rules == ()


def test_that_a_code_came_is_no_matter_of_its_value() -> None:
    """Whatever the count of the code says, nearly every vehicle that has one failed: that is presence, not value."""
    rng = np.random.default_rng(4)
    failed = _failed(rng)
    came = failed & (rng.random(VEHICLES) < 0.7)
    values = np.where(came, rng.choice([1.0, 2.0], VEHICLES), np.nan)[None]
    assert _group(values, failed).rules == ()
    assert len(_group(values, failed, "presences").rules) == 1


def test_few_failures_prove_no_rule() -> None:
    """Fifteen of fifteen can be luck where nine in ten are usual."""
    rng = np.random.default_rng(5)
    failed = _failed(rng)
    flag = np.zeros(VEHICLES)
    flag[np.flatnonzero(failed)[::16][:15]] = 1
    assert _group(flag[None], failed).rules == ()


def test_a_flag_that_exists_since_some_day_is_found() -> None:
    """Folds are spread over time: a flag that the newest fifth of the failures has is in every choice."""
    rng = np.random.default_rng(6)
    failed = _failed(rng, 0.1)
    flag = (failed & (np.arange(VEHICLES) > 0.75 * VEHICLES)).astype(float)
    (rule,) = _group(flag[None], failed).rules
    assert rule.failed == flag.sum()


@examples(8)
@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.02, 0.1, 0.3]))
def test_noise_gives_no_rule(seed: int, rate: float) -> None:
    """Many flags, codes and measurements that have nothing to do with the outcome."""
    rng = np.random.default_rng(seed)
    failed = _failed(rng, rate)
    measured = rng.normal(size=(20, VEHICLES))
    flag = (rng.random((40, VEHICLES)) < rng.random((40, 1)) / 10).astype(float)
    assert _group(flag, failed).rules == ()
    assert _group(measured, failed, "tails").rules == ()
    assert _group(np.where(flag == 1, 1.0, np.nan), failed, "presences").rules == ()
