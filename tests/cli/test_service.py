"""The platform as its users have it: a live daemon, the UI in a real Chromium, and an end that leaves nothing behind.

The screenshots are kept in `test-output/`, to be looked at.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from failure_platform.cli import instance, service
from failure_platform.cli.flow import decide
from failure_platform.resources.lake.target_tables import predictions_table, read_table
from failure_platform.resources.lake.views import ledger
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings
from failure_platform.simulation.dirt import SOME_DIRT
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.writing import simulate
from support.browser import CHROMIUM, SHOTS

PATIENCE_SECONDS = 240


@dataclass(frozen=True)
class Live:
    """A running platform."""

    url: str
    platform: Platform
    instance: dg.DagsterInstance

    def until(self, happened: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            failed = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
            assert not failed, f"run {failed[0].job_name} failed while waiting for {what}"
            assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s for {what}"
            time.sleep(0.5)

    def materialized(self, asset: str) -> bool:
        return self.instance.get_latest_materialization_event(dg.AssetKey(asset)) is not None


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A platform that has taken in a small plant's uploads by itself, up to its first comparison."""
    home = tmp_path_factory.mktemp("live") / "home"
    home.mkdir()
    # Few vehicles, so few failures: enough for a verdict of a test, not of a plant.
    (home / "settings.toml").write_text(
        "min_failures_to_judge = 5\n[training]\nfamilies = ['prior', 'logistic_regression']\n"
    )
    settings = Settings(home=home, port=0)
    with service.running(settings) as started, instance.opened(settings) as dagster:
        running = Live(started.url, Platform(settings), dagster)
        simulate(Simulation(vehicles=800, weeks=8, dirt=SOME_DIRT), settings.uploads_folder)
        running.until(lambda: running.materialized("model_comparison"), "the first comparison")
        yield running


@pytest.fixture
def page(live: Live) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    SHOTS.mkdir(exist_ok=True)
    # A busy machine draws a page late; what is expected of the page stays the same.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(60_000)
        # Nothing outside this machine is needed, and nothing is asked for.
        opened.route(
            lambda address: not address.startswith((live.url, "data:", "blob:", live.url.replace("http", "ws"))),
            lambda route: route.abort(),
        )
        yield opened
        browser.close()


def test_dropped_files_become_a_comparison_without_a_hand(live: Live) -> None:
    """The sensors take in all three uploads, dirt and all, and retraining follows."""
    with live.platform.lake.read() as connection:
        lines = {line.kind: line for line in ledger(connection)}
    assert set(lines) == {"resultados", "falhas", "status"}
    truth = json.loads((live.platform.settings.root / "truth" / "truth_batch_1.json").read_text())
    for kind, line in lines.items():
        assert line.state == "merged"
        assert line.balanced
        assert line.rows_in == truth["rows"][kind]
    assert lines["resultados"].quarantined > 0
    verdict = live.platform.registry.comparisons("road_test")[0].comparison.verdict
    assert verdict.outcome in {"better", "no_evidence", "no_signal"}


def test_the_graph_is_seen_in_flow_order(live: Live, page: Page) -> None:
    """A newcomer opens the lineage page and sees every stage from left to right."""
    page.goto(f"{live.url}/asset-groups", wait_until="domcontentloaded")
    page.get_by_text("1_raw").first.wait_for()
    page.wait_for_timeout(2_000)
    page.keyboard.press("Alt+e")
    left = []
    for asset in ("raw_resultados", "resultados", "vehicles", "candidate_model", "production_model", "predictions"):
        node = page.get_by_text(asset, exact=True).last
        expect(node).to_be_visible()
        box = node.bounding_box()
        assert box is not None
        left.append(box["x"])
    page.wait_for_timeout(1_000)
    page.screenshot(path=SHOTS / "graph.png")
    assert left == sorted(left)


