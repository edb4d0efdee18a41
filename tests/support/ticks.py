"""An arrival sensor whose ticks a test makes by hand, on a real Dagster instance."""

from pathlib import Path

import dagster as dg

from failure_platform.cli import instance
from failure_platform.definitions import build
from failure_platform.resources.lake.views import ledger
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings


class Ticks:
    """The sensor of one kind on one home, ticked by hand; runs are executed as the daemon would."""

    def __init__(self, settings: Settings, dagster: dg.DagsterInstance, kind: str = "status") -> None:
        self.kind = kind
        self.platform = Platform(settings)
        self.defs = build(settings)
        self.instance = dagster
        self.cursor: str | None = None
        self.run_keys: set[str] = set()

    def drop(self, name: str, text: str) -> Path:
        path = self.platform.inbox.folder(self.kind) / name
        path.write_text(text)
        return path

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.defs.get_repository_def(),
            resources={"inbox": self.platform.inbox},
        )
        result = self.defs.get_sensor_def(f"{self.kind}_arrivals")(context)
        if isinstance(result, dg.SensorResult):
            for request in result.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            self.cursor = result.cursor
        assert isinstance(result, (dg.SensorResult, dg.SkipReason))
        return result

    def run(self, result: dg.SensorResult | dg.SkipReason) -> list[dg.ExecuteInProcessResult]:
        assert isinstance(result, dg.SensorResult)
        done = []
        for request in result.run_requests or []:
            # Dagster never repeats a key; a sensor that did would have its request dropped without a word.
            assert request.run_key not in self.run_keys
            self.run_keys.add(str(request.run_key))
            done.append(
                self.defs.resolve_job_def(f"ingest_{self.kind}").execute_in_process(
                    instance=self.instance,
                    partition_key=request.partition_key,
                    tags={**request.tags, "dagster/run_key": str(request.run_key)},
                    raise_on_error=False,
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                )
            )
        return done

    def request(self, result: dg.SensorResult | dg.SkipReason) -> dg.RunRequest:
        assert isinstance(result, dg.SensorResult)
        (request,) = result.run_requests or []
        return request

    def create(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """Keep a run of this request in some state, as the daemon and its processes would have left it."""
        return self.instance.create_run_for_job(
            self.defs.resolve_job_def(f"ingest_{self.kind}"),
            tags={**request.tags, "dagster/run_key": str(request.run_key)},
            status=status,
        )

    def dies(self, request: dg.RunRequest) -> None:
        """The process of this request's run is killed, and the next start closes the run."""
        self.create(request, dg.DagsterRunStatus.STARTED)
        assert instance.close_dead_runs(self.instance) == 1

    def asks_for_nothing(self) -> bool:
        result = self.tick()
        return isinstance(result, dg.SkipReason) or not result.run_requests

    def states(self) -> dict[str, str]:
        with self.platform.lake.read() as connection:
            return {line.name: line.state for line in ledger(connection)}
