"""The decision's page: a person or the gates decide, and the page shows the gates, the log and every model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from failure_platform.assets.production_model import Decision, production_model_asset
from failure_platform.domain.deciding.log import Choice, version_state
from failure_platform.domain.leaks.findings import AcceptedFeature, Audit
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from support.model_samples import NOW, compared, trained

GOOD = {"roc_auc": 0.81, "recall": 0.4, "calibration_error": 0.01}


class Plant:
    """A home with a version that was compared with nothing, and the asset on an instance of its own."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, policy: str, **comparison: Any) -> None:
        self.platform = Platform(Settings(home=home, policy=policy))
        self.instance = instance
        self.version = self.platform.registry.save(trained(), NOW).version
        self.platform.registry.record_comparison(compared(self.version, None, figures=GOOD, **comparison))

    def materialise(self, **form: str) -> dg.ExecuteInProcessResult:
        asset = production_model_asset(dg.StaticPartitionsDefinition(["road_test"]), None)
        return dg.materialize(
            [asset],
            partition_key="road_test",
            instance=self.instance,
            resources={"platform": self.platform},
            run_config={"ops": {"production_model": {"config": form}}},
            raise_on_error=False,
        )


def checks(run: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in run.get_asset_check_evaluations()}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def test_the_automatic_policy_promotes_past_every_gate_and_the_page_shows_each_number(
    home: Path, instance: dg.DagsterInstance
) -> None:
    plant = Plant(home, instance, "automatic", failures=150)
    run = plant.materialise()
    assert run.success
    (page,) = run.asset_materializations_for_node("production_model")
    models = page.metadata["models, newest first"].value
    (shown,) = [record.data for record in models.records]
    assert (shown["version"], shown["state"], shown["roc_auc"]) == (plant.version, "production", "0.810")
    gates = checks(run)["gates"]
    assert gates.passed
    told = {record.data["gate"]: record.data for record in gates.metadata["gates"].value.records}
    assert (told["calibration error"]["number"], told["calibration error"]["limit"]) == ("0.01", "0.05")
    assert (told["failures"]["number"], told["failures"]["limit"]) == ("150", "100")
    assert checks(run)["production_version_loads"].passed


def test_with_too_few_failures_the_automatic_policy_writes_no_line_and_says_that_a_person_decides(
    home: Path, instance: dg.DagsterInstance
) -> None:
    plant = Plant(home, instance, "automatic", failures=60)
    run = plant.materialise()
    assert run.success
    assert run.asset_materializations_for_node("production_model") == []
    assert plant.platform.registry.history("road_test") == []
    gates = checks(run)["gates"]
    assert not gates.passed
    assert "A person decides. 60 of the compared vehicles failed" in str(gates.description)
    by_hand = plant.materialise(decision="promote", version=plant.version, who="Ana", why="looked at every failure")
    assert by_hand.success
    (line,) = plant.platform.registry.history("road_test")
    assert line.evidence is not None
    assert line.evidence["advice"] == "a person decides"
    assert "The gates say: a person decides." in str(checks(by_hand)["gates"].description)


@pytest.mark.fault(63)
def test_the_page_of_a_decision_shows_what_was_accepted_against_the_leak_audit(
    home: Path, instance: dg.DagsterInstance
) -> None:
    audit = Audit(accepted=(AcceptedFeature("nok:9:7", (), "Rui", "the line writes it"),))
    plant = Plant(home, instance, "automatic", failures=150, leak_audit=audit)
    (page,) = plant.materialise().asset_materializations_for_node("production_model")
    assert page.metadata["leak audit"].value == audit.summary
    (shown,) = [record.data for record in page.metadata["decisions, newest first"].value.records]
    assert shown["leak_audit"] == audit.summary


def test_a_person_retires_a_version_from_the_launchpad(home: Path, instance: dg.DagsterInstance) -> None:
    plant = Plant(home, instance, "manual")
    run = plant.materialise(decision="retire", version=plant.version, who="Ana", why="reads a test that lies")
    assert run.success
    assert version_state(plant.version, plant.platform.registry.history("road_test")) == "retired"
    again = plant.materialise(decision="promote", version=plant.version, who="Ana", why="it is fine")
    assert not again.success
    assert "was retired" in str(again.failure_data_for_node("production_model"))


def test_the_manual_policy_tells_a_person_what_to_fill_in(home: Path, instance: dg.DagsterInstance) -> None:
    run = Plant(home, instance, "manual").materialise()
    assert not run.success
    told = str(run.failure_data_for_node("production_model"))
    assert "decision (promote, keep, roll_back or retire)" in told


def test_the_form_offers_every_choice() -> None:
    assert {choice.value for choice in Choice} | {"policy"} == {offered.value for offered in Decision}
