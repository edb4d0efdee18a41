"""Compiles a contract into Ibis expressions that turn rows of text into typed rows, each with the list of its faults.

Validation is a chain of steps, each an expression on the named result of the previous one, because an engine that gets
them as a single expression evaluates the shared parts many times:

    rows      -> `texts`:     text columns in normal form and case folded; the others as they are
    texts     -> `casts`:     `cast <column>`: a plain cast of the others, NULL where it fails
    casts     -> `irregular`: `irregular <column>`: the normal form of cells that a plain cast fails on or misreads
    irregular -> `typed`:     `<column>` typed, NULL where the text has no such value; `text <column>` as it was
    typed     -> `checked`:   `<n>`: whether the row has the n-th of the possible faults
    checked   -> `validated`: typed columns and `reasons`, an array of text, empty for a good row

Every row of a plant's history is validated, and nearly every cell is written as its value prints. So cells are cast,
and only the irregular ones are normalised and matched with regular expressions.
"""

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import ibis

from failure_platform.domain.contracts import CONTRACTS, Column, Contract, ContractError, check_words
from failure_platform.domain.rows.cell_texts import blank, full_match, is_error, is_misread, left, normal_form
from failure_platform.domain.rows.date_texts import is_ambiguous, is_canonical_timestamp, timestamp
from failure_platform.domain.rows.dates import AS_WRITTEN, DateReading
from failure_platform.domain.rows.layouts import FAULT
from failure_platform.domain.rows.number_texts import (
    integer,
    is_canonical_integer,
    is_canonical_number,
    is_finite,
    is_undecided_number,
    number,
)
from failure_platform.domain.rows.numbers import DECIMAL, NumberReading

_IBIS_TYPES = {"text": "string", "integer": "int32", "number": "float64", "timestamp": "timestamp"}
_FAULTS = {"integer": "not a whole number", "number": "not a number", "timestamp": "not a date and time"}
_PASSED_THROUGH = {"row": "int64", "latest": "timestamp", FAULT: "string"}
_MAX_SHOWN = 60
_WHOLE_NUMBER = r"^(-?[0-9]+)[.,]0+$"


@dataclass(frozen=True)
class Reading:
    """How the texts of an upload are read, from the evidence of its complete columns."""

    dates: DateReading = AS_WRITTEN
    numbers: NumberReading = DECIMAL


PLAIN = Reading()


@dataclass(frozen=True)
class Step:
    """One step of validation: an expression whose result the next step reads as the table `name`."""

    name: str
    expression: ibis.Table


def steps(contract: Contract, source: str, reading: Reading = PLAIN) -> tuple[Step, ...]:
    """Return the steps that validate the rows of the table `source`.

    Args:
        contract: the columns and checks.
        source: name of a table with every column of the contract as text, `row` (BIGINT), `latest`: rows with a newer
            time are bad, NULL for no limit; and `FAULT`: why a row is bad by its reading, NULL for most.
        reading: how the upload's dates and numbers are read.

    Returns:
        the steps in order; the last, `validated`, has `row`, the typed columns in the contract's order, and `reasons`.
    """
    made: list[Step] = []
    table = ibis.table({**_PASSED_THROUGH, **dict.fromkeys(contract.names, "string")}, name=source)
    for name, step in _STEPS.items():
        made.append(Step(name, step(contract, reading, table)))
        table = ibis.table(made[-1].expression.schema(), name=name)
    return tuple(made)


def breaking_rows(contract: Contract, table: str) -> ibis.Table:
    """Return the rows of a lake table that violate the contract, to check the stored rows a second time."""
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


def _texts(contract: Contract, _: Reading, rows: ibis.Table) -> ibis.Table:
    tidy = {column.name: _tidy(column, rows[column.name]) for column in contract.columns if column.type == "text"}
    return rows.mutate(**tidy)


def _casts(contract: Contract, _: Reading, texts: ibis.Table) -> ibis.Table:
    to_cast = [column for column in contract.columns if column.type != "text"]
    return texts.mutate(**{f"cast {c.name}": texts[c.name].try_cast(_IBIS_TYPES[c.type]) for c in to_cast})


