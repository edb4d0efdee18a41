"""The feature families: how features are named, what each name means, and what an absent cell means.

A name is `<family>:<part>:...`, made of plant codes only, so that the same test has the same name in every lake:
`value:2:041001:0` is the newest value of test 041001 (family 2), sub-value 0.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

TIME_RULE = "rows with DATA before predicted_at"
MEDIAN_DAYS = 14
FIRST_SUB_VALUE = 0
DEFECTS_KNOWN = "defects:all:all"


@dataclass(frozen=True)
class FeatureFamily:
    """The properties that all features with the same prefix share.

    Attributes:
        sentence: description with the parts of the name in braces.
        parts: names of the parts after the prefix.
        source: lake table of the rows.
        absent: value of an absent cell: 0.0 where nothing happened, NaN where nothing is known. No stored cell has this
            value, so a column with no other value is equivalent to no column.
        time_rule: which rows are used.
        known_by: where this column is known, an absent NaN becomes 0; with the parts in braces; None: NaN stays.
        max_columns: number of columns that the family keeps, the most frequent ones; a dirty upload may contain any
            number of invented test names.
    """

    sentence: str
    parts: tuple[str, ...]
    source: str
    absent: float
    time_rule: str = TIME_RULE
    known_by: str | None = None
    max_columns: int = 1000


_SERIES = ("family", "test", "sub_value")

FAMILIES = {
    "value": FeatureFamily(
        "Newest value of test {test} (test family {family}), sub-value {sub_value}.",
        _SERIES,
        "resultados",
        math.nan,
        max_columns=3000,
    ),
    "distance": FeatureFamily(
        "Newest value of test {test} (test family {family}), sub-value {sub_value}, less the median of the daily "
        f"medians that this test had in the {MEDIAN_DAYS} days before the day of measurement.",
        _SERIES,
        "resultados",
        math.nan,
        time_rule=f"{TIME_RULE}; medians of all vehicles' rows, of whole days before the day of the value",
    ),
    "spread": FeatureFamily(
        "Largest less smallest value of test {test} (test family {family}), sub-value {sub_value}; 0 when it was "
        "measured at most once.",
        _SERIES,
        "resultados",
        0.0,
    ),
    "again": FeatureFamily(
        f"How often tests of family {{family}} were measured again, whatever the verdict; sub-value {FIRST_SUB_VALUE}.",
        ("family",),
        "resultados",
        0.0,
    ),
    "present": FeatureFamily(
        "1 when test {test} (test family {family}), sub-value {sub_value}, has a value, else 0; where that value never "
        "varies.",
        _SERIES,
        "resultados",
        0.0,
    ),
    "recorded": FeatureFamily(
        "1 when test {test} (test family {family}), sub-value {sub_value}, was recorded without a value, else 0.",
        _SERIES,
        "resultados",
        0.0,
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
    "missing": FeatureFamily("1 when checkpoint {checkpoint} has no stamp, else 0.", ("checkpoint",), "status", 0.0),
    "defects": FeatureFamily(
        "Defects recorded earlier, {by} {which}; empty where no falhas upload covers the prediction point.",
        ("by", "which"),
        "falhas",
        math.nan,
        known_by=DEFECTS_KNOWN,
    ),
    "about": FeatureFamily(
        "1 when {column} is {which}, 0 when it is another, empty until a falha of the vehicle records it.",
        ("column", "which"),
        "falhas",
        math.nan,
        known_by="{column}",
    ),
    "sequence": FeatureFamily(
        "The {channel} of one result row, counted back from the prediction point: row {step}, 0 is the newest.",
        ("step", "channel"),
        "resultados",
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
    """Return the meaning of a feature.

    Raises:
        ValueError: the name belongs to no family.
    """
    family, parts = _parts(name)
    return FeatureMeaning(name, family.sentence.format(**parts), family.source, family.time_rule)


def absent_value(name: str) -> float:
    """Return the value of this feature for a vehicle without a cell: 0.0 or NaN."""
    return _parts(name)[0].absent


def known_by(name: str) -> str | None:
    """Return the column (fact or feature) that, where it is known, turns an absent NaN of this feature into 0.

    None for a feature whose NaN stays NaN, and for that column itself.
    """
    family, parts = _parts(name)
    column = family.known_by.format(**parts) if family.known_by else None
    return None if column == name else column


def is_event(name: str) -> bool:
    """Return whether a cell of this feature is an event, so that its absence is no missing value."""
    family = _parts(name)[0]
    return family.absent == 0 or family.known_by is not None


def full_families(names: Iterable[str]) -> tuple[str, ...]:
    """Return the families that reach `max_columns` in these names.

    The columns of such a family are the names that are most frequent over all vehicles; for a subset of the vehicles
    they may be others.
    """
    counts: Counter[str] = Counter()
    for name in names:
        prefix, _, rest = name.partition(":")
        counts[prefix] += 1
        # Distances and spreads exist for these series; columns without any cell are not among the names.
        if prefix == "value" and rest.endswith(f":{FIRST_SUB_VALUE}"):
            counts["distance"] += 1
    return tuple(prefix for prefix, family in FAMILIES.items() if counts[prefix] >= family.max_columns)


def _parts(name: str) -> tuple[FeatureFamily, dict[str, str]]:
    prefix, *parts = name.split(":")
    family = FAMILIES.get(prefix)
    if family is None or len(parts) != len(family.parts):
        known = ", ".join(":".join((key, *value.parts)) for key, value in FAMILIES.items())
        raise ValueError(f"'{name}' is no feature name; names are made as {known}")
    return family, dict(zip(family.parts, parts, strict=True))
