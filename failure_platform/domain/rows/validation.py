"""Turns rows of text into typed rows, each with the list of what is wrong with it. Compiled from the contract.

Belongs here: the contract's columns and checks as Ibis expressions. Does not belong here: what a blank, a number and a
date look like (`cell_texts`, `date_texts`), running them, what the checks are (`contracts`).

The work is steps, each an expression on the named result of the one before, because an engine that gets them as one
expression would evaluate the shared parts again and again:

    rows   -> `texts`:  text columns without outer blanks, case folded; the others as they are
    texts  -> `plain`:  `plain <column>`: a plain cast of the others, NULL where it fails
    plain  -> `sifted`: `odd <column>`: the stripped text of cells that a plain cast does not read, or misreads
    sifted -> `typed`:  `<column>` typed, NULL where that cannot be; `text <column>` as it was
    typed  -> `looked`: `<n>`: whether the n-th thing that can be wrong is wrong
    looked -> `validated`: typed columns and `reasons`, an array of text, empty for a good row

Each row of a plant's history passes here, and nearly every cell is written as its value prints. So a cell is cast, and
only the odd one is stripped and looked at with regular expressions.
"""

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import ibis

from failure_platform.domain.contracts import CONTRACTS, Column, Contract, ContractError, check_words
from failure_platform.domain.rows.cell_texts import (
    blank,
    is_finite,
    is_usual_number,
    is_usual_whole_number,
    matches_whole,
    number,
    start,
    stripped,
    whole_number,
)
from failure_platform.domain.rows.date_texts import is_usual_moment, moment, undecided
from failure_platform.domain.rows.dates import AS_WRITTEN, DateReading

_IBIS_TYPES = {"text": "string", "integer": "int32", "number": "float64", "timestamp": "timestamp"}
_FAULTS = {"integer": "not a whole number", "number": "not a number", "timestamp": "not a date and time"}
_CARRIED = {"row": "int64", "latest": "timestamp"}
_LONGEST_SHOWN = 60
_WHOLE_WITH_POINT = r"^(-?[0-9]+)\.0+$"


@dataclass(frozen=True)
class Step:
    """One step of validation: an expression whose result the next step knows as `name`."""

    name: str
    expression: ibis.Table


def steps(contract: Contract, source: str, reading: DateReading = AS_WRITTEN) -> tuple[Step, ...]:
    """Return the steps that validate the rows of the table `source`.

    Args:
        contract: what the rows must be.
        source: name of a table with every column of the contract as text, `row`, a BIGINT, and `latest`, the time
            that no row can be newer than, or NULL.
        reading: how the upload's dates are read.

    Returns:
        the steps in order; the last, `validated`, has `row`, the typed columns in the contract's order, and `reasons`.
    """
    made: list[Step] = []
    table = ibis.table({**_CARRIED, **dict.fromkeys(contract.names, "string")}, name=source)
    for name, step in _STEPS.items():
        made.append(Step(name, step(contract, reading, table)))
        table = ibis.table(made[-1].expression.schema(), name=name)
    return tuple(made)


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


def _texts(contract: Contract, _: DateReading, rows: ibis.Table) -> ibis.Table:
    tidy = {column.name: _tidy(column, rows[column.name]) for column in contract.columns if column.type == "text"}
    return rows.mutate(**tidy)


def _plain(contract: Contract, _: DateReading, texts: ibis.Table) -> ibis.Table:
    to_cast = [column for column in contract.columns if column.type != "text"]
    return texts.mutate(**{f"plain {c.name}": texts[c.name].try_cast(_IBIS_TYPES[c.type]) for c in to_cast})


def _sifted(contract: Contract, reading: DateReading, plain: ibis.Table) -> ibis.Table:
    odd = {}
    for column in contract.columns:
        if column.type != "text":
            text, value = plain[column.name], plain[f"plain {column.name}"]
            usual: Any = _USUAL[column.type](text, value)
            if column.type == "timestamp" and reading.iso_swapped:
                usual = ibis.literal(False)
            odd[f"odd {column.name}"] = ibis.cases((usual, ibis.null("string")), else_=stripped(text))
    return plain.mutate(**odd)


def _typed(contract: Contract, reading: DateReading, sifted: ibis.Table) -> ibis.Table:
    values = {column.name: _value(column, reading, sifted) for column in contract.columns}
    texts = {f"text {name}": sifted[name] for name in contract.names}
    odd = {f"odd {column.name}": _odd(column, sifted) for column in contract.columns if column.type != "text"}
    return sifted.select(*_CARRIED, **values, **texts, **odd)


def _looked(contract: Contract, reading: DateReading, typed: ibis.Table) -> ibis.Table:
    faults = _faults(contract, reading, typed)
    return typed.mutate(**{str(place): wrong for place, (wrong, _) in enumerate(faults)})


