"""The page of `vehicles`: what happened to its vehicles, in sentences and tables that fit on it."""

import dagster as dg
import pytest

from failure_platform.definitions import build
from failure_platform.settings import Settings
from support.vehicle_plant import VEHICLES, VehiclePlant, defect, event, result, upload, usual

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Home:
    """A home with uploads in its lake, and the asset."""

    def __init__(self, folder, instance, **settings):
        settings = Settings(home=folder, settle_seconds=0, port=0, **settings)
        settings.lake_file.parent.mkdir(parents=True, exist_ok=True)
        self.plant = VehiclePlant(settings.lake_file.parent)
        self.defs, self.instance = build(settings), instance
        self.take = self.plant.take

    def page(self, **asked):
        """Materialise `vehicles` of the default target; return its metadata as text, and its checks."""
        config = QUIET | ({"ops": {"vehicles": {"config": asked}}} if asked else {})
        done = self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey("vehicles")],
            partition_key="road_test",
            run_config=config,
        )
        (materialized,) = done.asset_materializations_for_node("vehicles")
        checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
        return {name: value.value for name, value in materialized.metadata.items()}, checks


@pytest.fixture
def home(tmp_path, dagster_instance):
    found = Home(tmp_path, dagster_instance)
    found.take(*usual())
    return found


def test_it_says_how_many_vehicles_were_described_and_why(home):
    everyone = f"All {VEHICLES} vehicles: the table was rebuilt because"
    assert home.page()[0]["described anew"] == f"{everyone} there was no table yet."
    assert home.page()[0]["described anew"].startswith(
        f"None of {VEHICLES} vehicles: no new upload since the table was built"
    )
    home.take(upload("status", event(4, -5, "M620")))
    assert home.page()[0]["described anew"].startswith(f"1 of {VEHICLES} vehicles: those that 1 new uploads touch")
    assert home.page(describe_all=True)[0]["described anew"] == f"{everyone} requested in the run config."


def test_vehicles_without_prediction_point_are_counted_by_a_stated_rule(home):
    home.take(upload("status", event(20, 0, "M600"), event(21, 0, "M710")))
    said = home.page()[0]["vehicles without prediction point"]
    assert said.startswith("2 vehicles in the lake have no status M700.")
    assert "1 of them passed a later checkpoint" in said


def test_outcomes_are_counted_with_the_reasons_of_the_unknown_ones(home):
    home.take(upload("falhas", defect(2, -90), defect(2, 130)))
    page, checks = home.page()
    counts = {record["outcome"]: int(record["vehicles"]) for record in map(dict, _records(page["outcomes"]))}
    assert counts.keys() >= {"failed", "did not fail", "unknown: horizon not over"}
    assert sum(counts.values()) == VEHICLES
    assert checks == dict.fromkeys(checks, True) and len(checks) == 3


def test_the_dictionary_has_a_line_per_family_and_the_lake_all_of_it(home):
    """A thousand features fit on no page."""
    home.take(upload("resultados", *(result(3, hours=-4, test=f"9{number:05}") for number in range(300))))
    page, _ = home.page()
    lines = list(map(dict, _records(page["feature dictionary"])))
    families = [line["family"] for line in lines]
    assert page["features"] > 300 > 20 > len(families) == len(set(families))
    assert all(line["for example"].startswith(f"{line['family']}:") and line["means"].endswith(".") for line in lines)
    assert sum(int(line["features"]) for line in lines) == page["features"]
    [(features, sentences)] = home.plant.rows(
        "SELECT count(DISTINCT feature), count(description) FROM feature_dictionary WHERE target = 'road_test'"
    )
    assert features == sentences == page["features"]
    assert "feature_dictionary" in page["whole feature dictionary"]


def test_settings_reach_the_description(tmp_path, dagster_instance):
    """Declared days, and results one by one where the sequence family trains."""
    plain = Home(tmp_path, dagster_instance)
    plain.take(*usual())
    page, checks = plain.page()
    assert not checks["label_coverage"], "the usual falhas tell of too few days"
    assert "sequence" not in {record["family"] for record in map(dict, _records(page["feature dictionary"]))}
    days = {"falhas.csv": {"first_day": "2024-01-01", "last_day": "2024-01-30"}}
    told = Home(tmp_path, dagster_instance, declared_periods=days, training={"families": ["prior", "sequence"]})
    page, checks = told.page()
    assert checks["label_coverage"]
    assert "sequence" in {record["family"] for record in map(dict, _records(page["feature dictionary"]))}
    assert "because of a change in: declared periods, rules, sequence length" in page["described anew"]


def _records(table):
    return [record.data for record in table.records] if hasattr(table, "records") else table
