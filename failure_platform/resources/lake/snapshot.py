"""The published snapshot: the copy of the lake that readers open, so that they and a writer never meet.

Belongs here: publishing a copy, `lake.json` that points to it, and what becomes of the one before. Does not belong
here: copying (`copies`), when to publish, and under which lock (`lake`).

Every snapshot has a name of its own. DuckDB shares one database per path within a process, so a new file under the old
name would show old rows to a process that still reads them. A removed snapshot lives on for those who have it open.

The snapshot before the newest stays as the spare, of which the next one is made: so publishing writes what changed,
not the whole lake. Where files can share blocks there is none.
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


def spare_of(lake: Path) -> Path:
    """Return where the copy lies of which the next snapshot is made, while there is one."""
    return lake.with_name("spare.duckdb")


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
        # Under another name nobody finds it any more; who has it open keeps it from being used.
        older.pop().replace(spare)
    for file in older:
        file.unlink(missing_ok=True)
    sweep(lake.parent)


def room(lake: Path) -> int:
    """Return how many bytes the next snapshot takes beside what is there, if the spare can be used."""
    spare = spare_of(lake)
    return max(lake.stat().st_size - (spare.stat().st_size if spare.exists() else 0), 0)


def note(lake: Path, commits: int, snapshot: str) -> None:
    """Write `lake.json` for the lake as it lies there now."""
    now = lake.stat()
    with atomic_write(marker_of(lake)) as draft:
        facts = asdict(Published(commits, snapshot, now.st_size, now.st_mtime_ns))
        draft.write_text(json.dumps(facts) + "\n", encoding="utf-8")
