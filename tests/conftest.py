"""Fixtures of all tests: a home of its own, a Dagster instance, and the real data sets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import settings as hypothesis_settings

from failure_platform.settings import Settings

# Registered here, because the profile that the command line names is loaded before any test module.
hypothesis_settings.register_profile("thorough", max_examples=10 * hypothesis_settings.default.max_examples)

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
# They start whole platforms or many processes. Begun last, they would leave the other cores idle for minutes.
LONGEST = tuple(
    Path(__file__).parent / f"{test}.py"
    for test in ("cli/test_service", "cli/test_flow", "cli/test_instance", "resources/registry/test_registry")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file the order stays."""
    last = len(LONGEST)
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else last)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that no other test touches, also for processes that the test starts."""
    folder = tmp_path / "home"
    monkeypatch.setenv("FAILURE_PLATFORM_HOME", str(folder))
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    """The default settings on that home, without the wait for files to settle."""
    return Settings(home=home, settle_seconds=0, port=0)


@pytest.fixture
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """A real instance with its own storage."""
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Folder of a real data set by name; the test is skipped where the sets are not there."""

    def folder(name: str) -> Path:
        if not (REAL_DATA / name).is_dir():
            pytest.skip(f"the real data set {name} does not lie beside the project")
        return REAL_DATA / name

    return folder
