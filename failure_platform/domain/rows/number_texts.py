"""Parses cell texts as numbers, and counts the evidence for how they have to be read, as Ibis expressions.

A single sign is the decimal sign, whether comma or point, unless the column shows that it separates thousands. With
both, the last one is; the first separates thousands.
"""

from functools import reduce
from typing import Any

import ibis

from failure_platform.domain.rows.cell_texts import full_match
from failure_platform.domain.rows.numbers import DECIMAL, NumberReading

_POINT_GROUP, _COMMA_GROUP = r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+", r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+"
_POINT_THEN_COMMA = r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+"
_INTEGER_AS_PRINTED = r"^(-?[0-9]+)\.0$"
_COMMA_THEN_POINT = r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+"


def is_canonical_number(text: Any, value: Any) -> Any:
    """Return whether `value`, the plain cast of a text, is the number that the text writes."""
    # DuckDB accepts 1_000, nan and inf as numbers; the plant writes none of these.
    return is_finite(value) & ~text.contains("_")


def is_canonical_integer(text: Any, value: Any) -> Any:
    """Return whether `value`, the plain cast of a text, prints as the text; a cast alone would round."""
    return value.cast("string") == text


def number(text: Any, reading: NumberReading = DECIMAL) -> Any:
    """Return the number that a text in normal form writes, NULL if it writes none."""
    comma = ibis.cases(
        (full_match(text, _POINT_THEN_COMMA), text.replace(".", "").replace(",", ".")),
        (full_match(text, _COMMA_THEN_POINT), text.replace(",", "")),
        else_=text.replace(",", "."),
    )
    unwanted = text.contains("_") | text.contains("n") | text.contains("N")
    cases = [(text.contains(","), comma), (unwanted, ibis.null("string"))]
    for pattern, sign, means in ((_POINT_GROUP, ".", reading.point), (_COMMA_GROUP, ",", reading.comma)):
        if means != "decimal":
            digits = text.replace(sign, "") if means == "thousands" else ibis.null("string")
            cases.insert(0, (full_match(text, pattern), digits))
    return ibis.cases(*cases, else_=text).try_cast("float64")


def is_undecided_number(text: Any, reading: NumberReading) -> Any:
    """Return whether a text in normal form can be two numbers, and the column does not show which."""
    patterns = [
        pattern
        for pattern, means in ((_POINT_GROUP, reading.point), (_COMMA_GROUP, reading.comma))
        if means == "undecided"
    ]
    return reduce(lambda found, pattern: found | full_match(text, pattern), patterns, ibis.literal(False))


def number_evidence(text: Any) -> dict[str, Any]:
    """Return the counts of `domain.rows.numbers.NumberEvidence` over a column of texts, as aggregates by name."""
    of = {
        "point_thousands": _POINT_THEN_COMMA + r"|[+-]?[1-9][0-9]{0,2}(\.[0-9]{3}){2,}",
        "comma_thousands": _COMMA_THEN_POINT + r"|[+-]?[1-9][0-9]{0,2}(,[0-9]{3}){2,}",
        "point": r"[+-]?([0-9]*\.[0-9]+)",
        "comma": r"[+-]?([0-9]*,[0-9]+)",
        "point_either": r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}",
        "comma_either": r"[+-]?[1-9][0-9]{0,2},[0-9]{3}",
    }
    return {name: full_match(text.strip(), pattern).sum().fill_null(0) for name, pattern in of.items()}


def integer(text: Any) -> Any:
    """Return the integer that a text in normal form writes, also as `13.0`; NULL if it writes none."""
    # DuckDB prints a whole number below 1e15 as digits and .0; comparing with its floor would repeat the expression.
    return number(text).cast("string").re_extract(_INTEGER_AS_PRINTED, 1).try_cast("int32")


def is_finite(value: Any) -> Any:
    """Return whether a number is finite: 1e999 is written like a number and is cast to infinity."""
    return value.abs() < float("inf")
