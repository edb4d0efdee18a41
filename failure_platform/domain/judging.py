"""Turns rows of text into typed rows, each with the list of what is wrong with it. Compiled from the contract.

Belongs here: what a blank, a number and a time look like in the exports, and the contract's checks as Ibis
expressions. Does not belong here: running them (`resources.judged_rows`) or what the checks are (`contracts`).

The work is three steps, each an expression on the named result of the one before, because an engine that gets them
as one expression would evaluate the shared parts again and again:

    rows    -> `trimmed`: texts without outer blanks, case folded
    trimmed -> `typed`:   `<column>` typed, `text <column>` as trimmed; what cannot be typed is NULL
    typed   -> `judged`:  typed columns and `reasons`, an array of text, empty for a good row

Each row of a plant's history passes here, so the usual cell takes the short way: a plain cast; and only what fails it
is looked at with regular expressions.
"""

import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import ibis

from failure_platform.domain.contracts import CONTRACTS, Column, Contract, ContractError, check_words

# What the exports write where there is nothing.
_BLANK = "(?i)^(|nan|null|none|nat|n/a|#n/a|<na>)$"
_LONGEST_BLANK = 4

_IBIS_TYPES = {"text": "string", "integer": "int32", "number": "float64", "timestamp": "timestamp"}
_FAULTS = {"integer": "not a whole number", "number": "not a number", "timestamp": "not a date and time"}
_CARRIED = {"row": "int64", "latest": "timestamp"}
_LONGEST_SHOWN = 60
_NO_BREAK_SPACE = "\u00a0"

# One sign is the decimal sign, a comma as well as a point. Both together: the last is, and the first parts thousands.
_POINT_THEN_COMMA = r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$"
_COMMA_THEN_POINT = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+$"
_CLOCK = r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
_ISO = r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}" + _CLOCK + "$"
_DAY_FIRST = r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(" + _CLOCK + ")$"
_WHOLE_WITH_POINT = r"^(-?[0-9]+)\.0+$"


@dataclass(frozen=True)
class Step:
    """One step of judging: an expression whose result the next step knows as `name`."""

    name: str
    expression: ibis.Table


def steps(contract: Contract, source: str) -> tuple[Step, ...]:
    """Return the steps that judge the rows of the table `source`.

    Args:
        contract: what the rows must be.
        source: name of a table with every column of the contract as text, `row`, a BIGINT, and `latest`, the time
            that no row can be newer than, or NULL.

    Returns:
        the steps in order; the last, `judged`, has `row`, the typed columns in the contract's order, and `reasons`.
    """
    return (
        Step("trimmed", _trimmed(contract, source)),
        Step("typed", _typed(contract)),
        Step("judged", _judged(contract)),
    )


def breaking_rows(contract: Contract, table: str) -> ibis.Table:
    """Return the typed rows of a lake table that break the contract: the second look, at what is stored."""
    types = {column.name: _IBIS_TYPES[column.type] for column in contract.columns}
    rows = ibis.table({**types, "upload": "string"}, name=table)
    wrong: list[Any] = []
    for column in contract.columns:
        value = rows[column.name]
        if not column.nullable:
            wrong.append(value.isnull())
        checks = contract.model.to_schema().columns[column.name].checks
        wrong += [value.notnull() & ~_compiled(check, value) for check in checks]
    return rows.filter(functools.reduce(operator.or_, wrong))


def is_blank(text: str) -> bool:
    """Say whether a single text stands for "nothing", outer blanks apart, as judging does for a column."""
    return re.search(_BLANK, text.strip()) is not None


def _trimmed(contract: Contract, source: str) -> ibis.Table:
    rows = ibis.table({**_CARRIED, **dict.fromkeys(contract.names, "string")}, name=source)
    return rows.select(*_CARRIED, **{column.name: _trim(column, rows[column.name]) for column in contract.columns})


def _typed(contract: Contract) -> ibis.Table:
    trimmed = ibis.table({**_CARRIED, **dict.fromkeys(contract.names, "string")}, name="trimmed")
    typed = {column.name: _TYPING[column.type](trimmed[column.name]) for column in contract.columns}
    texts = {f"text {name}": trimmed[name] for name in contract.names}
    return trimmed.select(*_CARRIED, **typed, **texts)


def _judged(contract: Contract) -> ibis.Table:
    types = {column.name: _IBIS_TYPES[column.type] for column in contract.columns}
    texts = {f"text {name}": "string" for name in contract.names}
    typed = ibis.table({**_CARRIED, **types, **texts}, name="typed")
    faults = [fault for column in contract.columns for fault in _faults(contract, column, typed)]
    anything = functools.reduce(operator.or_, [wrong for wrong, _ in faults])
    listed = ibis.array([ibis.cases((wrong, reason)) for wrong, reason in faults]).filter(lambda one: one.notnull())
    # Most rows are good: the list is put together only where something is wrong.
    none: Any = ibis.literal([], type="array<string>")
    values = {column.name: _with_default(column, typed) for column in contract.columns}
    return typed.select("row", **values, reasons=ibis.cases((anything, listed), else_=none))


