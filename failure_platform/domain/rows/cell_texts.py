"""What a cell's text stands for: nothing, or a number. As Ibis expressions, the usual form first.

Belongs here: blanks and the written forms of numbers. Does not belong here: dates (`date_texts`), contracts
(`validation`).

Each cell of a plant's history passes here, so the usual cell takes the short way, and only what fails it is looked at
with regular expressions. Functions of one text alone are cheap where texts repeat: the engine asks them once a
distinct text. That is why patterns are matched as a whole: its other ways to match do without that.
"""

import re
from typing import Any

import ibis

# What the exports write where there is nothing.
_BLANK = "(?i)(|nan|null|none|nat|n/a|#n/a|<na>)"
_NO_BREAK_SPACE = "\u00a0"

# One sign is the decimal sign, a comma as well as a point. Both together: the last is, and the first parts thousands.
_POINT_THEN_COMMA = r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+"
_WHOLE_AS_PRINTED = r"^(-?[0-9]+)\.0$"
_COMMA_THEN_POINT = r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+"


# The engine's own functions, by their signatures.
start = ibis.udf.scalar.builtin(
    lambda text, length: ...,  # noqa: ARG005
    name="left",
    signature=(("string", "int64"), "string"),
)
matches_whole = ibis.udf.scalar.builtin(
    lambda text, pattern: ...,  # noqa: ARG005
    name="regexp_full_match",
    signature=(("string", "string"), "boolean"),
)


def is_blank(text: str) -> bool:
    """Say whether a single text stands for "nothing", outer blanks apart, as validation does for a column."""
    return re.fullmatch(_BLANK, text.strip()) is not None


def blank(text: Any) -> Any:
    """Say whether a stripped text stands for "nothing"; never NULL."""
    return text.isnull() | matches_whole(text, _BLANK)


def stripped(text: Any) -> Any:
    """Return a text without outer blanks; a no-break space is a blank."""
    return text.replace(_NO_BREAK_SPACE, " ").strip()


def is_usual_number(text: Any, value: Any) -> Any:
    """Say whether a text is written so that `value`, its plain cast, is what it says."""
    # The database takes 1_000, nan and inf for numbers; the plant writes nothing of the kind.
    return is_finite(value) & ~text.contains("_")


def is_usual_whole_number(text: Any, value: Any) -> Any:
    """Say whether a text is written so that `value`, its plain cast, is what it says; a cast rounds."""
    return value.cast("string") == text


def number(text: Any) -> Any:
    """Return the number that a stripped text writes, NULL for anything else."""
    comma = ibis.cases(
        (matches_whole(text, _POINT_THEN_COMMA), text.replace(".", "").replace(",", ".")),
        (matches_whole(text, _COMMA_THEN_POINT), text.replace(",", "")),
        else_=text.replace(",", "."),
    )
    unwanted = text.contains("_") | text.contains("n") | text.contains("N")
    return ibis.cases((text.contains(","), comma), (unwanted, ibis.null("string")), else_=text).try_cast("float64")


def whole_number(text: Any) -> Any:
    """Return the whole number that a stripped text writes, also as `13.0`; NULL for anything else."""
    # The engine prints a whole number below 1e15 as digits and .0; to ask for its floor would write it thrice.
    return number(text).cast("string").re_extract(_WHOLE_AS_PRINTED, 1).try_cast("int32")


def is_finite(value: Any) -> Any:
    """Say whether a number is one: 1e999 is written like one and is beyond all of them."""
    return value.abs() < float("inf")
