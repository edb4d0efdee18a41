"""What stands in the registry can be seen in MLflow, once, under the alias that the decision log gives it."""

import sys
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from failure_platform.domain.deciding.log import Choice
from failure_platform.domain.deciding.policy import Gates, Policy
from failure_platform.resources.registry.mlflow_mirror import MlflowMissingError, mirror, store_uri
from failure_platform.resources.registry.model_files import failure_probabilities
from failure_platform.resources.registry.registry import Registry
from support.model_samples import NOW, compared, promote_unverified, registry_in, trained, vehicles, wanted

mlflow = pytest.importorskip("mlflow")

NAME = "failure_platform.road_test"


class Mirrored:
    """A registry with one version in production and one compared with it, mirrored."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "mlflow"
        self.registry: Registry = registry_in(home)
        self.first = self.registry.save(trained(0), NOW).version
        self.registry.record_comparison(compared(self.first, None))
        promote_unverified(self.registry, self.first, None)
        self.second = self.registry.save(trained(1), NOW + timedelta(hours=1)).version
        held = "The interval of the difference holds zero."
        self.registry.record_comparison(
            compared(self.second, self.first, uses=2, outcome="no_evidence", reason=held, figures={"f1": 0.4})
        )
        self.counted = self.again()
        self.client = mlflow.MlflowClient(store_uri(self.folder), store_uri(self.folder))

    def again(self) -> dict[str, int]:
        return mirror(self.registry, ["road_test", "doors"], self.folder)

    def runs(self) -> list[object]:
        return self.client.search_runs([self.client.get_experiment_by_name(NAME).experiment_id])

    def aliases(self) -> dict[str, str]:
        return {
            alias: self.client.get_model_version(NAME, number).tags["version"]
            for alias, number in self.client.get_registered_model(NAME).aliases.items()
        }


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Mirrored:
    """Made once: a new MLflow store costs seconds. The tests below stand in the order in which they change it."""
    return Mirrored(tmp_path_factory.mktemp("home"))


def test_every_version_is_a_run_with_what_made_it_its_figures_and_its_files(mirrored: Mirrored) -> None:
    assert mirrored.counted == {"road_test": 2, "doors": 0}
    runs = {run.data.tags["version"]: run for run in mirrored.runs()}  # type: ignore[attr-defined]
    assert set(runs) == {mirrored.first, mirrored.second}
    assert runs[mirrored.first].info.start_time == NOW.replace(tzinfo=UTC).timestamp() * 1000
    data = runs[mirrored.first].data
    assert data.metrics == {"training.roc_auc": 0.75, "training.log_loss": 0.3, "roc_auc": 0.81}
    assert (data.params["family"], data.params["folds"], data.params["seed"]) == ("logistic_regression", "4", "0")
    assert (data.params["training.aim.kind"], data.params["training.setting.depth"]) == ("recall", "6")
    assert data.params["library.scikit-learn"] == trained().origin.libraries["scikit-learn"]
    assert data.tags["verdict"] == "better"
    files = {item.path for item in mirrored.client.list_artifacts(runs[mirrored.first].info.run_id, "model")}
    assert files == {f"model/{name}" for name in mirrored.registry.version(mirrored.first).files}


def test_the_aliases_follow_the_log_and_the_description_says_who_and_why(mirrored: Mirrored) -> None:
    assert mirrored.aliases() == {"production": mirrored.first, "candidate": mirrored.second}
    described = mirrored.client.get_model_version_by_alias(NAME, "production").description
    assert "2026-03-04 05:06 UTC: promote by Ana: fewer misses" in described
    described = mirrored.client.get_model_version_by_alias(NAME, "candidate").description
    assert "no_evidence: The interval of the difference holds zero." in described


def test_mlflow_itself_loads_the_version_in_production(mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch) -> None:
    # MLflow asks for this before it reads any model, skops files included.
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    import mlflow.sklearn

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri(mirrored.folder))
    loaded = mlflow.sklearn.load_model(f"models:/{NAME}@production")
    frame, _ = vehicles()
    ours = mirrored.registry.load(mirrored.first).pipeline
    assert (failure_probabilities(loaded, frame) == failure_probabilities(ours, frame)).all()


def test_mirroring_again_adds_nothing(mirrored: Mirrored) -> None:
    history = mirrored.client.get_metric_history(mirrored.runs()[0].info.run_id, "f1")  # type: ignore[attr-defined]
    before = (len(mirrored.runs()), len(mirrored.client.search_model_versions(f"name = '{NAME}'")), history)
    assert mirrored.again() == mirrored.counted
    history = mirrored.client.get_metric_history(mirrored.runs()[0].info.run_id, "f1")  # type: ignore[attr-defined]
    assert before == (len(mirrored.runs()), len(mirrored.client.search_model_versions(f"name = '{NAME}'")), history)
    assert before[:2] == (2, 2)
    assert len(history) == 1


def test_a_run_that_a_killed_mirror_left_half_way_is_made_again(mirrored: Mirrored) -> None:
    third = mirrored.registry.save(trained(2), NOW + timedelta(hours=2)).version
    experiment = mirrored.client.get_experiment_by_name(NAME).experiment_id
    half = mirrored.client.create_run(experiment, tags={"version": third}).info.run_id
    mirrored.again()
    of_it = [run for run in mirrored.runs() if run.data.tags["version"] == third]  # type: ignore[attr-defined]
    assert [run.info.status for run in of_it] == ["FINISHED"]  # type: ignore[attr-defined]
    assert of_it[0].info.run_id != half  # type: ignore[attr-defined]


def test_a_decision_moves_the_aliases(mirrored: Mirrored) -> None:
    registry, third = mirrored.registry, mirrored.registry.newest("road_test")
    assert third is not None
    promote_unverified(registry, mirrored.second, mirrored.first)
    registry.decide(wanted(Choice.keep, third.version, mirrored.second), NOW, Policy.manual, Gates())
    registry.decide(wanted(Choice.retire, mirrored.first, mirrored.second), NOW, Policy.manual, Gates())
    mirrored.again()
    assert mirrored.aliases() == {"production": mirrored.second}
    states = {v.tags["version"]: v.tags["state"] for v in mirrored.client.search_model_versions(f"name = '{NAME}'")}
    assert states == {mirrored.first: "retired", mirrored.second: "production", third.version: "kept"}


def test_without_mlflow_the_refusal_names_the_extra(mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as Python does for a package that cannot be imported
    with pytest.raises(MlflowMissingError, match=r"failure-platform\[mlflow\]"):
        mirrored.again()
