"""The resources of one home, created from its settings without any access to the disk."""

from typing import Any

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.dates import DateRule
from failure_platform.resources.lake.duckdb_reader import LakeReader
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.registry.mlflow_mirror import mirror
from failure_platform.resources.registry.registry import Registry
from failure_platform.resources.uploads.inbox import Inbox, person_key
from failure_platform.resources.uploads.reader_process import ReaderProcess
from failure_platform.resources.uploads.staging import Staging
from failure_platform.settings import PERSON_KEY_FILE, Settings


class Platform:
    """The resources of one home."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inbox = Inbox(settings.uploads_folder, settings.archive_folder)
        self.staging = Staging(
            settings.staging_folder,
            self.inbox,
            ReaderProcess(settings.reading_memory, settings.reading_minutes * 60),
            settings.lake_threads,
            settings.lake_memory,
            _date_rules(settings),
        )
        self.lake = Lake(
            settings.lake_file,
            wait_seconds=settings.lake_wait_seconds,
            threads=settings.lake_threads,
            memory_limit=settings.lake_memory,
        )
        self.registry = Registry(settings.models_folder, self.lake)

    @property
    def person_key(self) -> bytes:
        """The key of the hash that replaces personal data."""
        given = self.settings.person_key
        return person_key(
            self.settings.root / PERSON_KEY_FILE, given.get_secret_value().encode() if given is not None else None
        )

    @property
    def resources(self) -> dict[str, Any]:
        """The resources by the names under which assets and sensors require them."""
        return {
            "platform": self,
            "inbox": self.inbox,
            # For assets that a plant adds.
            "duckdb": LakeReader(
                database=str(self.settings.lake_file),
                wait_seconds=self.settings.lake_wait_seconds,
                threads=self.settings.lake_threads,
                memory_limit=self.settings.lake_memory,
            ),
        }

    def mirror(self) -> None:
        """Bring the MLflow store up to date, when the mirror is switched on."""
        if self.settings.mlflow:
            mirror(self.registry, sorted(self.settings.targets), self.settings.mlflow_folder)


def _date_rules(settings: Settings) -> dict[str, DateRule]:
    return {
        kind: DateRule(settings.date_order.get(kind), kind in settings.hour_precision, kind in settings.accepted_clocks)
        for kind in CONTRACTS
    }
