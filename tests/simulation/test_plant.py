"""Promises of the simulated plant: its uploads look like the plant's, and its truth file tells the truth about them."""

import itertools
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

from failure_platform.simulation.cause import failure_function
from failure_platform.simulation.plan import BLOCK_VEHICLES, Simulation
from failure_platform.simulation.truth import expected_average_precision, expected_roc_auc
from failure_platform.simulation.vehicles import simulated_vehicles
from failure_platform.simulation.writing import SimulationReport, simulate

DRIFT = date(2023, 2, 27)
PLAN = Simulation(vehicles=2_000, weeks=12, seed=7, drift_date=DRIFT)


class Plant:
    """A written batch: its report, its truth, and its uploads as DuckDB views of texts."""

    def __init__(self, folder: Path, plan: Simulation) -> None:
        self.report: SimulationReport = simulate(plan, folder / "uploads")
        self.truth: dict[str, Any] = json.loads(self.report.truth.read_text())
        self.vehicles = pd.read_csv(
            self.report.truth_vehicles, parse_dates=["predicted_at", "failed_at"], dtype={"group": str}
        )
        self.lake = duckdb.connect()
        for kind, path in self.report.uploads.items():
            self.lake.execute(
                f"CREATE TABLE {kind} AS FROM read_csv('{path}', all_varchar=true, header=true, delim=',', quote='\"')"
            )
        self.lake.execute("CREATE TABLE m700 AS SELECT KNR, DATA AS m700_at FROM status WHERE STATUS = 'M700'")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.lake.execute(sql).fetchall()

    def frame(self, sql: str) -> pd.DataFrame:
        return self.lake.execute(sql).df()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    plant = Plant(tmp_path_factory.mktemp("plant"), PLAN)
    yield plant
    plant.lake.close()


def test_resultados_have_the_published_counts_codes_and_units(plant: Plant) -> None:
    counts = pd.Series(dict(plant.rows("SELECT KNR, count(*) FROM resultados GROUP BY 1")))
    finished = plant.vehicles.set_index("KNR")["finished"]
    assert len(counts) == 2_000
    assert counts[finished].between(846, 874).all() and counts[finished].nunique() > 10
    assert counts[~finished].between(1, 80).all()
    assert 0.01 < (~finished).mean() < 0.05

    assert plant.rows("SELECT count(DISTINCT NAME) FROM resultados") == [(292,)]
    families = dict(plant.rows("SELECT ID, count(DISTINCT NAME) FROM resultados GROUP BY 1"))
    assert families == {"1": 12, "2": 220, "718": 60}
    assert {v for (v,) in plant.rows("SELECT DISTINCT VALUE_ID FROM resultados")} == {*"01234567", "80"}
    units = {u for (u,) in plant.rows("SELECT DISTINCT UNIT FROM resultados WHERE UNIT IS NOT NULL")}
    assert {u.strip() for u in units} == {"Grad", "Nm", "min", "%", "mm", "°", "Clicks", "kg", "V", "Deg", ""}
    assert {len(u) for u in units} == {10}
    screws = plant.rows("SELECT DISTINCT CAST(VALUE_ID AS INT) % 2, trim(UNIT) FROM resultados WHERE ID = '2'")
    assert sorted(screws) == [(0, "Nm"), (1, "Grad")]
    fluids = plant.rows("SELECT DISTINCT NAME FROM resultados WHERE VALUE IS NULL OR UNIT IS NULL")
    assert sorted(fluids) == [(f"0120{n:02d}",) for n in range(1, 8)]
    per_family = plant.frame(
        "SELECT ID, count(*) n FROM resultados JOIN (SELECT KNR FROM resultados GROUP BY 1 HAVING count(*) > 80) "
        "USING (KNR) GROUP BY KNR, ID"
    ).groupby("ID")["n"]
    for family, least, most in (("1", 2, 20), ("2", 700, 870), ("718", 30, 90)):
        assert least <= per_family.min()[family] <= per_family.max()[family] <= most