def _irregular(contract: Contract, reading: Reading, casts: ibis.Table) -> ibis.Table:
    irregular = {}
    for column in contract.columns:
        if column.type != "text":
            text, value = casts[column.name], casts[f"cast {column.name}"]
            canonical: Any = _CANONICAL[column.type](text, value)
            if column.type == "timestamp" and reading.dates.iso_swapped:
                canonical = ibis.literal(False)
            if column.type == "number" and reading.numbers.point != "decimal":
                canonical = canonical & ~text.contains(".")
            irregular[f"irregular {column.name}"] = ibis.cases(
                (canonical, ibis.null("string")), else_=normal_form(text)
            )
    return casts.mutate(**irregular)


def _typed(contract: Contract, reading: Reading, irregular: ibis.Table) -> ibis.Table:
    values = {column.name: _value(column, reading, irregular) for column in contract.columns}
    texts = {f"text {name}": irregular[name] for name in contract.names}
    to_parse = {
        f"irregular {column.name}": _irregular_text(column, irregular)
        for column in contract.columns
        if column.type != "text"
    }
    return irregular.select(*_PASSED_THROUGH, **values, **texts, **to_parse)


def _checked(contract: Contract, reading: Reading, typed: ibis.Table) -> ibis.Table:
    faults = _faults(contract, reading, typed)
    return typed.mutate(**{str(number): condition for number, (condition, _) in enumerate(faults)})


def _validated(contract: Contract, reading: Reading, checked: ibis.Table) -> ibis.Table:
    faults = [(checked[str(place)], reason) for place, (_, reason) in enumerate(_faults(contract, reading, checked))]
    is_bad = functools.reduce(operator.or_, [condition for condition, _ in faults])
    reasons = ibis.array([ibis.cases(fault) for fault in faults]).filter(lambda reason: reason.notnull())
    # Most rows are good: the array is built for bad rows only.
    none: Any = ibis.literal([], type="array<string>")
    values = {column.name: _with_default(column, checked) for column in contract.columns}
    return checked.select("row", **values, reasons=ibis.cases((is_bad, reasons), else_=none))


_CANONICAL: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"integer": is_canonical_integer, "number": is_canonical_number, "timestamp": is_canonical_timestamp}
)
_STEPS: Mapping[str, Callable[[Contract, Reading, ibis.Table], ibis.Table]] = MappingProxyType(
    {
        "texts": _texts,
        "casts": _casts,
        "irregular": _irregular,
        "typed": _typed,
        "checked": _checked,
        "validated": _validated,
    }
)


def _faults(contract: Contract, reading: Reading, typed: ibis.Table) -> list[tuple[Any, Any]]:
    """Return (condition, reason) of every fault that a row can have; the conditions are never NULL."""
    from_reading = (typed[FAULT].notnull(), typed[FAULT])
    of_columns = [fault for column in contract.columns for fault in _column_faults(contract, column, reading, typed)]
    return [from_reading, *of_columns]


def _column_faults(contract: Contract, column: Column, reading: Reading, typed: ibis.Table) -> list[tuple[Any, Any]]:
    value = typed[column.name]
    text = left(_irregular_text(column, typed).fill_null(typed[f"text {column.name}"]), _MAX_SHOWN)
    shown: Any = ibis.literal("") if column.personal else ": '" + text + "'"
    is_blank = ibis.cases((value.isnull(), blank(_irregular_text(column, typed))), else_=False)
    faults: list[tuple[Any, Any]] = []
    if column.type != "text":
        untyped = value.isnull() & ~is_blank
        if column.type == "number":
            untyped = untyped | (value.notnull() & ~is_finite(value))
        faults.append((untyped, _untyped_reason(column, reading, typed) + shown))
    elif not column.personal:
        written = typed[f"text {column.name}"]
        faults.append((is_error(written), f"{column.name}: the error of a spreadsheet" + shown))
        faults.append((is_misread(written), f"{column.name}: written in another encoding than it was read in" + shown))
    if not column.nullable and column.default is None:
        faults.append((is_blank, ibis.literal(f"{column.name}: missing")))
    for check in contract.model.to_schema().columns[column.name].checks:
        passes = _compiled(check, value)
        faults.append((value.notnull() & ~passes, f"{column.name}: {_negated(check)}" + shown))
    if column.type == "timestamp":
        newer = value.notnull() & typed["latest"].notnull() & (value > typed["latest"])
        faults.append((newer, f"{column.name}: in the future when it was received" + shown))
    return faults