def test_a_person_reads_the_comparison_and_promotes_in_the_launchpad(live: Live, page: Page) -> None:
    """Verdict, table and plots stand on the comparison's page; the launchpad's form promotes; predictions follow."""
    candidate = live.platform.registry.comparisons("road_test")[0].candidate
    page.goto(f"{live.url}/assets/model_comparison?partition=road_test", wait_until="domcontentloaded")
    expect(page.get_by_text("old against new").first).to_be_visible()
    expect(page.get_by_text("average_precision").first).to_be_visible()
    page.get_by_text("old against new").first.scroll_into_view_if_needed()
    page.screenshot(path=SHOTS / "comparison.png")
    page.get_by_text("[Show Markdown]").first.click()
    expect(page.locator("img[src^='data:image/png']").first).to_be_visible()
    page.wait_for_timeout(500)
    page.screenshot(path=SHOTS / "plot.png")

    page.goto(f"{live.url}/assets/production_model", wait_until="domcontentloaded")
    page.get_by_role("button", name="Materialize").first.locator("xpath=following::button[1]").click()
    page.get_by_text("Open launchpad").click()
    page.locator(".CodeMirror").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(
        json.dumps(
            {
                "ops": {
                    "production_model": {
                        "config": {
                            "decision": "promote",
                            "version": candidate,
                            "expected_version": "",
                            "who": "Ana",
                            "why": "read the comparison",
                        }
                    }
                }
            }
        )
    )
    # The form knows its partitions a moment after it opens; an Enter before that chooses none.
    partition = page.get_by_placeholder("Partition")
    partition.fill("road_test")
    page.get_by_role("menuitem", name="road_test").click()
    expect(partition).to_have_value("road_test")
    expect(page.get_by_text("No errors").first).to_be_visible()
    page.screenshot(path=SHOTS / "launchpad.png")
    page.get_by_role("button", name="Materialize").last.click()
    live.until(lambda: live.materialized("predictions"), "the predictions")

    (line,) = live.platform.registry.history("road_test")
    assert (line.production_version, line.who, line.why) == (candidate, "Ana", "read the comparison")
    predicted = read_table(live.platform.lake, predictions_table("road_test"))
    assert predicted is not None
    assert set(predicted["version"]) == {candidate}
    page.goto(f"{live.url}/assets/production_model?partition=road_test", wait_until="domcontentloaded")
    expect(page.get_by_text("read the comparison").first).to_be_visible()
    page.screenshot(path=SHOTS / "production.png")


def test_every_asset_page_is_complete(live: Live) -> None:
    """Every asset shows row count, column schema, preview, and the upload or version it used."""
    if not live.materialized("predictions"):  # nobody promoted yet: this test may run alone
        form = {"decision": "promote", "version": live.platform.registry.comparisons("road_test")[0].candidate}
        decide(live.platform.settings, "road_test", {**form, "expected_version": "", "who": "Rui", "why": "a test"})
        live.until(lambda: live.materialized("predictions"), "the predictions")
    for asset in (
        *("raw_resultados", "raw_falhas", "raw_status", "resultados", "falhas", "status", "quarantine"),
        *("vehicles", "candidate_model", "model_comparison", "production_model", "predictions"),
    ):
        event = live.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None
        materialization = event.asset_materialization
        assert materialization is not None
        shown = materialization.metadata
        for name in ("dagster/row_count", "dagster/column_schema", "preview"):
            assert name in shown, f"{asset} shows no {name}"
        assert {"upload", "data_version", "model version", "candidate"} & set(shown), f"{asset} names no origin"
        assert materialization.tags["dagster/data_version"], asset


def test_ending_leaves_no_process_and_the_home_can_be_started_again(tmp_path: Path) -> None:
    """Ctrl-C ends every process; a second platform on a busy home is refused; after the end it may start."""
    settings = Settings(home=tmp_path / "home", port=0)
    with service.running(settings):
        assert _processes_of(settings.root), "the platform's processes name their home"
        with pytest.raises(instance.HomeBusyError, match="Another platform works on"), service.running(settings):
            pass
    assert not _processes_of(settings.root)
    with instance.exclusive_home(settings):
        pass


def _processes_of(home: Path) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if folder.name != str(os.getpid()) and f"FAILURE_PLATFORM_HOME={home}".encode() in told:
            found.append(folder.name)
    return found
