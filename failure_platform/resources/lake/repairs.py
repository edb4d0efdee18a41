"""Finds damage in the lake by reading every row, and replaces the damaged file.

A flipped block is found only when it is read: a damaged lake can be opened, and most queries succeed. So a file counts
as intact only once all of it was read.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from failure_platform.resources.lake import snapshot
from failure_platform.resources.lake.errors import LakeError, LakeUnreadableError
from failure_platform.resources.lake.file_copies import copy
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.atomic_files import atomic_write, sync
from failure_platform.resources.storage.clock import utc_now
from failure_platform.resources.storage.disk_space import require_room

_NOTHING_CHANGED = "Nothing was changed: make room and run the command again."


@dataclass(frozen=True)
class Scan:
    """The result of reading one file completely: its number of commits, and a sentence for each damage."""

    file: Path
    commits: int
    problems: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether every row of every table can be read, and no acknowledged commit is missing."""
        return not self.problems


@dataclass(frozen=True)
class Restored:
    """What `restore` did: a sentence, what was wrong, and where the damaged file is kept."""

    done: str
    problems: tuple[str, ...]
    kept: Path | None


def scan(lake: Lake) -> list[Scan]:
    """Read every table of the lake and of its snapshot completely. Writers wait meanwhile; readers do not."""
    with lake.lock.held():
        return [_scan(lake, lake.path), *(_scan(lake, file) for file in _newest_snapshot(lake))]


def restore(lake: Lake) -> Restored:
    """Repair the lake from its snapshot, or the snapshot from the lake.

    Raises:
        LakeError: both are damaged, or there never was a lake; nothing was changed.
    """
    with lake.lock.held():
        damage, is_marked = _damage_of_marker(lake)
        now = _scan(lake, lake.path)
        before = [_scan(lake, file) for file in _newest_snapshot(lake)]
        problems = (*now.problems, *(problem for scanned in before for problem in scanned.problems), *damage)
        if now.is_intact:
            return Restored(_publish_again(lake, before, is_marked), problems, None)
        for source in before:
            if source.is_intact:
                require_room("the restored lake", lake.path.parent, source.file.stat().st_size, _NOTHING_CHANGED)
                with atomic_write(lake.path.with_name("restored.duckdb")) as draft:
                    copy(source.file, draft)
                kept = _exchange(lake.path.with_name("restored.duckdb"), lake)
                return Restored("The lake was put back from its published snapshot.", problems, kept)
    raise LakeError(
        f"Nothing was restored, since neither the lake nor its snapshot is intact. {' '.join(problems)} Run "
        "`failure-platform replay`, which rebuilds the lake from the archived originals."
    )


def newest_readable(lake: Lake) -> Path | None:
    """Return the lake's file or else that of its snapshot, whichever is intact; None where neither is."""
    return next((scanned.file for scanned in scan(lake) if scanned.is_intact), None)


def put_in_place(fresh: Path, lake: Lake) -> Path | None:
    """Replace the file of this lake by that of another, which is closed and on the same disk; publish it.

    Returns:
        where the replaced file is kept, if there was one.
    """
    with lake.lock.held():
        return _exchange(fresh, lake)


def _exchange(fresh: Path, lake: Lake) -> Path | None:
    # A new number, so that no reader takes an older snapshot of the same name for it.
    commits = _acknowledged(lake) + 1
    with contextlib.closing(lake.opening.connect(fresh, read_only=False)) as con:
        con.execute("CREATE OR REPLACE TABLE commits AS SELECT CAST(? AS BIGINT) AS number", [commits])
        con.execute("CHECKPOINT")
    kept = lake.path.with_name(f"{lake.path.stem}.kept-{utc_now():%Y%m%dT%H%M%S%f}{lake.path.suffix}")
    existed, log = lake.path.exists(), snapshot.log_of(lake.path)
    if existed:
        os.link(lake.path, kept)  # both names at once: at no moment is there no lake
    if log.exists():
        log.replace(snapshot.log_of(kept))  # or it would be applied to the other file
    fresh.replace(lake.path)
    sync(lake.path.parent)
    snapshot.publish(lake.path, commits)
    return kept if existed else None


def _publish_again(lake: Lake, before: list[Scan], is_marked: bool) -> str:
    if is_marked and before and all(scanned.is_intact for scanned in before) and snapshot.is_newest(lake.path):
        return "The lake and its snapshot are intact; nothing was changed."
    for _, file in snapshot.snapshots(lake.path):
        file.unlink()
    snapshot.marker_of(lake.path).unlink(missing_ok=True)
    lake.catch_up()
    return "The lake is intact; its snapshot was made again."


def _scan(lake: Lake, file: Path) -> Scan:
    try:
        connection = lake.opening.connect(file, read_only=True)
    except FileNotFoundError:
        return Scan(file, 0, (f"{file.name} is missing.",))
    except LakeUnreadableError as error:
        return Scan(file, 0, (f"{file.name} cannot be opened: {error.__cause__}.",))
    with contextlib.closing(connection):
        tables = [
            name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        ]
        problems = [problem for table in tables for problem in _damage_of_table(connection, file, table)]
        commits = 0
        if "commits" in tables and not problems:
            commits = int(connection.execute("SELECT number FROM commits").fetchall()[0][0])
            acknowledged = _acknowledged(lake)
            if commits < acknowledged:
                problems.append(f"{file.name} ends with commit {commits}, but commit {acknowledged} was acknowledged.")
    return Scan(file, commits, tuple(problems))


def _damage_of_table(con: duckdb.DuckDBPyConnection, file: Path, table: str) -> list[str]:
    try:
        con.execute(f"SELECT bit_xor(hash(*COLUMNS(*))) FROM {sql_text.name(table)}").fetchall()
    except duckdb.Error as error:
        return [f"Table {table} of {file.name} is damaged: {error}."]
    return []


def _newest_snapshot(lake: Lake) -> list[Path]:
    return [file for _, file in snapshot.snapshots(lake.path)][-1:]


def _damage_of_marker(lake: Lake) -> tuple[tuple[str, ...], bool]:
    try:
        return (), snapshot.published(lake.path) is not None
    except LakeUnreadableError as error:
        return (f"{snapshot.marker_of(lake.path).name} is damaged: {error.__cause__}.",), False


def _acknowledged(lake: Lake) -> int:
    """Return how many commits were acknowledged; by the names of the snapshots where `lake.json` is unreadable."""
    try:
        return snapshot.acknowledged(lake.path)
    except LakeUnreadableError:
        return max((commits for commits, _ in snapshot.snapshots(lake.path)), default=0)