def test_a_redone_test_is_nok_and_then_ok(plant: Plant) -> None:
    runs = plant.frame("SELECT KNR, NAME, STATUS, DATA FROM resultados GROUP BY ALL ORDER BY KNR, NAME, DATA")
    runs["last"] = ~runs.duplicated(["KNR", "NAME"], keep="last")
    assert set(runs["STATUS"]) == {"10", "13"}
    assert ((runs["STATUS"] == "10") == runs["last"]).all()
    assert 0.005 < (runs["STATUS"] == "13").mean() < 0.01


def test_no_natural_key_stands_twice(plant: Plant) -> None:
    for kind, key in (
        ("resultados", "KNR, NAME, ID, VALUE_ID, DATA"),
        ("falhas", "KNR, HALLE, FALHA, ESTACAO, DATA"),
        ("status", "KNR, STATUS, DATA"),
    ):
        assert plant.rows(f"SELECT {key} FROM {kind} GROUP BY {key} HAVING count(*) > 1") == []


def test_some_tests_run_after_the_prediction_point_and_zp8_after_the_road_test(plant: Plant) -> None:
    late = dict(
        plant.rows(
            "SELECT NAME[:11], count(*) FILTER (DATA < m700_at) / count(*) "
            "FROM resultados JOIN m700 USING (KNR) GROUP BY 1"
        )
    )
    assert late["SECTION_ZP8"] == 0
    assert late["SECTION_ALS"] == late["SECTION_IBN"] == 1
    assert 0.5 < late["UPSECOS_ALS"] < 0.9
    (before_road,) = plant.rows(
        "SELECT count(*) FROM resultados r JOIN status s USING (KNR) "
        "WHERE s.STATUS = 'M710' AND NAME LIKE 'SECTION_ZP8%' AND r.DATA < s.DATA"
    )
    assert before_road == (0,)


def test_status_has_the_published_events_gaps_and_tails(plant: Plant) -> None:
    checkpoints = ("R750", "L540", "G700", "M600", "M620", "M700", "M710", "M720", "M800")
    per_vehicle = plant.frame(
        f"SELECT KNR, count(*) AS events, count(*) FILTER (STATUS IN {checkpoints}) AS checkpoints, "
        "count(*) FILTER (STATUS = 'M700') AS m700 FROM status GROUP BY 1"
    )
    assert len(per_vehicle) == 2_000
    assert 46 < per_vehicle["events"].mean() < 52
    assert abs((per_vehicle["checkpoints"] < 9).mean() - 0.184) < 4 * np.sqrt(0.184 * 0.816 / 2_000)
    assert 0.02 < (per_vehicle["m700"] == 0).mean() < 0.05
    codes = [code for (code,) in plant.rows("SELECT DISTINCT STATUS FROM status")]
    assert len(codes) == 116
    assert all(len(code) == 4 and code[0] in "RLGM" for code in codes)

    wide = plant.frame(
        "SELECT * FROM (PIVOT (SELECT KNR, STATUS, CAST(DATA AS TIMESTAMP) AS passed FROM status) ON STATUS "
        f"IN {checkpoints} USING min(passed) GROUP BY KNR)"
    )
    steps = [(wide[b] - wide[a]).dt.total_seconds() / 3600 for a, b in itertools.pairwise(checkpoints)]
    assert all(2 < step.median() < 12 for step in steps)
    assert max(step.max() for step in steps) > 24 * 10
    assert all((step.dropna() < 0).mean() < 0.02 for step in steps)
    assert any((step.dropna() < 0).any() for step in steps)


def test_falhas_have_the_published_shares(plant: Plant) -> None:
    per_vehicle = plant.frame("SELECT KNR, count(*) n FROM falhas GROUP BY 1")["n"]
    assert 7 < per_vehicle.mean() < 9
    assert per_vehicle.median() in (6, 7, 8)
    assert len(per_vehicle) < 2_000
    halls = dict(plant.rows("SELECT HALLE, count(DISTINCT KNR) FROM falhas GROUP BY 1"))
    for hall, share in {"ZP7": 0.94, "ZP5": 0.47, "ZP5A": 0.40, "ZP6": 0.14, "ZP8": 0.13}.items():
        assert abs(halls[hall] / len(per_vehicle) - share) < 0.035, hall
    assert 0 < halls[None] < 0.05 * len(per_vehicle)
    for column, code, share in (("COR", "K2K2", 0.264), ("MOTOR", "DHS", 0.59), ("ESTACAO", "HCEQS506", 0.469)):
        (found,) = plant.rows(f"SELECT avg(CAST({column} = '{code}' AS INT)) FROM falhas")
        assert abs(found[0] - share) < 0.05, column
    assert plant.rows("SELECT KNR FROM falhas GROUP BY 1 HAVING count(DISTINCT (MODELO, COR, MOTOR)) > 1") == []
    groups = {g for (g,) in plant.rows("SELECT DISTINCT S_GROUP_ID FROM falhas")}
    assert {"1", "2", "4", "5", "-2", "9830946"} <= groups
    assert plant.rows("SELECT DISTINCT ESTACAO FROM falhas WHERE HALLE = 'ROD'") == [("PCEQS709",)]


