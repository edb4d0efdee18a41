"""Promises of the asset graph: flow order, complete pages, one location name, and that it loads anywhere."""

import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pandera.pandas as pa
import pytest
import yaml

from failure_platform.catalog import LOCATION, Group
from failure_platform.definitions import build
from failure_platform.domain.contracts import CONTRACTS, contract_of
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.settings import Settings

ROOT = Path(__file__).parents[1]
BEHIND_THE_LAKE = [
    ("vehicles", "candidate_model"),
    ("vehicles", "model_comparison"),
    ("candidate_model", "model_comparison"),
    ("model_comparison", "production_model"),
    ("production_model", "predictions"),
    ("vehicles", "predictions"),
]
FLOW = [
    *((f"raw_{kind}", kind) for kind in CONTRACTS),
    *((kind, "quarantine") for kind in CONTRACTS),
    *((kind, "vehicles") for kind in READ_KINDS),
    *BEHIND_THE_LAKE,
]
ASSETS = {name for edge in FLOW for name in edge}


class Torque(pa.DataFrameModel):
    """A kind that describes no vehicle."""

    KNR: str = pa.Field(description="Vehicle.", metadata={"key": True, "required": True})


def edges(definitions: dg.Definitions) -> set[tuple[str, str]]:
    specs = definitions.resolve_all_asset_specs()
    return {(dep.asset_key.to_user_string(), spec.key.to_user_string()) for spec in specs for dep in spec.deps}


@pytest.fixture
def definitions(settings: Settings) -> dg.Definitions:
    return build(settings)


@pytest.fixture
def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def test_the_graph_is_the_flow(definitions: dg.Definitions) -> None:
    """The graph draws the flow of the plant's data and nothing else."""
    assert edges(definitions) == set(FLOW)
    assert READ_KINDS == ("resultados", "falhas", "status")


def test_a_new_kind_is_ingested_and_retrains_nothing_until_it_is_read(settings: Settings) -> None:
    """One contract gives raw and lake asset, job and sensor; vehicles depend on what describes them alone."""
    definitions = build(settings, {**CONTRACTS, "torque": contract_of("torque", Torque)})
    assert edges(definitions) - set(FLOW) == {("raw_torque", "torque"), ("torque", "quarantine")}
    assert definitions.resolve_job_def("ingest_torque")
    assert "torque_arrivals" in {sensor.name for sensor in definitions.get_repository_def().sensor_defs}


def test_groups_stand_in_flow_order(specs: list[dg.AssetSpec]) -> None:
    """Sorted by name, as the UI sorts them, no asset's group comes before that of something it needs."""
    group = {spec.key.to_user_string(): str(spec.group_name) for spec in specs}
    named = [value for name, value in vars(Group).items() if not name.startswith("_")]
    assert sorted(set(group.values())) == named, "declared in flow order, and each in use"
    for parent, child in FLOW:
        assert group[parent] <= group[child]


def test_every_asset_says_what_it_is(definitions: dg.Definitions, specs: list[dg.AssetSpec]) -> None:
    """A stranger finds on each asset: a plain first line, owner, group, kinds, tags, code version, a check."""
    assets = [asset for asset in definitions.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    checked = {check.asset_key for asset in assets for check in asset.check_keys}
    for spec in specs:
        first_line = (spec.description or "").split("\n")[0]
        assert len(first_line) > 20, spec.key
        assert not set(first_line) & set("*`#["), f"{spec.key}: the Catalog shows Markdown raw"
        assert spec.owners, spec.key
        assert spec.group_name, spec.key
        assert spec.kinds, spec.key
        assert spec.tags, spec.key
        assert spec.code_version, spec.key
        assert spec.key in checked, f"{spec.key} has no check"


def test_sensors_are_on_and_one_per_kind(definitions: dg.Definitions) -> None:
    sensors = {s.name: s for s in definitions.get_repository_def().sensor_defs}
    assert set(sensors) == {*(f"{kind}_arrivals" for kind in CONTRACTS), "retraining"}
    assert all(s.default_status is dg.DefaultSensorStatus.RUNNING for s in sensors.values())


@pytest.mark.parametrize(("policy", "decides"), [("manual", False), ("automatic", True)])
def test_only_the_automatic_policy_decides_without_a_person(home: Path, policy: str, decides: bool) -> None:
    specs = build(Settings(home=home, policy=policy)).resolve_all_asset_specs()
    (condition,) = [s.automation_condition for s in specs if s.key == dg.AssetKey("production_model")]
    assert (condition is not None) is decides


def test_one_location_name_everywhere() -> None:
    """Sensor cursors and run keys hang on the location's name; two names would be two platforms."""
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    names = {
        workspace["load_from"][0]["python_module"]["location_name"],
        project["dg"]["project"]["code_location_name"],
    }
    assert names == {LOCATION}
    assert "dagster" not in project, "a [tool.dagster] block would win over workspace.yaml under another name"


def run_fresh(code: str, folder: Path, **environment: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_definitions_load_in_a_fresh_interpreter_and_touch_no_disk(tmp_path: Path) -> None:
    """Loading is not working: nothing may be written before something is materialised."""
    home = tmp_path / "never made"
    code = "from failure_platform.definitions import defs; print(len(list(defs().resolve_all_asset_specs())))"
    assert run_fresh(code, tmp_path, FAILURE_PLATFORM_HOME=str(home)) == str(len(ASSETS))
    assert not home.exists()
    assert not list(tmp_path.iterdir())


def test_importing_the_definitions_reads_no_settings_and_loading_them_imports_no_training_library(
    tmp_path: Path,
) -> None:
    """Wrong settings are an error of who loads them; a run that only ingests does not wait for scikit-learn."""
    code = (
        "import sys, failure_platform.definitions as d\n"
        "try: d.defs()\n"
        "except ValueError as error: print('port' in str(error))\n"
        "d.build(d.Settings(port=0)).get_repository_def()\n"
        "print([name for name in ('sklearn', 'matplotlib', 'optuna', 'skops') if name in sys.modules])"
    )
    assert run_fresh(code, tmp_path, FAILURE_PLATFORM_PORT="none").splitlines() == ["True", "[]"]
