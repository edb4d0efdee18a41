"""Dagster's event log in SQLite, with engines that are made once.

Belongs here: how a database of the event log is opened. Does not belong here: what is in it, which is Dagster's.

Dagster makes a SQLAlchemy engine for every event and compiles each statement anew with it, which is a fifth of the time
in which a thousand small files are taken in. It is named in dagster.yaml, as any storage of one's own.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect


@contextlib.contextmanager
def kept_open(*databases: Path) -> Iterator[None]:
    """Hold databases open, those that are there. Nothing is locked: others read, write and check-point as before."""
    with contextlib.ExitStack() as held:
        for file in databases:
            if file.exists():
                connection = held.enter_context(contextlib.closing(sqlite3.connect(file, check_same_thread=False)))
                # Only a read makes the connection part of the write-ahead log.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield


@lru_cache(maxsize=16)
def _engine(database: str) -> Engine:
    # Without a pool: no connection outlives its use, so that other threads and processes are never in its way.
    return create_engine(database, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})


class EventLog(SqliteEventLogStorage):
    """The same databases in the same folder as Dagster's own `SqliteEventLogStorage`; each can open the other's."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the log in a folder, which is made if need be."""
        self._seen_tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> "EventLog":
        """Return the log that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def has_table(self, table_name: str) -> bool:
        """Say whether the index has a table. PendingRun at every look at a partition; a table that is there stays."""
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
