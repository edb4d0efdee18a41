"""Promises about the split: time decides, the horizon is a gap, nobody is on both sides or was learnt already."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.split import time_folds, time_split
from support.examples import examples
from support.modelling_lake import DAY, T0
from support.training_plant import plant

HORIZON = ROAD_TEST.horizon


@pytest.mark.fault(38)
def test_both_sides_are_apart_in_time_by_the_horizon() -> None:
    """At the first judged vehicle's prediction point every trained-on label was known, and nobody is on both sides."""
    frame, _ = plant(400)
    frame.loc[frame.index[-20:], "label"] = pd.NA
    split = time_split(frame.sample(frac=1, random_state=1), HORIZON)
    assert split.cut is not None
    assert split.training["predicted_at"].max() + HORIZON <= split.cut == split.comparison["predicted_at"].min()
    assert not set(split.training["KNR"]) & set(split.comparison["KNR"])
    assert (len(split.comparison), split.unlabelled) == (95, 20)
    assert len(split.training) + split.purged + 95 + 20 == 400
    assert split.training["KNR"].is_monotonic_increasing
    assert split.comparison["predicted_at"].is_monotonic_increasing


def test_the_comparison_holds_only_vehicles_newer_than_the_production_model() -> None:
    """A production model judged on what it was trained on would block every candidate for ever."""
    frame, _ = plant(400)
    later = frame["predicted_at"].iloc[350].to_pydatetime()
    split = time_split(frame, HORIZON, newer_than=later)
    assert split.comparison["predicted_at"].min() == frame["predicted_at"].iloc[351]
    assert time_split(frame, HORIZON, newer_than=T0).cut == time_split(frame, HORIZON).cut
    assert time_split(frame, HORIZON, newer_than=T0 + 900 * DAY).comparison.empty


def test_incremental_training_gets_only_vehicles_that_production_does_not_know() -> None:
    """The comparison stays as it is for a full training; what lies before both is counted, not lost."""
    frame, _ = plant(400)
    known_until = frame["predicted_at"].iloc[150].to_pydatetime()
    full, fresh = time_split(frame, HORIZON), time_split(frame, HORIZON, since=known_until)
    assert fresh.training["predicted_at"].min() == frame["predicted_at"].iloc[151]
    assert fresh.training["predicted_at"].max() == full.training["predicted_at"].max()
    assert fresh.learnt == len(full.training) - len(fresh.training) == 151
    assert fresh.comparison.equals(full.comparison)
    assert (fresh.cut, fresh.purged, full.learnt) == (full.cut, full.purged, 0)


def test_vehicles_of_one_moment_stay_on_one_side_and_nothing_labelled_is_no_split() -> None:
    """The cut lies between two moments, never inside one."""
    frame, _ = plant(100)
    frame["predicted_at"] = [pd.Timestamp(T0)] * 60 + [pd.Timestamp(T0 + 9 * DAY)] * 40
    split = time_split(frame, HORIZON)
    assert (len(split.training), len(split.comparison)) == (60, 40)
    nothing = time_split(frame.assign(label=pd.array([pd.NA] * 100, dtype="Int8")), HORIZON)
    assert (nothing.cut, nothing.unlabelled, len(nothing.training)) == (None, 100, 0)
    with pytest.raises(ValueError, match="holdout_share"):
        time_split(frame, HORIZON, holdout_share=1.0)


@examples(60)
@given(
    hours=st.lists(st.integers(0, 24 * 40), min_size=20, max_size=120),
    every=st.integers(2, 7),
    folds=st.integers(1, 5),
)
def test_a_fold_is_fitted_only_on_what_was_known_when_its_judged_block_began(
    hours: list[int], every: int, folds: int
) -> None:
    """The inner validation meets the future as the real one does; a vehicle is validated at most once."""
    predicted_at = np.datetime64(T0, "us") + np.array(hours) * np.timedelta64(1, "h")
    failed = np.arange(len(hours)) % every == 0
    validated: list[int] = []
    for train, validation in time_folds(predicted_at, failed, HORIZON, folds):
        assert predicted_at[train].max() + np.timedelta64(HORIZON) <= predicted_at[validation].min()
        assert failed[train].sum() >= 2
        validated += validation.tolist()
    assert len(validated) == len(set(validated))