def test_the_failures_of_the_truth_are_the_rod_rows_of_falhas(plant: Plant) -> None:
    failed = plant.vehicles[plant.vehicles["failed"]]
    rod = plant.frame("SELECT KNR, min(CAST(DATA AS TIMESTAMP)) AS found FROM falhas WHERE HALLE = 'ROD' GROUP BY 1")
    assert set(rod["KNR"]) == set(failed["KNR"])
    both = failed.merge(rod, on="KNR")
    assert (both["found"] - both["failed_at"]).between(timedelta(0), timedelta(minutes=1)).all()
    waited = (both["found"] - both["predicted_at"]).dropna()
    assert (waited > timedelta(0)).all()
    assert waited.median() < timedelta(hours=12)
    assert (waited > timedelta(days=3)).mean() < 0.02
    groups = dict(plant.rows("SELECT KNR, list(DISTINCT S_GROUP_ID) FROM falhas WHERE HALLE = 'ROD' GROUP BY 1"))
    assert all(groups[row.KNR] == [row.group] for row in failed.itertuples())
    assert failed["group"].nunique() >= 4


def test_the_true_probability_follows_from_rows_before_the_prediction_point(plant: Plant) -> None:
    """Nothing hidden and nothing later: whoever knows the truth file's function can compute it from the uploads."""
    for drifted, function in ((False, plant.truth["function"]), (True, plant.truth["drift"]["function"])):
        vehicles = plant.vehicles[plant.vehicles["predicted_at"].notna() & (plant.vehicles["drifted"] == drifted)]
        log_odds = pd.Series(function["intercept"], index=vehicles["KNR"])
        for effect in function["effects"]:
            log_odds = log_odds + _term(plant, effect).reindex(log_odds.index)
        told = log_odds.dropna()  # a lost scan hides a stage time
        assert len(told) > 0.9 * len(vehicles) > 500
        close = np.isclose(expit(told), vehicles.set_index("KNR").loc[told.index, "probability"], rtol=1e-9)
        assert close.mean() > 0.98  # the others have two checkpoints stamped the wrong way round


def _term(plant: Plant, effect: dict[str, Any]) -> "pd.Series[float]":
    name, coefficient = effect["name"], effect["coefficient"]
    if effect["kind"] == "stage_time":
        before = {"M700": "M620", "G700": "L540"}[name]
        hours = plant.frame(
            "SELECT a.KNR, date_diff('second', CAST(a.DATA AS TIMESTAMP), CAST(b.DATA AS TIMESTAMP)) / 3600 AS hours "
            f"FROM status a JOIN status b USING (KNR) WHERE a.STATUS = '{before}' AND b.STATUS = '{name}'"
        ).set_index("KNR")["hours"]
        return coefficient * np.log(hours.where(hours > 0) / effect["median_hours"])
    seen = f"FROM resultados JOIN m700 USING (KNR) WHERE NAME = '{name}' AND DATA < m700_at"
    if effect["kind"] == "nok_count":
        noks = plant.frame(f"SELECT KNR, count(DISTINCT DATA) FILTER (STATUS = '13') AS n {seen} GROUP BY 1")
        return coefficient * noks.set_index("KNR")["n"]
    last = plant.frame(
        f"SELECT KNR, arg_max(CAST(VALUE AS DOUBLE), DATA) AS value {seen} AND VALUE_ID = '{effect['value_id']}' "
        "GROUP BY 1"
    ).set_index("KNR")["value"]
    deviation = (last - effect["nominal"]) / effect["standard_deviation"]
    if effect["kind"] == "outside_window":
        return coefficient * (deviation.abs() > effect["limit"]).astype(float)
    return coefficient * deviation


