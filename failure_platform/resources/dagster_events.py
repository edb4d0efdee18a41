"""The only use of Dagster's private modules: its event log in SQLite, with engines and databases that stay open.

Dagster creates a SQLAlchemy engine for each event and compiles every statement again with it. Without that, ingesting
1,000 small files takes a fifth less time. With any other event log storage, such as PostgreSQL, nothing here is used.
`tests/resources/test_dagster_events.py` fails when Dagster changes the methods that are replaced or called.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect


def event_log_config(dagster_home: Path) -> dict[str, Any]:
    """Return the entry `event_log_storage` of dagster.yaml, with Dagster's own default folder."""
    config = {"base_dir": str(dagster_home / "history" / "runs")}
    return {"module": EventLog.__module__, "class": EventLog.__name__, "config": config}


def databases(dagster_home: Path) -> tuple[Path, ...]:
    """Return the databases of the events of all runs, of the runs, and of the sensors' ticks."""
    history = dagster_home / "history"
    return history / "runs" / "index.db", history / "runs.db", dagster_home / "schedules" / "schedules.db"


def events_of(context: dg.AssetExecutionContext) -> tuple[Path, ...]:
    """Return the database of this run's events where Dagster stores them in SQLite, else nothing."""
    storage = context.instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return ()
    return (Path(storage.path_for_shard(context.run.run_id)),)


@contextmanager
def kept_open(*databases: Path) -> Iterator[None]:
    """Hold the existing ones of these databases open, without a lock on them.

    When the last connection closes, SQLite writes its write-ahead log back and deletes it; Dagster's short connections
    would cause that for each event.
    """
    with contextlib.ExitStack() as held:
        for file in databases:
            if file.exists():
                connection = held.enter_context(contextlib.closing(sqlite3.connect(file, check_same_thread=False)))
                # Only a read makes the connection part of the write-ahead log.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield


@lru_cache(maxsize=16)
def _engine(database: str) -> Engine:
    # Without a pool: no connection outlives its use, so that no other thread or process waits for it.
    return create_engine(database, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})


class EventLog(SqliteEventLogStorage):
    """Dagster's `SqliteEventLogStorage` on the same databases, with one engine per database; each reads the other's."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the log in a folder, which is created when it does not exist."""
        self._seen_tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> "EventLog":
        """Return the log that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has a table. Dagster calls this for each partition; a table is never dropped."""
        if table_name not in self._seen_tables:
            with _engine(self.conn_string_for_shard(INDEX_SHARD_NAME)).connect() as connection:
                if not inspect(connection).has_table(table_name):
                    return False
            self._seen_tables.add(table_name)
        return True

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection
