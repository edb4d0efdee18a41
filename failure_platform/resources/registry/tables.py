"""The registry's tables in the lake, and how their rows become values.

Rows are only ever added; the one exception is the file hashes of a version that had to be written again.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from failure_platform.domain.comparison.result import Comparison, ComparisonRecord
from failure_platform.domain.deciding.log import Choice, DecisionLine
from failure_platform.domain.deciding.policy import Policy
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.training.blocked import Blocked

_TABLES = {
    "model_versions": """
        version VARCHAR, target VARCHAR, family VARCHAR, created_at TIMESTAMP, data_version VARCHAR,
        trained_from TIMESTAMP, trained_until TIMESTAMP, vehicles BIGINT, failures BIGINT, threshold DOUBLE,
        base_rate DOUBLE, code_version VARCHAR, seed BIGINT, features JSON, recipe JSON, metrics JSON, facts JSON,
        libraries JSON, files JSON""",
    "trained_again": "version VARCHAR, target VARCHAR, trained_at TIMESTAMP",
    "training_blocks": """
        target VARCHAR, blocked_at TIMESTAMP, check_name VARCHAR, reason VARCHAR, features JSON, what_to_do VARCHAR""",
    "comparisons": """
        id VARCHAR, target VARCHAR, candidate VARCHAR, production VARCHAR, holdout VARCHAR, compared_at TIMESTAMP,
        vehicles BIGINT, failures BIGINT, outcome VARCHAR, reason VARCHAR, alpha DOUBLE, uses BIGINT, body JSON""",
    "decisions": """
        target VARCHAR, seq BIGINT, decided_at TIMESTAMP, decision VARCHAR, version VARCHAR, previous_version VARCHAR,
        production_version VARCHAR, who VARCHAR, why VARCHAR, evidence JSON, policy VARCHAR""",
}
_JSON = ("features", "recipe", "metrics", "facts", "libraries", "files", "body", "evidence")


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Create the registry's tables that do not exist yet."""
    for table, columns in _TABLES.items():
        con.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")


def version(con: duckdb.DuckDBPyConnection, version: str) -> ModelVersion | None:
    """Return one version, or None when there is none of that name."""
    return next(iter(_versions(con, "version = ?", version)), None)


def versions(con: duckdb.DuckDBPyConnection, target: str) -> list[ModelVersion]:
    """Return the versions of a target, newest first."""
    return _versions(con, "target = ? ORDER BY created_at DESC, version", target)


def newest(con: duckdb.DuckDBPyConnection, target: str) -> ModelVersion | None:
    """Return the version that the last training of a target gave; it may have been known long before."""
    saved = next(iter(_versions(con, "target = ? ORDER BY created_at DESC, version LIMIT 1", target)), None)
    again = next(
        iter(_rows(con, "trained_again", "target = ? ORDER BY trained_at DESC, version LIMIT 1", target)), None
    )
    if saved is None or again is None or again["trained_at"] < saved.created_at:
        return saved
    return version(con, again["version"])


def blocked(con: duckdb.DuckDBPyConnection, target: str) -> Blocked | None:
    """Return why the last training of a target gave no version; None if it gave one, or if there was none."""
    last = next(iter(_rows(con, "training_blocks", "target = ? ORDER BY blocked_at DESC LIMIT 1", target)), None)
    if last is None:
        return None
    times = [
        row[column]
        for table, column in (("model_versions", "created_at"), ("trained_again", "trained_at"))
        for row in _rows(con, table, f"target = ? AND {column} IS NOT NULL", target, columns=column)
    ]
    if any(time > last["blocked_at"] for time in times):
        return None
    return Blocked(last["check_name"], last["reason"], tuple(last["features"]), last["what_to_do"])


