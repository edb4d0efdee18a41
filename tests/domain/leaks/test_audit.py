"""The leak audit: every kind of planted leak is found and named, and data without leaks give no finding."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.features.wide import feature_columns
from failure_platform.domain.leaks.audit import audit
from failure_platform.domain.leaks.evidence import (
    periods,
    ranking,
    share_difference,
    share_lower_bound,
    upload_separation,
)
from failure_platform.domain.leaks.findings import Acceptance, Audit, LeakKind
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.training.split import Split, time_split
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.writing import simulate
from support.examples import examples
from support.modelling_lake import SmallLake

# Tests that nobody makes, one for each kind of leak that sits in a feature.
COPY, ONLY, MISSING, NUMBER = "990001", "990002", "990003", "990004"
PLANTED = {
    COPY: "has_failed + 0.2 * random()",
    ONLY: "CASE WHEN has_failed = 1 THEN random() END",
    MISSING: "CASE WHEN random() < 0.95 - 0.6 * has_failed THEN random() END",
    NUMBER: "CAST(right(KNR, 4) AS INTEGER) + CAST(substr(KNR, 6, 3) AS INTEGER) * 10000",
}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """A simulated plant as a lake; nothing is planted in it."""
    folder = tmp_path_factory.mktemp("plant")
    written = simulate(Simulation(vehicles=1_200, weeks=8, seed=11, gzipped=True), folder / "uploads")
    for kind, path in written.uploads.items():
        path.rename(folder / f"{kind}.csv.gz")
    return SmallLake.of_real_set(folder)


@pytest.fixture(scope="module")
def honest(plant: SmallLake) -> pd.DataFrame:
    """The vehicles of the plant as they are, from one upload a day."""
    frame = plant.vehicles()
    return frame.assign(upload=frame["predicted_at"].dt.strftime("%Y-%m-%d"))


@pytest.fixture(scope="module")
def leaky(plant: SmallLake, honest: pd.DataFrame) -> pd.DataFrame:
    """The vehicles of the same plant once its resultados hold the planted tests, an hour before the road test."""
    known = honest.loc[honest["label"].notna(), ["KNR", "predicted_at"]].assign(
        has_failed=honest["label"].astype(float)
    )
    plant.connection.execute("SELECT setseed(0.5)")
    plant.connection.register("known", known)
    for name, value in PLANTED.items():
        plant.connection.execute(
            "INSERT INTO resultados (KNR, NAME, ID, STATUS, VALUE_ID, VALUE, DATA) SELECT * FROM (SELECT KNR, "
            f"'{name}', 2, 10, 0, {value} AS VALUE, predicted_at - INTERVAL 1 HOUR FROM known) WHERE VALUE IS NOT NULL"
        )
    return plant.vehicles().assign(upload=honest["upload"])


def _audited(frame: pd.DataFrame, *accepted: str, split: Split | None = None) -> Audit:
    sides = split or time_split(frame, ROAD_TEST.horizon)
    by_ana = {name: Acceptance("Ana", "it is measured on the line") for name in accepted}
    return audit(frame, sides.training, sides.comparison, feature_columns(frame.drop(columns="upload")), by_ana)


def _kinds(audited: Audit, feature: str | None) -> list[LeakKind]:
    return [finding.kind for finding in audited.findings if finding.feature == feature]


def test_an_honest_plant_raises_nothing(honest: pd.DataFrame) -> None:
    audited = _audited(honest)
    assert audited.findings == ()
    assert audited.features_checked > 800


@pytest.mark.parametrize("name", ["ai4i", "azure_m01_10", "secom_first70"])
def test_real_data_raise_nothing(real_data: Callable[[str], Path], name: str) -> None:
    """Also where an error count ranks nearly perfectly, with 10 failures."""
    frame = SmallLake.of_real_set(real_data(name)).vehicles()
    assert _audited(frame.assign(upload="one")).findings == ()


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (COPY, LeakKind.too_good_feature),
        (ONLY, LeakKind.one_class_only),
        (MISSING, LeakKind.missing_by_label),
        (NUMBER, LeakKind.identifier),
    ],
)
def test_a_planted_test_is_caught_and_named(leaky: pd.DataFrame, name: str, kind: LeakKind) -> None:
    audited = _audited(leaky)
    assert kind in _kinds(audited, f"value:2:{name}:0")
    assert all(finding.feature is None or ":99000" in finding.feature for finding in audited.findings)
    sentence = next(f.sentence for f in audited.findings if f.feature == f"value:2:{name}:0" and f.kind is kind)
    assert f"value:2:{name}:0" in sentence


def test_an_accepted_feature_is_no_finding_but_an_identifier_stays_one(leaky: pd.DataFrame) -> None:
    named = {finding.feature for finding in _audited(leaky).findings if finding.feature}
    left = _audited(leaky, *named).findings
    assert {finding.kind for finding in left} == {LeakKind.identifier}


@pytest.mark.fault(38)
def test_a_row_that_is_not_older_than_the_prediction_point_is_caught(honest: pd.DataFrame) -> None:
    late = honest.copy()
    late.loc[7, "last_row_at"] = late.loc[7, "predicted_at"]
    (finding,) = _audited(late).findings
    assert (finding.kind, finding.feature, finding.number) == (LeakKind.newer_than_prediction_point, None, 1)


def test_a_vehicle_on_both_sides_is_caught(honest: pd.DataFrame) -> None:
    sides = time_split(honest, ROAD_TEST.horizon)
    both = replace(sides, comparison=pd.concat([sides.comparison, sides.training.tail(2)]))
    (finding,) = _audited(honest, split=both).findings
    assert (finding.kind, finding.number) == (LeakKind.same_vehicle_twice, 2)


def test_a_vehicle_described_twice_is_caught(honest: pd.DataFrame) -> None:
    doubled = pd.concat([honest, honest.head(3)], ignore_index=True)
    assert LeakKind.same_vehicle_twice in _kinds(_audited(doubled), None)


def test_files_put_together_by_outcome_are_caught(honest: pd.DataFrame) -> None:
    """Also where every week has its own two files, and where only half of the failed vehicles are in separate files."""
    failed = (honest["label"] == 1).fillna(False).to_numpy(dtype=bool)
    half = failed & (np.arange(len(honest)) % 2 == 0)
    for apart in (failed, half):
        for base in (honest["predicted_at"].dt.strftime("%Y-%V"), pd.Series("all", honest.index)):
            planted = honest.assign(upload=base + np.where(apart, " bad", " good"))
            (finding,) = _audited(planted).findings
            assert finding.kind is LeakKind.upload_effect


def test_uploads_that_follow_time_are_no_leak_even_where_failures_come_and_go(honest: pd.DataFrame) -> None:
    """A bad week is honest: the week's file has many failures because the week had."""
    week = honest["predicted_at"].dt.isocalendar().week
    label = honest["label"].mask(week % 3 == 0, (np.arange(len(honest)) % 3 == 0).astype(int))
    changed = honest.assign(label=label.astype("Int8"), upload=week.astype(str))
    assert LeakKind.upload_effect not in _kinds(_audited(changed), None)