def _faults(contract: Contract, column: Column, typed: ibis.Table) -> list[tuple[Any, Any]]:
    """Return (what is wrong, in which words) for a column; the conditions are never NULL."""
    value, text = typed[column.name], typed[f"text {column.name}"]
    shown: Any = ibis.literal("") if column.personal else ": '" + text.left(_LONGEST_SHOWN) + "'"
    faults: list[tuple[Any, Any]] = []
    if column.type != "text":
        untyped = ibis.cases((value.isnull(), ~_blank(text)), else_=_not_finite(column, value))
        faults.append((untyped, f"{column.name}: {_FAULTS[column.type]}" + shown))
    if not column.nullable and column.default is None:
        missing = ibis.cases((value.isnull(), _blank(text)), else_=False)
        faults.append((missing, ibis.literal(f"{column.name}: missing")))
    for check in contract.model.to_schema().columns[column.name].checks:
        passes = _compiled(check, value)
        faults.append((value.notnull() & ~passes, f"{column.name}: {_negated(check)}" + shown))
    if column.type == "timestamp":
        newer = value.notnull() & typed["latest"].notnull() & (value > typed["latest"])
        faults.append((newer, f"{column.name}: in the future when it was received" + shown))
    return faults


def _blank(text: Any) -> Any:
    """Say whether a trimmed text stands for "nothing"; never NULL."""
    # A list of texts to compare with would become a join, and only short texts pay for the expression.
    return text.isnull() | ibis.cases((text.length() <= _LONGEST_BLANK, text.re_search(_BLANK)), else_=False)


def _not_finite(column: Column, value: Any) -> Any:
    """Say whether a number is none: 1e999 is written like one and is beyond all of them."""
    return ~(value.abs() < float("inf")) if column.type == "number" else ibis.literal(False)


def _with_default(column: Column, typed: ibis.Table) -> Any:
    value = typed[column.name]
    if column.default is None:
        return value
    default: Any = ibis.literal(column.default, _IBIS_TYPES[column.type])
    return ibis.cases((value.isnull(), ibis.cases((_blank(typed[f"text {column.name}"]), default))), else_=value)


def _negated(check: Any) -> str:
    words = check_words(check.name, check.statistics)
    return words.replace("matches", "does not match", 1) if check.name == "str_matches" else f"not {words}"


def _compiled(check: Any, value: Any) -> Any:
    compiler = _CHECKS.get(check.name)
    if compiler is None or not check.ignore_na or check.groupby is not None:
        raise ContractError(
            f"The check '{check.name}' cannot be compiled. Use one of {', '.join(_CHECKS)} as it stands, "
            f"or add it to _CHECKS in domain/judging.py."
        )
    return compiler(value, check.statistics)


def _matches(value: Any, statistics: Mapping[str, Any]) -> Any:
    """Do as pandera does: anchored at the start only; and as Python does: `$` also stands before a last line end.

    Raises:
        ContractError: Python's and the engine's regular expressions read the pattern differently.
    """
    pattern = str(statistics["pattern"])
    body = pattern.removeprefix("^").removesuffix("$")
    if any(sign in body for sign in ("\\d", "\\w", "\\s", "\\b", "\\D", "\\W", "\\S", "\\B", "(?", "$", "^", "\\1")):
        # A caret inside brackets negates a set and means the same in both, but so far no contract needs one.
        raise ContractError(
            f"The pattern {pattern} cannot be compiled: spell out sets such as [0-9], and use no look-around, "
            f"back-reference or inner anchor; they differ between Python and the database."
        )
    end = r"\n?\z" if pattern.endswith("$") else ""
    return value.re_search(f"^(?:{body}){end}")


_CHECKS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = MappingProxyType(
    {
        "str_matches": _matches,
        "isin": lambda value, statistics: value.isin(list(statistics["allowed_values"])),
        "greater_than_or_equal_to": lambda value, statistics: value >= statistics["min_value"],
        "greater_than": lambda value, statistics: value > statistics["min_value"],
        "less_than_or_equal_to": lambda value, statistics: value <= statistics["max_value"],
        "less_than": lambda value, statistics: value < statistics["max_value"],
    }
)


def _trim(column: Column, text: Any) -> Any:
    text = text.replace(_NO_BREAK_SPACE, " ").strip()
    if column.type == "text":
        # Some exports write the degree sign as its code.
        text = text.replace("\\u00B0", "°").replace("\\u00b0", "°")
    if column.fold:
        text = text.upper()
    return text.re_replace(_WHOLE_WITH_POINT, r"\1") if column.whole else text


def _as_text(text: Any) -> Any:
    return ibis.cases((_blank(text), ibis.null("string")), else_=text)


def _as_number(text: Any) -> Any:
    comma = ibis.cases(
        (text.re_search(_POINT_THEN_COMMA), text.replace(".", "").replace(",", ".")),
        (text.re_search(_COMMA_THEN_POINT), text.replace(",", "")),
        else_=text.replace(",", "."),
    )
    # The database takes 1_000, nan and inf for numbers; the plant writes nothing of the kind.
    unwanted = text.contains("_") | text.contains("n") | text.contains("N")
    return ibis.cases((text.contains(","), comma), (unwanted, ibis.null("string")), else_=text).try_cast("float64")


def _as_integer(text: Any) -> Any:
    number = _as_number(text)
    return ibis.cases((number == number.floor(), number)).try_cast("int32")


def _as_timestamp(text: Any) -> Any:
    return ibis.cases(
        (text.re_search(_ISO), text),
        (text.re_search(_DAY_FIRST), text.re_replace(_DAY_FIRST, r"\3-\2-\1\4")),
    ).try_cast("timestamp")


_TYPING: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"text": _as_text, "integer": _as_integer, "number": _as_number, "timestamp": _as_timestamp}
)

# A contract that cannot be applied must fail when the platform starts, not when the first file arrives.
for _contract in CONTRACTS.values():
    steps(_contract, "rows")
