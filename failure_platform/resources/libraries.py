"""Which libraries a model depends on, and whether those installed may read it.

What belongs here: names and versions. What does not: files, and the model itself.
"""

from collections.abc import Mapping
from importlib.metadata import version

RECORDED = ("scikit-learn", "skops", "numpy", "scipy", "pandas")
# What a family's figures depend on besides: another version of them gives another model, so another name.
RECORDED_OF_FAMILY = {"sequence": ("torch", "skorch")}

# How many leading parts of a version must agree before a model is read. scikit-learn keeps no promise about its fitted
# attributes between minor versions; skops is at 0.x, where a minor version may change the file; numpy keeps its
# arrays readable within a major version.
_MUST_AGREE = {"scikit-learn": 2, "skops": 2, "numpy": 1}


def installed(family: str = "") -> dict[str, str]:
    """Return the version of each library that the figures of a family's models depend on."""
    return {name: version(name) for name in (*RECORDED, *RECORDED_OF_FAMILY.get(family, ()))}


def disagreements(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Return one phrase for each library that is too far from the recorded one; an empty list when all may be used."""
    return [
        f"{name} {recorded[name]} (here: {here[name]})"
        for name, parts in _MUST_AGREE.items()
        if recorded[name].split(".")[:parts] != here[name].split(".")[:parts]
    ]