def test_the_best_scores_are_those_of_the_true_probability(plant: Plant) -> None:
    known = plant.vehicles.dropna(subset="predicted_at").sort_values(["predicted_at", "KNR"])
    for part, vehicles in (("all", known), ("newest_quarter", known.tail(len(known) // 4))):
        best = plant.truth["best_scores"][part]
        assert best["vehicles"] == len(vehicles)
        assert best["failures"] == vehicles["failed"].sum()
        assert best["roc_auc_drawn"] == pytest.approx(roc_auc_score(vehicles["failed"], vehicles["probability"]))
        precision = average_precision_score(vehicles["failed"], vehicles["probability"])
        assert best["average_precision_drawn"] == pytest.approx(precision)
        rng = np.random.default_rng(3)
        redrawn = [rng.random(len(vehicles)) < vehicles["probability"] for _ in range(200)]
        aucs = [roc_auc_score(failed, vehicles["probability"]) for failed in redrawn]
        precisions = [average_precision_score(failed, vehicles["probability"]) for failed in redrawn]
        assert best["roc_auc_expected"] == pytest.approx(np.mean(aucs), abs=0.01)
        assert best["average_precision_expected"] == pytest.approx(np.mean(precisions), abs=0.03)


def test_at_usual_signal_the_rate_is_6_3_percent_and_the_best_auc_between_080_and_085() -> None:
    function = failure_function(1.0, 0.063)
    plan = Simulation(vehicles=20 * BLOCK_VEHICLES, weeks=20)
    probability = np.concatenate([simulated_vehicles(plan, block).probability for block in range(20)])
    assert probability.mean() == pytest.approx(0.063, abs=0.004)
    assert 0.80 < expected_roc_auc(probability) < 0.85
    assert plan.functions()[0] is function  # whatever the plan: one plant, one function


def test_without_signal_every_vehicle_has_the_same_probability(tmp_path: Path) -> None:
    report = simulate(Simulation(vehicles=400, signal=0.0), tmp_path / "uploads")
    vehicles = pd.read_csv(report.truth_vehicles)
    assert vehicles["probability"].to_numpy() == pytest.approx(0.063)
    assert vehicles["probability"].nunique() == 1
    best = json.loads(report.truth.read_text())["best_scores"]["all"]
    assert best["roc_auc_drawn"] == best["roc_auc_expected"] == 0.5


def test_from_the_drift_date_on_tests_shift_and_an_effect_is_gone(plant: Plant) -> None:
    drift = plant.truth["drift"]
    gone = [e["name"] for e in drift["function"]["effects"] if e["coefficient"] == 0]
    assert gone == ["130100"]
    started = plant.vehicles["KNR"].map(lambda knr: date.fromisocalendar(int(knr[:4]), int(knr[5:7]), int(knr[7])))
    assert ((started >= DRIFT) == plant.vehicles["drifted"]).all()
    assert 0.3 < plant.vehicles["drifted"].mean() < 0.4
    values = plant.frame(
        "SELECT KNR, NAME, CAST(VALUE AS DOUBLE) AS v FROM resultados WHERE STATUS = '10' AND VALUE_ID = '0'"
    )
    values = values.dropna().merge(plant.vehicles[["KNR", "drifted"]], on="KNR")
    means = values.groupby(["NAME", "drifted"])["v"].mean().unstack()
    shift = (means[True] - means[False]) / values[~values["drifted"]].groupby("NAME")["v"].std()
    assert shift[drift["shifted_tests"]].to_numpy() == pytest.approx(0.8, abs=0.25)
    assert shift.drop(drift["shifted_tests"]).abs().max() < 0.3


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=40))
def test_the_expected_auc_is_the_sum_over_all_pairs(probabilities: list[float]) -> None:
    p = np.array(probabilities)
    wins = (p[:, None] > p[None, :]) + 0.5 * (p[:, None] == p[None, :])
    weight = p[:, None] * (1 - p[None, :])
    assert expected_roc_auc(p) == pytest.approx((wins * weight).sum() / weight.sum())
    assert 0 < expected_average_precision(p) <= 1
