"""The contract of each upload kind, defined once: names, types, domains and meaning of its columns.

A new kind is one pandera model and one line in `CONTRACTS`; parsing, validation, tables, checks and documentation
follow from it. Columns and domains are those of the plant's exports. Domains are strict where a wrong value is an error
(who, what, when, verdict) and loose where the plant's own lists keep growing (units, stations, colours, failure
groups).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd
import pandera.pandas as pa
from pandera import dtypes

from failure_platform.domain.markdown import markdown_table

ColumnType = Literal["text", "integer", "number", "timestamp"]

_KNR = "Vehicle: year, ISO week, weekday and sequence, written YYYY-WWDSSSS."
_KNR_PATTERN = r"^[0-9]{4}-[0-9]{7}$"
# Systems write 1900 or the year 1 for an unknown time; no vehicle in the exports is that old.
_EARLIEST = pd.Timestamp("2000-01-01")


class Resultados(pa.DataFrameModel):
    """One row per vehicle, test and sub-value. Several rows of one tightening share one time."""

    KNR: str = pa.Field(str_matches=_KNR_PATTERN, description=_KNR, metadata={"key": True, "required": True})
    NAME: str = pa.Field(description="Test code; leading zeros matter.", metadata={"key": True, "required": True})
    ID: pd.Int32Dtype = pa.Field(
        ge=0,
        description="Test family: 1 machines, 2 screwdriving, 718 electronics.",
        metadata={"key": True, "required": True},
    )
    STATUS: pd.Int32Dtype = pa.Field(
        isin=[10, 13],
        description="Verdict: 10 OK, 13 NOK. A redone test is NOK, then OK.",
        metadata={"required": True},
    )
    UNIT: str = pa.Field(nullable=True, description="Unit of VALUE, such as Nm, Grad, min, %, °.")
    VALUE_ID: pd.Int32Dtype = pa.Field(
        ge=0,
        description="Sub-result; for screws even is torque, odd is angle. A missing one is 0.",
        metadata={"key": True, "required": True, "default": 0},
    )
    VALUE: float = pa.Field(
        nullable=True,
        description="Measured value, missing for fluid tests. Decimal point, or decimal comma.",
        metadata={"required": True, "unit": "as UNIT says"},
    )
    DATA: pd.Timestamp = pa.Field(
        ge=_EARLIEST,
        description="When it was measured.",
        metadata={"key": True, "required": True, "unit": "plant's local time, to the second"},
    )


class Falhas(pa.DataFrameModel):
    """One row per recorded defect. Vehicles without a defect do not occur."""

    KNR: str = pa.Field(str_matches=_KNR_PATTERN, description=_KNR, metadata={"key": True, "required": True})
    MODELO: str = pa.Field(nullable=True, description="Vehicle model.", metadata={"fold": True})
    COR: str = pa.Field(nullable=True, description="Colour code.", metadata={"fold": True})
    MOTOR: str = pa.Field(nullable=True, description="Engine code.", metadata={"fold": True})
    ESTACAO: str = pa.Field(
        nullable=True,
        description="Station that recorded the defect.",
        metadata={"key": True, "required": True, "fold": True},
    )
    USUARIO: str = pa.Field(
        nullable=True, description="Who recorded it, as a keyed hash; never in clear.", metadata={"personal": True}
    )
    HALLE: str = pa.Field(
        nullable=True,
        description="Hall or checkpoint of the defect; ROD is the road test.",
        metadata={"key": True, "required": True, "fold": True},
    )
    FALHA: str = pa.Field(
        nullable=True, description="Part and defect.", metadata={"key": True, "required": True, "fold": True}
    )
    S_GROUP_ID: str = pa.Field(
        nullable=True,
        description="Failure group; only in newer exports. A number as text, or #MULTIVALUE.",
        metadata={"fold": True, "strip_point_zero": True},
    )
    DATA: pd.Timestamp = pa.Field(
        ge=_EARLIEST,
        description="When it was recorded.",
        metadata={"key": True, "required": True, "unit": "plant's local time, to the second"},
    )


class Status(pa.DataFrameModel):
    """One row per vehicle and tracking event, about 50 a vehicle."""

    KNR: str = pa.Field(str_matches=_KNR_PATTERN, description=_KNR, metadata={"key": True, "required": True})
    STATUS: str = pa.Field(
        str_matches=r"^[A-Z][A-Z0-9]{3}$",
        description="Checkpoint code, a letter and three characters; M700 is ZP7, M710 the road test.",
        metadata={"key": True, "required": True, "fold": True},
    )
    DATA: pd.Timestamp = pa.Field(
        ge=_EARLIEST,
        description="When the vehicle passed.",
        metadata={"key": True, "required": True, "unit": "plant's local time, to the second"},
    )


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Args:
        name: as in the header and the lake.
        type: what its text must become.
        nullable: whether a row without a value is a good row.
        key: whether it is part of the natural key.
        required: whether a file without this column is refused.
        personal: whether it is replaced by a keyed hash before anything is stored.
        fold: whether upper and lower case mean the same (stored as upper case).
        strip_point_zero: whether a text that is a whole number loses a trailing `.0`.
        default: what a missing value means, or None.
        unit: unit of the values, or None.
        description: what it means.
        domain: which values are good, in words.
    """

    name: str
    type: ColumnType
    nullable: bool
    key: bool
    required: bool
    personal: bool
    fold: bool
    strip_point_zero: bool
    default: int | None
    unit: str | None
    description: str
    domain: str


