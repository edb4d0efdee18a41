"""The pieces of work that the ingest benchmark measures, each run in a process of its own.

    python benchmarks/ingest_pieces.py NAME '{"argument": "value"}'

Each writes its results as lines of JSON; the last line counts.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.storage.clock import utc_now
from failure_platform.settings import Settings

PIECES = {}


def piece(function: Any) -> Any:
    """Register a function under its name."""
    PIECES[function.__name__] = function
    return function


@piece
def ingest(home: str, kinds: list[str]) -> None:
    """Ingest everything in the upload folders with the same jobs as the UI, from files to checks."""
    from failure_platform.cli import instance
    from failure_platform.cli.flow import Flow
    from failure_platform.resources.lake import views
    from failure_platform.resources.platform import Platform
    from failure_platform.sensors.arrivals import receive_settled

    settings = Settings(home=Path(home), settle_seconds=0)
    platform = Platform(settings)
    with instance.exclusive_home(settings), instance.opened(settings) as dagster:
        flow = Flow(settings, dagster)
        taken: set[str] = set()
        begin = time.perf_counter()
        for kind in kinds:
            handled: dict[str, Any] = {}
            while fresh := [seen for seen in platform.inbox.look(kind) if seen.name not in handled]:
                look = receive_settled(platform.inbox, kind, fresh, handled, flow.known(kind))
                flow.ingest(kind, look, settings.uploads_per_run, lambda line: print(line, file=sys.stderr))
                handled = dict(look.handled)
                taken |= {receipt.key for receipt in look.plan.new}
        seconds = time.perf_counter() - begin
        steps = {
            stats.step_key: stats.end_time - stats.start_time
            for run in dagster.get_runs()
            for stats in dagster.get_run_step_stats(run.run_id)
            if stats.start_time and stats.end_time
        }
    with platform.lake.read() as connection:
        lines = [line for line in views.ledger(connection) if line.key in taken]
    counts = {name: sum(getattr(line, name) for line in lines) for name in ("rows_in", "merged", "quarantined")}
    report(seconds=seconds, steps=steps, lake_bytes=settings.lake_file.stat().st_size, **counts)


@piece
def process(home: str) -> None:
    """Run all stages once, as `failure-platform process` does."""
    from failure_platform.cli import instance
    from failure_platform.cli.flow import run_flow

    settings = Settings(home=Path(home))
    begin = time.perf_counter()
    result = run_flow(settings, lambda line: print(line, file=sys.stderr))
    seconds = time.perf_counter() - begin
    with instance.opened(settings) as dagster:
        jobs = [run.job_name for run in dagster.get_runs()]
    states = [line["state"] for line in result["uploads"]]
    retrains = jobs.count("retrain")
    report(seconds=seconds, retrains=retrains, runs=len(jobs) - retrains, merged=states.count("merged"))


@piece
def read(home: str, kind: str) -> None:
    """Receive, archive and read the files of one kind into text rows, as the raw asset does; the rows are kept."""
    from failure_platform.resources.platform import Platform

    platform = Platform(Settings(home=Path(home)))
    key = platform.person_key
    begin = time.perf_counter()
    receipts = [platform.inbox.receive(kind, seen) for seen in platform.inbox.look(kind)]
    received = [platform.staging.read(receipt, CONTRACTS[kind], key) for receipt in receipts if receipt]
    report(
        seconds=time.perf_counter() - begin,
        rows_in=sum(one.rows_in for one in received),
        folders=[str(one.folder) for one in received],
    )


@piece
def validate(home: str, kind: str, folder: str, memory_limit: str) -> None:
    """Validate the rows that `read` kept, with a memory limit; count the bad rows and those without a reason."""
    from failure_platform.resources.merging.validated_rows import validate_rows
    from failure_platform.resources.reading.upload import ParsedUpload

    settings = Settings(home=Path(home))
    received = ParsedUpload.load(Path(folder))
    now = utc_now()
    begin = time.perf_counter()
    validated = validate_rows(CONTRACTS[kind], received, now, threads=settings.lake_threads, memory_limit=memory_limit)
    seconds = time.perf_counter() - begin
    unexplained = 0
    if validated.quarantined:
        unexplained = duckdb.sql(f"FROM '{validated.bad}' WHERE len(reasons) = 0").count("*").fetchall()[0][0]
    report(seconds=seconds, bad=validated.quarantined, unexplained=unexplained)


@piece
def fill_ledger(home: str, kind: str, number: int) -> None:
    """Merge the file in the upload folder, and copy its ledger line and receipt until there are `number`.

    The copies have no rows of their own: the ledger counts their rows as duplicates.
    """
    from failure_platform.resources.platform import Platform

    platform = Platform(Settings(home=Path(home)))
    (receipt,) = _received(platform, kind)
    _merged_and_checked(platform, receipt)
    with platform.lake.write() as connection:
        connection.execute(
            """
            INSERT INTO uploads BY NAME SELECT * EXCLUDE (i) REPLACE (
                strftime(received_at - to_minutes(i), '%Y%m%dT%H%M%S') || '_part.csv_' || left(sha256(i::VARCHAR), 8)
                    AS upload,
                sha256(i::VARCHAR) AS sha256, received_at - to_minutes(i) AS received_at,
                merged_at - to_minutes(i) AS merged_at, 0 AS merged, rows_in AS duplicate
            ) FROM uploads, (SELECT range AS i FROM range(1, ?))
            """,
            [number],
        )
    with platform.lake.read() as connection:
        lines = connection.execute("SELECT upload, sha256, received_at FROM uploads").fetchall()
    receipts = Path(home) / "archive" / kind / "receipts"
    receipt_facts = json.loads((receipts / f"{receipt.sha256}.json").read_text()) | {"state": "merged"}
    for key, sha256, received_at in lines:
        own = receipt_facts | {"key": key, "sha256": sha256, "received_at": received_at.isoformat()}
        (receipts / f"{sha256}.json").write_text(json.dumps(own, indent=1))
    report(seconds=0, uploads=len(lines))


@piece
def add_uploads(home: str, kind: str) -> None:
    """Ingest the files in the upload folder one by one; report the median time of one, without the first."""
    from failure_platform.resources.platform import Platform

    platform = Platform(Settings(home=Path(home)))
    (first, *others) = platform.inbox.look(kind)
    seconds = []
    for seen in (first, *others):
        begin = time.perf_counter()
        receipt = platform.inbox.receive(kind, seen)
        _merged_and_checked(platform, receipt)
        seconds.append(time.perf_counter() - begin)
    report(seconds=statistics.median(seconds[1:]), each=seconds)


def _received(platform: Any, kind: str) -> list[Any]:
    return [platform.inbox.receive(kind, seen) for seen in platform.inbox.look(kind)]


def _merged_and_checked(platform: Any, receipt: Any) -> None:
    """Process one receipt as the raw and the lake asset do, without Dagster."""
    from failure_platform.resources.lake import views
    from failure_platform.resources.merging.ingest import ingest_uploads

    kind, contract = receipt.kind, CONTRACTS[receipt.kind]
    platform.staging.read(platform.inbox.receipt(kind, receipt.key), contract, platform.person_key)
    (line,) = ingest_uploads(
        platform.lake,
        platform.staging,
        contract,
        platform.inbox.receipts_of(kind, [receipt.key]),
        platform.person_key,
        utc_now,
        lambda merged, written: platform.inbox.mark(merged, written.state),
    )
    with platform.lake.read() as connection:
        faults = (
            views.ledger_disagreements(connection, [line.key]),
            views.contract_violations(connection, contract, [line.key]),
            views.doubled_keys(connection, contract, [line.key]),
        )
    if faults != ([], 0, 0) or line.state != "merged":
        raise RuntimeError(f"{line} was not merged correctly: {faults}")


@piece
def bare_duckdb(home: str, file: str, kind: str) -> None:
    """Read a csv as text, cast it and hash its rows into a table: the lower bound with DuckDB alone."""
    from failure_platform.resources.lake.tables import SQL_TYPES
    from failure_platform.resources.merging.validated_rows import row_hash_sql

    settings, contract = Settings(home=Path(home)), CONTRACTS[kind]
    with Path(file).open() as lines:
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in next(lines).strip().split(","))
    typed = ", ".join(
        f'TRY_CAST(trim("{column.name}") AS {SQL_TYPES[column.type]}) AS "{column.name}"' for column in contract.columns
    )
    config = {"threads": settings.lake_threads, "memory_limit": settings.lake_memory}
    begin = time.perf_counter()
    with duckdb.connect(Path(home) / "bare.duckdb", config=config) as con:
        con.execute(f"""
            CREATE TABLE bare AS SELECT *, {row_hash_sql(contract)} AS row_hash FROM (
                SELECT {typed} FROM read_csv('{file}', auto_detect = false, header = true, columns = {{{columns}}})
            )
        """)  # noqa: S608 - names of our own columns and files
        rows = con.execute("SELECT count(*) FROM bare").fetchall()[0][0]
    report(seconds=time.perf_counter() - begin, rows=rows)


@piece
def prototype(home: str, files: list[str]) -> None:
    """Ingest files as the earlier prototype did: read, drop what does not parse, concat, drop_duplicates, rewrite."""
    store = Path(home) / "store.parquet"
    begin = time.perf_counter()
    for number, file in enumerate(files, 1):
        rows = pd.read_csv(file, low_memory=False)
        rows["DATA"] = pd.to_datetime(rows["DATA"], errors="coerce")
        rows["VALUE"] = pd.to_numeric(rows["VALUE"], errors="coerce")
        rows = rows.dropna(subset=["KNR", "DATA"])
        if store.exists():
            rows = pd.concat([pd.read_parquet(store), rows])
        rows = rows.drop_duplicates()
        rows.to_parquet(store, index=False)
        report(seconds=time.perf_counter() - begin, files=number, merged=len(rows), lake_bytes=store.stat().st_size)


@piece
def fastexcel(file: str) -> None:
    """Read a sheet into Arrow with fastexcel, the native reader, and do nothing else."""
    import fastexcel as reader

    begin = time.perf_counter()
    rows = reader.read_excel(file).load_sheet(0, dtypes="string").to_arrow().num_rows
    report(rows=rows, seconds=time.perf_counter() - begin)


def report(**figures: Any) -> None:
    """Write the results as one line of JSON."""
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    PIECES[sys.argv[1]](**json.loads(sys.argv[2]))