def _validated(contract: Contract, reading: DateReading, looked: ibis.Table) -> ibis.Table:
    said = [(looked[str(place)], words) for place, (_, words) in enumerate(_faults(contract, reading, looked))]
    anything = functools.reduce(operator.or_, [wrong for wrong, _ in said])
    listed = ibis.array([ibis.cases(one) for one in said]).filter(lambda one: one.notnull())
    # Most rows are good: the list is put together only where something is wrong.
    none: Any = ibis.literal([], type="array<string>")
    values = {column.name: _with_default(column, looked) for column in contract.columns}
    return looked.select("row", **values, reasons=ibis.cases((anything, listed), else_=none))


_USUAL: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"integer": is_usual_whole_number, "number": is_usual_number, "timestamp": is_usual_moment}
)
_STEPS: Mapping[str, Callable[[Contract, DateReading, ibis.Table], ibis.Table]] = MappingProxyType(
    {"texts": _texts, "plain": _plain, "sifted": _sifted, "typed": _typed, "looked": _looked, "validated": _validated}
)


def _faults(contract: Contract, reading: DateReading, typed: ibis.Table) -> list[tuple[Any, Any]]:
    """Return (what is wrong, in which words) for everything that can be; the conditions are never NULL."""
    return [fault for column in contract.columns for fault in _column_faults(contract, column, reading, typed)]


def _column_faults(
    contract: Contract, column: Column, reading: DateReading, typed: ibis.Table
) -> list[tuple[Any, Any]]:
    value = typed[column.name]
    text = start(stripped(typed[f"text {column.name}"]), _LONGEST_SHOWN)
    shown: Any = ibis.literal("") if column.personal else ": '" + text + "'"
    is_blank = ibis.cases((value.isnull(), blank(_odd(column, typed))), else_=False)
    faults: list[tuple[Any, Any]] = []
    if column.type != "text":
        untyped = value.isnull() & ~is_blank
        if column.type == "number":
            untyped = untyped | (value.notnull() & ~is_finite(value))
        faults.append((untyped, _untyped_words(column, reading, typed) + shown))
    if not column.nullable and column.default is None:
        faults.append((is_blank, ibis.literal(f"{column.name}: missing")))
    for check in contract.model.to_schema().columns[column.name].checks:
        passes = _compiled(check, value)
        faults.append((value.notnull() & ~passes, f"{column.name}: {_negated(check)}" + shown))
    if column.type == "timestamp":
        newer = value.notnull() & typed["latest"].notnull() & (value > typed["latest"])
        faults.append((newer, f"{column.name}: in the future when it was received" + shown))
    return faults


def _untyped_words(column: Column, reading: DateReading, typed: ibis.Table) -> Any:
    words = f"{column.name}: {_FAULTS[column.type]}"
    if column.type != "timestamp" or reading.slashed != "each_row":
        return ibis.literal(words)
    told = f"{column.name}: day and month cannot be told apart"
    return ibis.cases((undecided(_odd(column, typed), typed["KNR"]), told), else_=words)


def _odd(column: Column, rows: ibis.Table) -> Any:
    """Return the stripped text of a cell that a plain cast does not read, NULL for the others."""
    return rows[f"text {column.name}" if column.type == "text" else f"odd {column.name}"]


def _with_default(column: Column, typed: ibis.Table) -> Any:
    value = typed[column.name]
    if column.default is None:
        return value
    default: Any = ibis.literal(column.default, _IBIS_TYPES[column.type])
    return ibis.cases((value.isnull() & blank(_odd(column, typed)), default), else_=value)


def _negated(check: Any) -> str:
    words = check_words(check.name, check.statistics)
    return words.replace("matches", "does not match", 1) if check.name == "str_matches" else f"not {words}"


def _compiled(check: Any, value: Any) -> Any:
    compiler = _CHECKS.get(check.name)
    if compiler is None or not check.ignore_na or check.groupby is not None:
        raise ContractError(
            f"The check '{check.name}' cannot be compiled. Use one of {', '.join(_CHECKS)} as it stands, "
            f"or add it to _CHECKS in domain/rows/validation.py."
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
    return matches_whole(value, f"(?:{body})" + (r"\n?" if pattern.endswith("$") else r"(?s:.*)"))


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


def _tidy(column: Column, text: Any) -> Any:
    # Some exports write the degree sign as its code.
    text = stripped(text).replace("\\u00B0", "°").replace("\\u00b0", "°")
    if column.fold:
        text = text.upper()
    return text.re_replace(_WHOLE_WITH_POINT, r"\1") if column.whole else text


def _value(column: Column, reading: DateReading, sifted: ibis.Table) -> Any:
    text = sifted[column.name]
    if column.type == "text":
        return ibis.cases((blank(text), ibis.null("string")), else_=text)
    odd, plain = _odd(column, sifted), sifted[f"plain {column.name}"]
    match column.type:
        case "integer":
            return ibis.cases((odd.isnull(), plain), else_=whole_number(odd))
        case "number":
            return ibis.cases((odd.isnull(), plain), else_=number(odd))
        case "timestamp":
            value = ibis.cases((odd.isnull(), plain), else_=moment(odd, sifted["KNR"], reading))
            return value.truncate("h") if reading.to_the_hour else value


# A contract that cannot be applied must fail when the platform starts, not when the first file arrives.
for _contract in CONTRACTS.values():
    steps(_contract, "rows")
