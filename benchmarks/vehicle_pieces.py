"""The pieces of work that the benchmark of the vehicles table measures, each run in a process of its own.

python benchmarks/vehicle_pieces.py NAME '{"argument": "value"}'
"""

import json
import sys
import time
from pathlib import Path

import duckdb

from failure_platform.settings import Settings

BARE = """
    CREATE TEMP TABLE bare AS
    SELECT KNR, ID, NAME, VALUE_ID,
        arg_max(VALUE, DATA) AS newest, count(*) AS rows, max(DATA) AS last_row_at,
        count(*) FILTER (STATUS = 13) AS nok,
        min(DATA) FILTER (STATUS = 13) AS first_nok, max(DATA) FILTER (STATUS = 10) AS last_ok
    FROM resultados GROUP BY ALL
"""
"""One row per vehicle and test, not 900 columns per vehicle, each with its FILTER: these take DuckDB a hundred times as
long. It includes neither the prediction point nor the other tables."""


def bare(home: str) -> None:
    """Aggregate the results of every vehicle and test, with the lake's threads and memory."""
    settings = Settings(home=Path(home))
    config = {"threads": settings.lake_threads, "memory_limit": settings.lake_memory}
    with duckdb.connect(settings.lake_file, read_only=True, config=config) as con:
        begin = time.perf_counter()
        con.execute(BARE)
        report(seconds=time.perf_counter() - begin)


def full(home: str) -> None:
    """Build the table of all vehicles from scratch, as the asset does when it has to."""
    update(home, "it is measured")


def update(home: str, reason: str | None = None) -> None:
    """Update the table, as the asset does; rebuild it if there is a reason to."""
    from failure_platform.catalog import CODE_VERSION
    from failure_platform.domain.features.wide import data_version, feature_columns
    from failure_platform.resources.platform import Platform
    from failure_platform.resources.vehicles.vehicles_table import update_vehicles

    settings = Settings(home=Path(home))
    platform = Platform(settings)
    [target] = [settings.target(name) for name in settings.targets]
    begin = time.perf_counter()
    described = update_vehicles(platform.lake, target, {}, 0, CODE_VERSION, rebuild_reason=reason)
    version = data_version(described.frame)
    seconds = time.perf_counter() - begin
    with platform.lake.read() as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM resultados").fetchall()
    report(
        seconds=seconds,
        vehicles=len(described.frame),
        features=len(feature_columns(described.frame)),
        anew=described.described,
        because=described.rebuild_reason,
        data_version=version,
        rows=rows,
    )


def report(**figures: object) -> None:
    """Write the results as one line of JSON."""
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    {"bare": bare, "full": full, "update": update}[sys.argv[1]](**json.loads(sys.argv[2]))
