"""Promises about the verdict's own errors; the whole table is made by benchmarks/verdict_errors.py."""

import pytest

from verdict_truths import ERROR, TRUTHS, any_better, compared, counted, share

RESAMPLES = 500


@pytest.mark.parametrize("name", ["equal", "calibrated", "no_signal", "no_signal_steps"])
def test_the_verdict_is_rarely_wrong(name: str) -> None:
    """40 pairs with 50 failures: at most 5 % of equal models are called better, and of guessing ones usable."""
    counts = counted(compared(TRUTHS[name], 50, seed, RESAMPLES) for seed in range(40))
    assert share(counts, TRUTHS[name].wrong, 40) <= ERROR
    assert counts["not_judged"] == 0


def test_a_real_difference_is_found() -> None:
    """The rule is no excuse for never deciding: with 150 failures most better models are called so, and the reverse."""
    better = counted(compared(TRUTHS["much_better"], 150, seed, RESAMPLES) for seed in range(8))
    worse = counted(compared(TRUTHS["worse"], 150, seed, RESAMPLES) for seed in range(8))
    assert better["better"] >= 6
    assert worse["worse"] >= 6
    assert better["worse"] + worse["better"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("failures", [50, 100])
@pytest.mark.parametrize("name", list(TRUTHS))
def test_the_verdict_is_rarely_wrong_over_200_pairs(name: str, failures: int) -> None:
    """Every kind of pair, with and without the traces of a calibration."""
    counts = counted(compared(TRUTHS[name], failures, seed, RESAMPLES) for seed in range(1000, 1200))
    assert share(counts, TRUTHS[name].wrong, 200) <= ERROR
    assert counts["slice"] <= 10 or name == "no_signal_production"


@pytest.mark.slow
def test_ten_equal_candidates_on_the_same_vehicles_are_rarely_promoted_by_luck() -> None:
    """The level is shared so that not even one of ten is called better in more than 5 % of cases."""
    assert sum(any_better(60, seed, RESAMPLES) for seed in range(100)) <= 5
