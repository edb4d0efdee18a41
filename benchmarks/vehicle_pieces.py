"""The pieces of work that the benchmark of the vehicles table measures, each run in a process of its own.

What belongs here: building the table whole and bringing it up to date, and the bare query it is compared with. What
does not: memory, repetition and judgement (measuring, vehicles).

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
"""The aggregates by test and not as 900 columns of one row: those, each with its FILTER, take DuckDB a hundred times as
long. Neither the prediction point nor what other tables say is in it."""


def bare(home: str) -> None:
    """Aggregate the results of every vehicle and test, with the lake's threads and memory."""
    settings = Settings(home=Path(home))
    config = {"threads": settings.lake_threads, "memory_limit": settings.lake_memory}
    with duckdb.connect(settings.lake_file, read_only=True, config=config) as con:
        begin = time.perf_counter()
        con.execute(BARE)
        tell(seconds=time.perf_counter() - begin)


def whole(home: str) -> None:
    """Describe all vehicles, as the asset does where it must."""
    update(home, "it is measured")


def update(home: str, reason: str | None = None) -> None:
    """Bring the table up to date, as the asset does."""
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
    tell(
        seconds=seconds,
        vehicles=len(described.frame),
        features=len(feature_columns(described.frame)),
        anew=described.described,
        because=described.rebuild_reason,
        data_version=version,
        rows=rows,
    )


def tell(**figures: object) -> None:
    """Write figures as one line."""
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    {"bare": bare, "whole": whole, "update": update}[sys.argv[1]](**json.loads(sys.argv[2]))
