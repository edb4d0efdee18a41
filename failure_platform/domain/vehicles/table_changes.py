"""What has to be described anew since a vehicles table was built: some uploads' vehicles, or all.

What belongs here: the comparison of two bases of a table. What does not: which vehicles an upload touches (features),
and where a basis is kept (resources.vehicle_tables).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Basis:
    """What a vehicles table was, or would be, built from.

    Attributes:
        uploads: of every upload in the lake, when it was merged, as text.
        rules: what else decides about the content, each under its name: code, target, declared periods ...
    """

    uploads: Mapping[str, str]
    rules: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """What came since.

    Attributes:
        uploads: keys of the uploads that came in.
        whole: why all vehicles must be described anew; None where the vehicles that `uploads` touch will do.
    """

    uploads: tuple[str, ...] = ()
    whole: str | None = None


def changes(before: Basis | None, now: Basis) -> Changes:
    """Compare a table's basis with what it would be built from now.

    An upload that went leaves nothing behind that would tell its vehicles. One that was merged at another time came
    into another lake, built anew from the originals by today's rules.
    """
    if before is None:
        return Changes(whole="there was no table yet")
    names = sorted(before.rules.keys() | now.rules.keys())
    if other := [name for name in names if before.rules.get(name) != now.rules.get(name)]:
        return Changes(whole=f"of a change in: {', '.join(other)}")
    if gone := sorted(before.uploads.keys() - now.uploads.keys()):
        return Changes(whole=f"these uploads were withdrawn: {', '.join(gone)}")
    if again := sorted(key for key, at in before.uploads.items() if now.uploads[key] != at):
        return Changes(whole=f"these uploads were merged anew: {', '.join(again)}")
    return Changes(uploads=tuple(sorted(now.uploads.keys() - before.uploads.keys())))
