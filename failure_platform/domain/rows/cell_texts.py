"""Parses cell texts as blanks or numbers, as Ibis expressions.

Every cell of a plant's history is parsed here. A cell in canonical form is cast; only the others are matched with
regular expressions. Functions of a single text are cheap where texts repeat, since the engine evaluates them once per
distinct text. For that reason patterns are matched in full: the engine's other ways to match do not have this.
"""

import re
from typing import Any

import ibis

# How the exports write a missing value.
_BLANK = "(?i)(|nan|null|none|nat|n/a|#n/a|<na>)"
_NO_BREAK_SPACE = "\u00a0"

# A single sign is the decimal sign, whether comma or point. With both, the last one is; the first separates thousands.
_POINT_THEN_COMMA = r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+"
_INTEGER_AS_PRINTED = r"^(-?[0-9]+)\.0$"
_COMMA_THEN_POINT = r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+"


# DuckDB functions that Ibis does not have, by their signatures.
left = ibis.udf.scalar.builtin(
    lambda text, length: ...,  # noqa: ARG005
    name="left",
    signature=(("string", "int64"), "string"),
)
full_match = ibis.udf.scalar.builtin(
    lambda text, pattern: ...,  # noqa: ARG005
    name="regexp_full_match",
    signature=(("string", "string"), "boolean"),
)


def is_blank(text: str) -> bool:
    """Return whether a single text, stripped, means a missing value; the same rule as `blank`."""
    return re.fullmatch(_BLANK, text.strip()) is not None


def blank(text: Any) -> Any:
    """Return whether a stripped text means a missing value; never NULL."""
    return text.isnull() | full_match(text, _BLANK)


def stripped(text: Any) -> Any:
    """Return a text without leading and trailing blanks; a no-break space is a blank."""
    return text.replace(_NO_BREAK_SPACE, " ").strip()


def is_canonical_number(text: Any, value: Any) -> Any:
    """Return whether `value`, the plain cast of a text, is the number that the text writes."""
    # DuckDB accepts 1_000, nan and inf as numbers; the plant writes none of these.
    return is_finite(value) & ~text.contains("_")


def is_canonical_integer(text: Any, value: Any) -> Any:
    """Return whether `value`, the plain cast of a text, prints as the text; a cast alone would round."""
    return value.cast("string") == text


def number(text: Any) -> Any:
    """Return the number that a stripped text writes, NULL if it writes none."""
    comma = ibis.cases(
        (full_match(text, _POINT_THEN_COMMA), text.replace(".", "").replace(",", ".")),
        (full_match(text, _COMMA_THEN_POINT), text.replace(",", "")),
        else_=text.replace(",", "."),
    )
    unwanted = text.contains("_") | text.contains("n") | text.contains("N")
    return ibis.cases((text.contains(","), comma), (unwanted, ibis.null("string")), else_=text).try_cast("float64")


def integer(text: Any) -> Any:
    """Return the integer that a stripped text writes, also as `13.0`; NULL if it writes none."""
    # DuckDB prints a whole number below 1e15 as digits and .0; comparing with its floor would repeat the expression.
    return number(text).cast("string").re_extract(_INTEGER_AS_PRINTED, 1).try_cast("int32")


def is_finite(value: Any) -> Any:
    """Return whether a number is finite: 1e999 is written like a number and is cast to infinity."""
    return value.abs() < float("inf")