def _untyped_reason(column: Column, reading: Reading, typed: ibis.Table) -> Any:
    reason = f"{column.name}: {_FAULTS[column.type]}"
    if column.type == "number" and "undecided" in (reading.numbers.point, reading.numbers.comma):
        undecided = is_undecided_number(_irregular_text(column, typed), reading.numbers)
        return ibis.cases((undecided, f"{column.name}: cannot be told whether decimals or thousands"), else_=reason)
    if column.type != "timestamp" or reading.dates.slashed != "each_row":
        return ibis.literal(reason)
    ambiguous = f"{column.name}: day and month cannot be told apart"
    return ibis.cases((is_ambiguous(_irregular_text(column, typed), typed["KNR"]), ambiguous), else_=reason)


def _irregular_text(column: Column, rows: ibis.Table) -> Any:
    """Return the normal form of a cell that a plain cast fails on, NULL for the others; of text columns the text."""
    return rows[f"text {column.name}" if column.type == "text" else f"irregular {column.name}"]


def _with_default(column: Column, typed: ibis.Table) -> Any:
    value = typed[column.name]
    if column.default is None:
        return value
    default: Any = ibis.literal(column.default, _IBIS_TYPES[column.type])
    return ibis.cases((value.isnull() & blank(_irregular_text(column, typed)), default), else_=value)


def _negated(check: Any) -> str:
    words = check_words(check.name, check.statistics)
    return words.replace("matches", "does not match", 1) if check.name == "str_matches" else f"not {words}"


def _compiled(check: Any, value: Any) -> Any:
    compiler = _CHECKS.get(check.name)
    if compiler is None or not check.ignore_na or check.groupby is not None:
        raise ContractError(
            f"The check '{check.name}' cannot be compiled. Use one of {', '.join(_CHECKS)} unchanged, "
            f"or add it to _CHECKS in domain/rows/validation.py."
        )
    return compiler(value, check.statistics)


def _matches(value: Any, statistics: Mapping[str, Any]) -> Any:
    """Match as pandera does, anchored at the start only; and as Python does, where `$` also matches before a final
    line end.

    Raises:
        ContractError: Python and DuckDB interpret the pattern differently.
    """
    pattern = str(statistics["pattern"])
    body = pattern.removeprefix("^").removesuffix("$")
    if any(sign in body for sign in ("\\d", "\\w", "\\s", "\\b", "\\D", "\\W", "\\S", "\\B", "(?", "$", "^", "\\1")):
        # A caret inside brackets negates a set and means the same in both, but no contract needs one so far.
        raise ContractError(
            f"The pattern {pattern} cannot be compiled: spell out sets such as [0-9], and use no look-around, "
            f"back-reference or inner anchor; they differ between Python and the database."
        )
    return full_match(value, f"(?:{body})" + (r"\n?" if pattern.endswith("$") else r"(?s:.*)"))


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
    text = normal_form(text).replace("\\u00B0", "°").replace("\\u00b0", "°")
    if column.fold:
        text = text.upper()
    return text.re_replace(_WHOLE_NUMBER, r"\1") if column.strip_point_zero else text


def _value(column: Column, reading: Reading, rows: ibis.Table) -> Any:
    text = rows[column.name]
    if column.type == "text":
        return ibis.cases((blank(text), ibis.null("string")), else_=text)
    irregular, cast = rows[f"irregular {column.name}"], rows[f"cast {column.name}"]
    match column.type:
        case "integer":
            return ibis.cases((irregular.isnull(), cast), else_=integer(irregular))
        case "number":
            return ibis.cases((irregular.isnull(), cast), else_=number(irregular, reading.numbers))
        case "timestamp":
            # The same event is exported with and without parts of a second; a plain cast has none.
            parsed = timestamp(irregular, rows["KNR"], reading.dates).truncate("s")
            value = ibis.cases((irregular.isnull(), cast), else_=parsed)
            return value.truncate("h") if reading.dates.to_the_hour else value


# A contract that cannot be applied must fail when the platform starts, not when the first file arrives.
# Every check is compiled here, not every step: each process pays for it at its start.
for _contract in CONTRACTS.values():
    breaking_rows(_contract, _contract.kind)
