"""The kinds of dirt that the simulator can write, each seen in real uploads, and what must become of such a row.

Belongs here: the list of kinds and a preset. Does not belong here: how a kind is put into cells (soiling.py), how the
platform recognises dirt (the contracts), whole-file forms such as separators and encodings (plan.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Fate = Literal["merged", "duplicate", "quarantined"]


class DirtKind(StrEnum):
    """The kinds of dirt, by the name used in options and truth files."""

    BAD_VALUE = "bad_value"
    DECIMAL_COMMA = "decimal_comma"
    PADDED_TEXT = "padded_text"
    BLANK_SPELLING = "blank_spelling"
    LITERAL_DEGREE = "literal_degree"
    DATE_FORMAT = "date_format"
    BAD_DATE = "bad_date"
    MALFORMED_KNR = "malformed_knr"
    UNKNOWN_STATUS = "unknown_status"
    MISSING_REQUIRED = "missing_required"
    REPEATED_ROW = "repeated_row"
    REPEATED_CASING = "repeated_casing"


@dataclass(frozen=True)
class Dirt:
    """What a kind is, what must become of its rows, and the columns that it changes by upload kind.

    A row gets the kind in one of the columns. A repeat is the row once more: that one must count as a duplicate; its
    columns are those whose casing differs.
    """

    description: str
    fate: Fate
    columns: Mapping[str, tuple[str, ...]]


DIRT: Mapping[DirtKind, Dirt] = {
    DirtKind.BAD_VALUE: Dirt("VALUE is not a number", "quarantined", {"resultados": ("VALUE",)}),
    DirtKind.DECIMAL_COMMA: Dirt("VALUE has a decimal comma", "merged", {"resultados": ("VALUE",)}),
    DirtKind.PADDED_TEXT: Dirt(
        "text is padded with spaces",
        "merged",
        {"resultados": ("VALUE", "NAME"), "falhas": ("HALLE", "FALHA"), "status": ("STATUS",)},
    ),
    DirtKind.BLANK_SPELLING: Dirt(
        "an optional cell is blank: nothing, three spaces, NaN or NULL",
        "merged",
        {"resultados": ("UNIT",), "falhas": ("COR",)},
    ),
    DirtKind.LITERAL_DEGREE: Dirt(
        r"UNIT holds the six characters \u00B0 for a degree sign", "merged", {"resultados": ("UNIT",)}
    ),
    DirtKind.DATE_FORMAT: Dirt(
        "a second date format: D/M/YYYY HH:MM:SS in falhas, a trailing .000 elsewhere",
        "merged",
        {"resultados": ("DATA",), "falhas": ("DATA",), "status": ("DATA",)},
    ),
    DirtKind.BAD_DATE: Dirt(
        "DATA is no date", "quarantined", {"resultados": ("DATA",), "falhas": ("DATA",), "status": ("DATA",)}
    ),
    DirtKind.MALFORMED_KNR: Dirt(
        "KNR is not YYYY-WWDSSSS", "quarantined", {"resultados": ("KNR",), "falhas": ("KNR",), "status": ("KNR",)}
    ),
    DirtKind.UNKNOWN_STATUS: Dirt(
        "STATUS is no known verdict or code", "quarantined", {"resultados": ("STATUS",), "status": ("STATUS",)}
    ),
    DirtKind.MISSING_REQUIRED: Dirt(
        "a required cell is blank",
        "quarantined",
        {"resultados": ("NAME", "DATA"), "falhas": ("KNR", "DATA"), "status": ("STATUS", "DATA")},
    ),
    DirtKind.REPEATED_ROW: Dirt(
        "the row stands twice, exactly", "duplicate", {"resultados": (), "falhas": (), "status": ()}
    ),
    DirtKind.REPEATED_CASING: Dirt(
        "the row stands twice, the second time in other casing", "duplicate", {"falhas": ("FALHA", "HALLE")}
    ),
}

# Some dirt, for a demo. Only the share of bad values is published.
SOME_DIRT: Mapping[DirtKind, float] = {
    DirtKind.BAD_VALUE: 0.0002,
    DirtKind.DECIMAL_COMMA: 0.002,
    DirtKind.PADDED_TEXT: 0.01,
    DirtKind.BLANK_SPELLING: 0.005,
    DirtKind.LITERAL_DEGREE: 0.5,
    DirtKind.DATE_FORMAT: 0.01,
    DirtKind.BAD_DATE: 0.0005,
    DirtKind.MALFORMED_KNR: 0.0005,
    DirtKind.UNKNOWN_STATUS: 0.0003,
    DirtKind.MISSING_REQUIRED: 0.0003,
    DirtKind.REPEATED_ROW: 0.005,
    DirtKind.REPEATED_CASING: 0.02,
}
