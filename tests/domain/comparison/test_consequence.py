"""What following a model costs and finds is said in one sentence, for every kind of model."""

from typing import Any

import pytest

from failure_platform.domain.comparison.consequence import consequence
from failure_platform.domain.comparison.result import Confusion
from support.comparison_samples import finished


def said(tp: int, fp: int, fn: int, tn: int, **changed: Any) -> str:
    values = {"vehicles": tp + fp + fn + tn, "failures": tp + fn, "inspections": 10_000, **changed}
    return consequence(finished(confusions={"candidate": Confusion(tp=tp, fp=fp, fn=fn, tn=tn)}, **values))


@pytest.mark.fault(70)
def test_costs_and_finds_are_told_per_100_vehicles() -> None:
    """Inspections, those in vain, failures found, what chance would find, and how much better than chance it is."""
    text = said(tp=60, fp=140, fn=60, tn=1740)
    assert "costs 10 inspections, 7 of them of vehicles that do not fail, and finds 3 of the 6 that fail" in text
    assert "drawn at random would find 0.6: its alarms are right 5.00 times as often." in text
    assert "can be inspected" not in text


@pytest.mark.fault(70)
def test_a_model_that_alarms_nearly_everything_is_told_as_no_better_than_chance() -> None:
    """Precision 0.474 where 0.473 fail: nobody learns anything from such alarms."""
    text = said(tp=473, fp=526, fn=0, tn=1, inspections=200, inspections_per_day=7)
    assert "costs 99.9 inspections" in text
    assert "right 1.00 times as often" in text
    assert "more than the 20 of 100 that can be inspected (7 a day)" in text


def test_no_alarm_no_failure_and_no_vehicle_are_sentences_too() -> None:
    assert "it alarms none: following it costs nothing and finds none of the 6 that fail" in said(0, 0, 6, 94)
    assert "costs 5 inspections; none of the compared vehicles failed" in said(0, 5, 0, 95)
    assert "not known" in consequence(finished(vehicles=0, failures=0))
    assert "not known" in consequence(finished(), "production")
