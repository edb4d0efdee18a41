"""How features are named, what each name means, and what an absent cell stands for.

What belongs here: one entry per feature family: prefix, sentence, source rows, meaning of absence; the dictionary
made from them. What does not: how the numbers are computed (features).

A name is `<family>:<part>:...`, made of plant codes only, so that the same test has the same name in every lake:
`value:2:041001:0` is the newest value of test 041001 (family 2), sub-value 0.
"""

import math
from dataclasses import dataclass

TIME_RULE = "rows with DATA before predicted_at"


@dataclass(frozen=True)
class FeatureFamily:
    """What the features of one prefix have in common.

    Attributes:
        sentence: description with the parts of the name in braces.
        parts: what the parts after the prefix are.
        source: lake table the rows come from.
        absent: what a cell without rows stands for: 0.0 where nothing happened, NaN where nothing is known.
    """

    sentence: str
    parts: tuple[str, ...]
    source: str
    absent: float


FAMILIES = {
    "value": FeatureFamily(
        "Newest value of test {test} (test family {family}), sub-value {sub_value}.",
        ("family", "test", "sub_value"),
        "resultados",
        math.nan,
    ),
    "nok": FeatureFamily("Times that {test} of test family {family} was NOK.", ("family", "test"), "resultados", 0.0),
    "retested": FeatureFamily("Tests of family {family} that were NOK and OK later.", ("family",), "resultados", 0.0),
    "rows": FeatureFamily("Result rows of test family {family}.", ("family",), "resultados", 0.0),
    "stage": FeatureFamily(
        "Hours from checkpoint {begin} to checkpoint {end}, each at its first time.",
        ("begin", "end"),
        "status",
        math.nan,
    ),
    "defects": FeatureFamily(
        "Defects recorded earlier, {by} {which}; empty where no falhas upload covers the prediction point.",
        ("by", "which"),
        "falhas",
        math.nan,
    ),
}


@dataclass(frozen=True)
class FeatureMeaning:
    """One line of the feature dictionary."""

    name: str
    description: str
    source: str
    time_rule: str


def explain(name: str) -> FeatureMeaning:
    """Return what the feature of that name means.

    Raises:
        ValueError: the name belongs to no family.
    """
    family = _family(name)
    parts = name.split(":")[1:]
    named = dict(zip(family.parts, parts, strict=True))
    return FeatureMeaning(name, family.sentence.format(**named), family.source, TIME_RULE)


def absent_value(name: str) -> float:
    """Return what a vehicle without a cell for this feature has: 0.0 or NaN."""
    return _family(name).absent


def _family(name: str) -> FeatureFamily:
    prefix, *parts = name.split(":")
    family = FAMILIES.get(prefix)
    if family is None or len(parts) != len(family.parts):
        known = ", ".join(":".join((key, *value.parts)) for key, value in FAMILIES.items())
        raise ValueError(f"'{name}' is no feature name; names are made as {known}")
    return family