@dataclass(frozen=True)
class Contract:
    """The contract of an upload kind: `columns` in the lake's order, `key` the names of the natural key."""

    kind: str
    model: type[pa.DataFrameModel]
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in the lake's order."""
        return tuple(column.name for column in self.columns)


class ContractError(Exception):
    """A contract declares something that the platform cannot apply."""


def contract_of(kind: str, model: type[pa.DataFrameModel]) -> Contract:
    """Return the contract that a pandera model declares.

    Raises:
        ContractError: a column's type is none of text, integer, number, timestamp, or there is no key column.
    """
    columns = tuple(_column(name, spec) for name, spec in model.to_schema().columns.items())
    key = tuple(column.name for column in columns if column.key)
    if not key:
        raise ContractError(f"Contract '{kind}' has no natural key. Mark its key columns with metadata key=True.")
    return Contract(kind, model, (model.__doc__ or "").strip(), columns, key)


def contract_table(contract: Contract) -> str:
    """Return the contract as a Markdown table, a line per column, for the README."""
    rows = [
        (
            f"{column.name} (key)" if column.key else column.name,
            f"{column.type}, {column.unit}" if column.unit else column.type,
            "yes" if column.required else "no",
            column.domain,
            column.description,
        )
        for column in contract.columns
    ]
    return markdown_table(("column", "type", "needed", "domain", "meaning"), rows)


def check_words(name: str, statistics: Mapping[str, Any]) -> str:
    """Return a pandera check in words, which quarantine reasons and the contract's table share.

    Raises:
        ContractError: the check is not one that the platform applies.
    """
    match name:
        case "str_matches":
            return f"matches {statistics['pattern']}"
        case "isin":
            return "one of " + ", ".join(str(value) for value in statistics["allowed_values"])
        case "greater_than_or_equal_to":
            return f"at least {statistics['min_value']}"
        case "greater_than":
            return f"more than {statistics['min_value']}"
        case "less_than_or_equal_to":
            return f"at most {statistics['max_value']}"
        case "less_than":
            return f"less than {statistics['max_value']}"
    raise ContractError(
        f"The check '{name}' cannot be applied at volume. Use str_matches, isin, ge, gt, le or lt, "
        f"or add it to _CHECKS in domain/rows/validation.py."
    )


def _column(name: str, spec: Any) -> Column:
    notes = spec.metadata or {}
    words = [check_words(check.name, check.statistics) for check in spec.checks]
    if not spec.nullable and notes.get("default") is None:
        words.append("not empty")
    return Column(
        name=name,
        type=_type(name, spec.dtype),
        nullable=spec.nullable,
        key=bool(notes.get("key")),
        required=bool(notes.get("required")),
        personal=bool(notes.get("personal")),
        fold=bool(notes.get("fold")),
        strip_point_zero=bool(notes.get("strip_point_zero")),
        default=notes.get("default"),
        unit=notes.get("unit"),
        description=spec.description or "",
        domain="; ".join(words) or "any",
    )


def _type(name: str, dtype: Any) -> ColumnType:
    if dtypes.is_string(dtype):
        return "text"
    if dtypes.is_int(dtype):
        return "integer"
    if dtypes.is_float(dtype):
        return "number"
    if dtypes.is_datetime(dtype):
        return "timestamp"
    raise ContractError(f"Column {name} is declared as {dtype}. Use str, pd.Int32Dtype, float or pd.Timestamp.")


CONTRACTS: Mapping[str, Contract] = MappingProxyType(
    {
        kind: contract_of(kind, model)
        for kind, model in {"resultados": Resultados, "falhas": Falhas, "status": Status}.items()
    }
)
