"""The lake: one DuckDB file with one writer at a time, and a published snapshot that all readers open.

DuckDB lets one process write a file, or several read it, never both at once. So readers open a copy: they never wait
for a writer, and no writer waits for them.
"""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import duckdb

from failure_platform.resources.lake import errors, snapshot
from failure_platform.resources.lake.errors import telling_damage
from failure_platform.resources.lake.opening import Opening, commits_in, sweep_spills
from failure_platform.resources.lake.tables import create_tables
from failure_platform.resources.storage.atomic_files import atomic_write
from failure_platform.resources.storage.disk_space import require_room, room_for
from failure_platform.resources.storage.failpoints import failpoint
from failure_platform.resources.storage.locks import QueuedLock, pause

_NOT_WRITTEN = (
    "Nothing of this write was kept, and what was committed before is safe. Originals stay in the upload folder and in "
    "the archive: make room and run again."
)
_COMMITTED = "What was written is committed and safe; make room, and the next read or write shows it."
_NOT_READ = "Nothing was changed: make room and try again."


class Lake:
    """One lake file. Holds settings only: nothing is opened before `read` or `write`.

    `path` is the DuckDB file; `lake.json` in its folder records how many writes were acknowledged and which snapshot
    holds them. `wait_seconds` limits the wait for a lock. `threads` and `memory_limit` (such as "2GB") are DuckDB's
    settings; None leaves its defaults.
    """

    def __init__(
        self, path: Path, *, wait_seconds: float = 60.0, threads: int | None = None, memory_limit: str | None = None
    ) -> None:
        """Keep the settings; touch nothing."""
        self.path = path.resolve()
        self.wait_seconds = wait_seconds
        self.threads = threads
        self.memory_limit = memory_limit
        self.lock = QueuedLock(
            self.path.with_name("lake.lock"),
            self.path.with_name("lake.queue"),
            wait_seconds,
            partial(errors.busy, self.path, wait_seconds),
        )
        self.opening = Opening(wait_seconds, threads, memory_limit)

    @contextlib.contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection to everything that was acknowledged; what it shows does not change until it is closed.

        An empty lake is made first where there never was one. Within a write it shows the lake before that write.

        Raises LakeBusyError, LakeMissingError, LakeUnreadableError, LakeBehindError, DiskFullError.
        """
        file, con = self._open_snapshot()
        with telling_damage(file), room_for("what a read spills", file.parent, None, _NOT_READ):
            try:
                yield con
            finally:
                con.close()

    @contextlib.contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: committed when the block ends, rolled back when it raises; then checkpointed and published.

        When it returns, every new reader sees it. Upload tables that an older lake lacks are made first.

        Raises LakeBusyError, LakeMissingError, LakeUnreadableError, LakeBehindError, DiskFullError, and whatever the
        block raises.
        """
        with self.lock.held():
            self._make_if_new()
            # Reported before the work and not after it.
            require_room("the lake's next snapshot", self.path.parent, snapshot.room(self.path), _NOT_WRITTEN)
            with self._opened() as con:
                con.execute("BEGIN")
                try:
                    create_tables(con)
                    commits = commits_in(con, self.path) + 1
                    con.execute("UPDATE commits SET number = ?", [commits])
                    failpoint("write.open")
                    yield con
                    failpoint("write.before_commit")
                    con.execute("COMMIT")
                except BaseException:
                    # The error of the block is the one to raise, even where DuckDB has already ended the transaction.
                    with contextlib.suppress(duckdb.Error):
                        con.execute("ROLLBACK")
                    raise
                failpoint("write.committed")
                self._checkpoint(con)
                failpoint("write.checkpointed")
            self._publish(commits)

    def catch_up(self) -> None:
        """Publish what a writer committed before it died. Only under the lock."""
        self._make_if_new()
        with self._opened() as con:
            con.execute("BEGIN")
            commits = commits_in(con, self.path)
            con.execute("COMMIT")
            self._checkpoint(con)
        known = snapshot.published(self.path)
        if known and known.commits == commits and self.path.with_name(known.snapshot).exists():
            snapshot.note(self.path, commits, known.snapshot)
        else:
            self._publish(commits)

    def _open_snapshot(self) -> tuple[Path, duckdb.DuckDBPyConnection]:
        deadline = time.monotonic() + self.wait_seconds
        while True:
            if not snapshot.is_newest(self.path):
                # Either a writer is at work and will publish it, or there is none and this reader publishes it.
                with self.lock.tried() as held:
                    if held:
                        self.catch_up()
            known = snapshot.published(self.path)
            if known:
                file = self.path.with_name(known.snapshot)
                # A writer may publish another and remove it before it is opened: then try again.
                with contextlib.suppress(FileNotFoundError):
                    return file, self.opening.connect(file, read_only=True)
            if time.monotonic() >= deadline:
                raise self.lock.busy()
            pause(deadline)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with (
            telling_damage(self.path),
            room_for("the lake", self.path.parent, self.path.stat().st_size, _NOT_WRITTEN),
            contextlib.closing(self.opening.connect(self.path, read_only=False)) as con,
        ):
            yield con

    def _checkpoint(self, con: duckdb.DuckDBPyConnection) -> None:
        # A lake whose write-ahead log is lost opens without its latest commits and without an error.
        with room_for("the lake's checkpoint", self.path.parent, None, _COMMITTED):
            con.execute("CHECKPOINT")

    def _publish(self, commits: int) -> None:
        size = self.path.stat().st_size
        with room_for("the lake's snapshot for its readers", self.path.parent, size, _COMMITTED):
            snapshot.publish(self.path, commits)
        sweep_spills(self.path.parent)

    def _make_if_new(self) -> None:
        if self.path.exists():
            return
        if snapshot.marker_of(self.path).exists() or snapshot.snapshots(self.path):
            raise errors.missing(self.path)
        with atomic_write(self.path) as draft, contextlib.closing(self.opening.connect(draft, read_only=False)) as con:
            create_tables(con)
            commits = commits_in(con, self.path)
        self._publish(commits)