def test_what_is_missing_since_a_day_is_no_leak_even_where_failures_began_that_day() -> None:
    """A test that was introduced when failures rose depends on time, not on the label."""
    rng = np.random.default_rng(4)
    late = np.arange(4_000) >= 2_000
    failed = rng.random(4_000) < np.where(late, 0.3, 0.03)
    predicted_at = np.datetime64("2024-01-01") + np.arange(4_000) * np.timedelta64(10, "m")
    period = periods(predicted_at, failed)
    difference, least = share_difference(~late[:, None], failed, period, 0.01)
    assert abs(difference[0]) < 0.1 and abs(least[0]) < 0.1
    crude = late[failed].mean() - late[~failed].mean()
    assert crude > 0.3


def test_what_is_known_only_with_an_earlier_falha_is_no_leak(honest: pd.DataFrame) -> None:
    """MODELO is known of vehicles that had a defect before; that these fail more often is honest."""
    failed = (honest["label"] == 1).fillna(False).to_numpy(dtype=bool)
    had_defect = np.random.default_rng(1).random(len(honest)) < np.where(failed, 0.9, 0.2)
    name = "value:2:990005:0"
    planted = honest.assign(**{name: np.where(had_defect, np.random.default_rng(2).random(len(honest)), np.nan)})
    assert _kinds(_audited(planted), name) == [LeakKind.missing_by_label]
    explained = time_split(planted.assign(MODELO=np.where(had_defect, "A1", None)), ROAD_TEST.horizon)
    assert audit(planted, explained.training, explained.comparison, [name], {}).findings == ()


@examples(10)
@given(seed=st.integers(0, 10_000), failures=st.integers(10, 60))
def test_noise_is_no_leak(seed: int, failures: int) -> None:
    """Few failures and many features: some feature always ranks well by chance, and nothing is found."""
    rng = np.random.default_rng(seed)
    n = failures * 12
    x = rng.normal(size=(n, 300)).astype(np.float32)
    x[rng.random(x.shape) < rng.random(300)] = np.nan
    names = [f"value:2:{i:06d}:0" for i in range(300)]
    facts = pd.DataFrame(
        {
            "KNR": [f"2024-{i:07d}" for i in range(n)],
            "predicted_at": pd.Timestamp("2024-01-08") + np.arange(n) * pd.Timedelta(hours=1),
            "label": pd.array(rng.permutation(np.arange(n) < failures).astype(int), dtype="Int8"),
            "last_row_at": pd.NaT,
            "upload": [f"file {i}" for i in rng.integers(0, rng.integers(1, n), n)],
        }
    )
    frame = pd.concat([facts, pd.DataFrame(x, columns=names)], axis=1)
    assert audit(frame, frame, frame.head(0), names, {}).findings == ()


def test_ranking_is_the_auc_of_each_feature_among_those_that_have_it() -> None:
    failed = np.array([True, True, False, False, False])
    x = pd.DataFrame({"a": [3.0, np.nan, 1, 2, 3], "b": [1.0, 2, 3, 4, 5], "c": [np.nan, np.nan, 1, 2, 3]})
    ranked = ranking(x, failed, [np.arange(5.0)])
    assert ranked.auc.tolist() == [2.5 / 3, 0.0, 0.5]
    assert ranked.failures.tolist() == [1, 2, 0]
    assert ranked.correlation[1:, 0].tolist() == pytest.approx([1.0, 1.0])


def test_a_bound_of_few_failures_proves_little() -> None:
    few, many = share_lower_bound(np.array([1.0, 1.0]), np.array([8.0, 800.0]), 1e-5)
    assert few < 0.5 and many > 0.95


def test_uploads_of_one_vehicle_each_tell_nothing() -> None:
    predicted_at = pd.Series(pd.Timestamp("2024-01-08") + np.arange(200) * pd.Timedelta(hours=1))
    uploads = pd.Series([f"file {i}" for i in range(200)])
    assert upload_separation(uploads, predicted_at, np.arange(200) % 9 == 0, 0.01) == (0.0, 0.0)
