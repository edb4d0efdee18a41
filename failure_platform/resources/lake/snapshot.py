"""Publishes the snapshot: the copy of the lake that readers open, recorded in `lake.json`.

Every snapshot has a name of its own. DuckDB shares one database per path within a process, so a new file under the old
name would show old rows to a process that still reads them. A removed snapshot remains for readers that have it open.

The previous snapshot is kept as the spare, from which the next one is made, so that publishing writes only what
changed. Where files can share blocks there is no spare.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from failure_platform.resources.lake.errors import REPAIR, LakeUnreadableError
from failure_platform.resources.lake.file_copies import copy, renew, share
from failure_platform.resources.storage.atomic_files import atomic_write, sweep
from failure_platform.resources.storage.failpoints import failpoint

_SNAPSHOT = re.compile(r"^published-(?P<commits>\d+)\.duckdb$")


@dataclass(frozen=True)
class Published:
    """The content of `lake.json`: the newest state that was acknowledged, and the lake file when it was published.

    `commits` counts the writes that the state holds; `snapshot` is the name of its file; size in bytes and time of
    change in nanoseconds are those of the lake file.
    """

    commits: int
    snapshot: str
    lake_bytes: int
    lake_modified: int


def marker_of(lake: Path) -> Path:
    """Return the path of a lake's `lake.json`."""
    return lake.with_name("lake.json")


def log_of(lake: Path) -> Path:
    """Return the path of DuckDB's write-ahead log of a lake, which exists while it is needed."""
    return lake.with_name(f"{lake.name}.wal")


def spare_of(lake: Path) -> Path:
    """Return the path of the spare, the copy from which the next snapshot is made; it may not exist."""
    return lake.with_name("spare.duckdb")


def published(lake: Path) -> Published | None:
    """Return what is published, or None where nothing is.

    Raises:
        LakeUnreadableError: `lake.json` is damaged.
    """
    try:
        facts = json.loads(marker_of(lake).read_bytes())
        # A marker without snapshot was written by an earlier version: there is a lake, and nothing is published yet.
        return Published(**facts) if "snapshot" in facts else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LakeUnreadableError(f"{marker_of(lake)} is damaged: {error}. Nothing was changed. {REPAIR}") from error


def is_newest(lake: Path) -> bool:
    """Return whether a snapshot exists and the lake file has not changed since; reads names only, without a lock."""
    known = published(lake)
    if known is None or not lake.exists() or not lake.with_name(known.snapshot).exists():
        return False
    now = lake.stat()
    return (now.st_size, now.st_mtime_ns) == (known.lake_bytes, known.lake_modified) and not log_of(lake).exists()


def acknowledged(lake: Path) -> int:
    """Return how many commits the lake must hold, even where `lake.json` was lost and only its snapshot is left."""
    known = published(lake)
    return known.commits if known else max((commits for commits, _ in snapshots(lake)), default=0)


def snapshots(lake: Path) -> list[tuple[int, Path]]:
    """Return the snapshots of a lake with the number of commits they hold, oldest first."""
    names = ((_SNAPSHOT.match(file.name), file) for file in lake.parent.glob("published-*.duckdb"))
    return sorted((int(name["commits"]), file) for name, file in names if name)


def publish(lake: Path, commits: int) -> None:
    """Copy the lake, which is closed and checkpointed, and point readers to the copy. Only under the writers' lock."""
    snapshot, spare = lake.with_name(f"published-{commits}.duckdb"), spare_of(lake)
    with atomic_write(snapshot) as draft:
        is_shared = share(lake, draft)
        if not is_shared and not renew(lake, spare, draft):
            copy(lake, draft)
        failpoint("publish.copied")
    failpoint("publish.renamed")
    note(lake, commits, snapshot.name)
    spare.unlink(missing_ok=True)
    older = [file for _, file in snapshots(lake) if file != snapshot]
    if older and not is_shared:
        # Under another name no reader finds it; while one still has it open, it is not written.
        older.pop().replace(spare)
    for file in older:
        file.unlink(missing_ok=True)
    sweep(lake.parent)


def room(lake: Path) -> int:
    """Return how many more bytes the next snapshot takes, if the spare can be used."""
    spare = spare_of(lake)
    return max(lake.stat().st_size - (spare.stat().st_size if spare.exists() else 0), 0)


def note(lake: Path, commits: int, snapshot: str) -> None:
    """Write `lake.json` for the present lake file."""
    now = lake.stat()
    with atomic_write(marker_of(lake)) as draft:
        facts = asdict(Published(commits, snapshot, now.st_size, now.st_mtime_ns))
        draft.write_text(json.dumps(facts) + "\n", encoding="utf-8")
