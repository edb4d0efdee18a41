"""A database that is kept open is not tidied up by each short connection, and stays as usable as any."""

import contextlib
import sqlite3
from pathlib import Path

from failure_platform.resources.dagster_events import kept_open


def write(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
        connection.execute("INSERT INTO t VALUES (1)")


def test_the_log_outlives_short_connections_while_kept_open_and_no_longer(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    log = file.with_name("index.db-wal")
    write(file)
    assert not log.exists()
    with kept_open(file):
        write(file)
        assert log.exists()
    assert not log.exists()


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    """An empty file in its place would pass for a database that was set up."""
    with kept_open(tmp_path / "index.db"):
        assert list(tmp_path.iterdir()) == []
