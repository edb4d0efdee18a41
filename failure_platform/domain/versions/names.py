"""Which version is meant when a person gives its first digits.

What belongs here: finding it, and saying what there is when it is not found. What does not: what is done with it.
"""

from collections.abc import Mapping, Sequence

SHORTEST_PREFIX = 6


class VersionNotFoundError(Exception):
    """No version, or more than one, is called that; the message says what to give instead."""


def resolve(asked: str, target: str, versions: Mapping[str, str]) -> str:
    """Return the whole name of a version of the target.

    Args:
        asked: the version, or its first digits.
        target: which it must be of.
        versions: every known version and the target it is of.

    Raises:
        VersionNotFoundError: there is none, several fit, or it is of another target; says which there are.
    """
    given = asked.strip().lower()
    here = [version for version, of in versions.items() if of == target]
    if not given:
        raise VersionNotFoundError(f"`version` is empty. Name a version. {_there_are(here, target)}")
    found = [v for v in versions if v == given or (len(given) >= SHORTEST_PREFIX and v.startswith(given))]
    if not found:
        near = [v for v in here if v.startswith(given[: SHORTEST_PREFIX - 2])]
        guess = f"Did you mean {', '.join(near)}?" if near else _there_are(here, target)
        raise VersionNotFoundError(
            f"There is no version '{asked}'. {guess} Give the whole version or at least its first "
            f"{SHORTEST_PREFIX} digits."
        )
    if len(found) > 1:
        raise VersionNotFoundError(f"'{asked}' fits {', '.join(sorted(found))}. Give more digits.")
    if versions[found[0]] != target:
        raise VersionNotFoundError(
            f"Version {found[0]} predicts '{versions[found[0]]}', not '{target}'. Decide on it under its own target, "
            f"or name another version. {_there_are(here, target)}"
        )
    return found[0]


def _there_are(here: Sequence[str], target: str) -> str:
    if not here:
        return f"'{target}' has no versions yet: materialise candidate_model first."
    return f"The versions of '{target}' are {', '.join(here)}."