def targets(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return every version and the target it is of, oldest first."""
    rows = _rows(con, "model_versions", "TRUE ORDER BY created_at, version", columns="version, target")
    return {row["version"]: row["target"] for row in rows}


def comparisons(con: duckdb.DuckDBPyConnection, target: str) -> list[ComparisonRecord]:
    """Return a target's comparisons, oldest first."""
    columns = "target, candidate, production, compared_at, body"
    rows = _rows(con, "comparisons", "target = ? ORDER BY compared_at, id", target, columns=columns)
    return [
        ComparisonRecord(
            row["target"],
            row["candidate"],
            row["production"],
            row["compared_at"],
            Comparison.from_dict(row["body"]),
        )
        for row in rows
    ]


def decisions(con: duckdb.DuckDBPyConnection, target: str) -> list[DecisionLine]:
    """Return a target's decision log, oldest line first."""
    return [
        DecisionLine(**{**row, "decision": Choice(row["decision"]), "policy": Policy(row["policy"])})
        for row in _rows(con, "decisions", "target = ? ORDER BY seq", target)
    ]


def add_version(con: duckdb.DuckDBPyConnection, row: ModelVersion) -> None:
    """Add a version, or give the one that is there the hashes of its new files."""
    changed = con.execute(
        "UPDATE model_versions SET files = ? WHERE version = ?", [json.dumps(dict(row.files)), row.version]
    ).fetchone()
    if changed == (0,):
        _add(con, "model_versions", vars(row))


def add_training(con: duckdb.DuckDBPyConnection, version: str, target: str, trained_at: datetime) -> None:
    """Note that a training gave a version that was there already."""
    _add(con, "trained_again", {"version": version, "target": target, "trained_at": trained_at})


def add_block(con: duckdb.DuckDBPyConnection, target: str, blocked: Blocked, blocked_at: datetime) -> None:
    """Note that a training gave no version."""
    row = {"target": target, "blocked_at": blocked_at, **blocked.as_dict()}
    row["check_name"] = row.pop("check")
    _add(con, "training_blocks", row)


def add_comparison(con: duckdb.DuckDBPyConnection, record: ComparisonRecord) -> None:
    """Add a comparison; the columns but `body` are for people and SQL, who then need not read JSON."""
    compared = record.comparison
    _add(
        con,
        "comparisons",
        {
            "id": record.id,
            "target": record.target,
            "candidate": record.candidate,
            "production": record.production,
            "holdout": compared.holdout_id,
            "compared_at": record.compared_at,
            "vehicles": compared.vehicles,
            "failures": compared.failures,
            "outcome": compared.verdict.outcome,
            "reason": compared.verdict.reason,
            "alpha": compared.alpha,
            "uses": compared.uses,
            "body": compared.as_dict(),
        },
    )


def add_decision(con: duckdb.DuckDBPyConnection, line: DecisionLine) -> None:
    """Add a line to the log."""
    _add(con, "decisions", vars(line))


def _versions(con: duckdb.DuckDBPyConnection, which: str, value: str) -> list[ModelVersion]:
    rows = _rows(con, "model_versions", which, value)
    return [ModelVersion(**{**row, "features": tuple(row["features"])}) for row in rows]


def _rows(
    con: duckdb.DuckDBPyConnection, table: str, which: str, *values: str, columns: str = "*"
) -> list[dict[str, Any]]:
    known = con.execute("SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [table]).fetchone()
    if known == (0,):  # a lake that no model was ever saved to
        return []
    rows = con.execute(f"SELECT {columns} FROM {table} WHERE {which}", values)
    names = [column[0] for column in rows.description]
    return [{name: _value(name, cell) for name, cell in zip(names, row, strict=True)} for row in rows.fetchall()]


def _add(con: duckdb.DuckDBPyConnection, table: str, values: Mapping[str, Any]) -> None:
    marks = ", ".join("?" for _ in values)
    con.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
        [_cell(name, value) for name, value in values.items()],
    )


def _value(name: str, cell: Any) -> Any:
    return json.loads(cell) if name in _JSON and cell is not None else cell


def _cell(name: str, value: Any) -> Any:
    if name not in _JSON or value is None:
        return value
    plain: Any = dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, Sequence) else value
    return json.dumps(plain, allow_nan=False)
