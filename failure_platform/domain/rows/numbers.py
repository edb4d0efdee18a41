"""Decides whether a point or a comma between three digits separates decimals or thousands, from the complete column.

`1.234` is 1.234 in one export and 1234 in the next. Only the numbers of the same column that can be read in one way
only show which. Where they contradict, or where a decimal comma stands beside it, the number is undecided.
"""

from dataclasses import dataclass
from typing import Literal

Sign = Literal["decimal", "thousands", "undecided"]


@dataclass(frozen=True)
class NumberReading:
    """What a single point or comma before three digits means in an upload, as in `1.234` and `1,234`."""

    point: Sign = "decimal"
    comma: Sign = "decimal"


DECIMAL = NumberReading()


@dataclass(frozen=True)
class NumberEvidence:
    """Counts of the numbers of a column by their written form.

    Args:
        point_thousands: with points that separate thousands, such as `1.234,5`; `comma_thousands` such as `1,234.5`.
        point: with a single point and digits; `comma` with a single comma.
        point_either: of `point`, those that can be thousands too, such as `1.234`; `comma_either` such as `1,234`.
    """

    point_thousands: int = 0
    comma_thousands: int = 0
    point: int = 0
    comma: int = 0
    point_either: int = 0
    comma_either: int = 0


def decide_numbers(evidence: NumberEvidence) -> tuple[NumberReading, str | None]:
    """Return how the numbers of a column are read, and why, in words; None where each is read with its decimals."""
    point_decimals = evidence.point - evidence.point_either + evidence.comma_thousands
    comma_decimals = evidence.comma - evidence.comma_either + evidence.point_thousands
    reading = NumberReading(
        point=_sign(evidence.point_either, evidence.point_thousands, point_decimals, comma_decimals),
        comma=_sign(evidence.comma_either, evidence.comma_thousands, comma_decimals, point_decimals),
    )
    signs = [
        _words(name, shown, either, sign)
        for name, shown, either, sign in (
            ("point", "1.234", evidence.point_either, reading.point),
            ("comma", "1,234", evidence.comma_either, reading.comma),
        )
        if either and sign != "decimal"
    ]
    return reading, "; ".join(signs) or None


def _sign(either: int, thousands: int, decimals: int, other_decimals: int) -> Sign:
    if not either or (not thousands and (decimals or not other_decimals)):
        return "decimal"
    return "thousands" if thousands and not decimals else "undecided"


def _words(name: str, shown: str, either: int, sign: Sign) -> str:
    numbers = f"{either:,} number{'' if either == 1 else 's'} such as {shown}"
    if sign == "thousands":
        return f"{numbers}: the {name} separates thousands, as other numbers show"
    return f"{numbers}: undecided, in quarantine, since other numbers have both signs"
