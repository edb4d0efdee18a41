"""The published snapshot: the copy of the lake that readers open, so that they and a writer never meet.

Belongs here: making the copy, `lake.json` that points to it, and removing the one before. Does not belong here: when
to publish, and under which lock (`lake`).

Every snapshot has a name of its own. DuckDB shares one database per path within a process, so a new file under the old
name would show old rows to a process that still reads them. A removed snapshot lives on for those who have it open.
"""

import errno
import json
import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from failure_platform.resources.durable import sweep, whole
from failure_platform.resources.failure_points import reached
from failure_platform.resources.lake_errors import REPAIR, LakeUnreadableError

_SNAPSHOT = re.compile(r"^published-(?P<commits>\d+)\.duckdb$")
_LARGEST_PIECE = 1 << 30
_NOT_OFFERED = (errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF)


@dataclass(frozen=True)
class Published:
    """What `lake.json` says: the newest state that was acknowledged, and how the lake looked when it was published.

    `commits` counts the writes that the state holds; `snapshot` is the name of its file; size in bytes and time of
    change in nanoseconds are those of the lake file.
    """

    commits: int
    snapshot: str
    lake_bytes: int
    lake_modified: int


def marker_of(lake: Path) -> Path:
    """Return where `lake.json` of a lake lies."""
    return lake.with_name("lake.json")


def log_of(lake: Path) -> Path:
    """Return where DuckDB keeps the write-ahead log of a lake while there is one."""
    return lake.with_name(f"{lake.name}.wal")


def published(lake: Path) -> Published | None:
    """Return what is published, or None where nothing is.

    Raises:
        LakeUnreadableError: `lake.json` is damaged.
    """
    try:
        facts = json.loads(marker_of(lake).read_bytes())
        # A marker without snapshot is that of an earlier version: a lake is here, and nothing is published yet.
        return Published(**facts) if "snapshot" in facts else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LakeUnreadableError(f"{marker_of(lake)} is damaged: {error}. Nothing was changed. {REPAIR}") from error


def is_newest(lake: Path) -> bool:
    """Say whether a snapshot is there and nothing was done to the lake file since; a look at some names, no lock."""
    known = published(lake)
    if known is None or not lake.exists() or not lake.with_name(known.snapshot).exists():
        return False
    now = lake.stat()
    return (now.st_size, now.st_mtime_ns) == (known.lake_bytes, known.lake_modified) and not log_of(lake).exists()


def acknowledged(lake: Path) -> int:
    """Return how many commits the lake must hold, also where `lake.json` was lost and only its snapshot is left."""
    known = published(lake)
    return known.commits if known else max((commits for commits, _ in snapshots(lake)), default=0)


def snapshots(lake: Path) -> list[tuple[int, Path]]:
    """Return the snapshots that lie beside a lake with the commits they hold, oldest first."""
    names = ((_SNAPSHOT.match(file.name), file) for file in lake.parent.glob("published-*.duckdb"))
    return sorted((int(name["commits"]), file) for name, file in names if name)


def publish(lake: Path, commits: int) -> None:
    """Copy the lake, which is closed and checkpointed, and point readers to the copy. Only under the writers' lock."""
    snapshot = lake.with_name(f"published-{commits}.duckdb")
    with whole(snapshot) as draft:
        copy(lake, draft)
        reached("publish.copied")
    reached("publish.renamed")
    note(lake, commits, snapshot.name)
    for _, older in snapshots(lake):
        if older != snapshot:
            older.unlink(missing_ok=True)
    sweep(lake.parent)


def note(lake: Path, commits: int, snapshot: str) -> None:
    """Write `lake.json` for the lake as it lies there now."""
    now = lake.stat()
    with whole(marker_of(lake)) as draft:
        facts = asdict(Published(commits, snapshot, now.st_size, now.st_mtime_ns))
        draft.write_text(json.dumps(facts) + "\n", encoding="utf-8")


def copy(source: Path, target: Path) -> None:
    """Copy a file's bytes within the kernel, or without copying at all where the file system can share them."""
    size = source.stat().st_size
    with source.open("rb") as original, target.open("wb") as made:
        try:
            while os.copy_file_range(original.fileno(), made.fileno(), _LARGEST_PIECE):
                pass
        except (AttributeError, OSError) as refused:
            if isinstance(refused, OSError) and refused.errno not in _NOT_OFFERED:
                raise
    if target.stat().st_size != size:
        shutil.copyfile(source, target)
