"""Keeps the vehicles table of a target up to date at the cost of the vehicles that new uploads touch.

An update is verified against the lake: the prediction points of all vehicles are computed again, which is cheap, and if
one differs of a vehicle that no upload touched, all vehicles are described again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TypedDict

import duckdb
import pandas as pd

from failure_platform.domain.features.names import explain, full_families
from failure_platform.domain.features.sequences import LENGTH
from failure_platform.domain.features.touched import Basis, Changes, changes
from failure_platform.domain.features.wide import FACT_COLUMNS, assemble, feature_columns
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.lake.target_tables import put_frame, table_exists, table_frame, vehicles_table
from failure_platform.resources.storage import sql_text
from failure_platform.resources.vehicles.feature_blocks import FeatureQueries
from failure_platform.settings import Settings

DICTIONARY, BASIS = "feature_dictionary", "basis_of_vehicles"
_OUTCOME = ("label", "label_reason", "failure_group")


@dataclass(frozen=True)
class VehiclesUpdate:
    """The current vehicles table, and the work of the update.

    Attributes:
        frame: the wide frame.
        described: number of vehicles that were described for it.
        uploads: number of uploads that were merged since the previous table.
        rebuild_reason: why all vehicles were described; None where those that the uploads touch were enough.
        without_prediction_point: vehicles that never reached it; `reached_later` of them passed a later checkpoint.
        thin: vehicles that did not fail as far as uploads with too few rows to tell show it.
    """

    frame: pd.DataFrame
    described: int
    uploads: int
    rebuild_reason: str | None
    without_prediction_point: int
    reached_later: int
    thin: int


class DescriptionOptions(TypedDict):
    """Arguments that `update_vehicles` and `pending_changes` share."""

    declared_periods: dict[str, tuple[date, date]]
    sequence_length: int
    code_version: str


def description_options(settings: Settings, code_version: str) -> DescriptionOptions:
    """Return what besides lake and target decides how vehicles are described."""
    return {
        "declared_periods": settings.declared_days,
        # Results one by one make the table a quarter wider, and only one family reads them.
        "sequence_length": LENGTH if "sequence" in (settings.training.families or ()) else 0,
        "code_version": code_version,
    }


def update_vehicles(
    lake: Lake,
    target: Target,
    declared_periods: Mapping[str, tuple[date, date]],
    sequence_length: int,
    code_version: str,
    *,
    rebuild_reason: str | None = None,
) -> VehiclesUpdate:
    """Describe the vehicles that uploads touched since the table was built, and replace the table.

    Args:
        lake: the lake.
        target: what is predicted.
        declared_periods: first and last day that a falhas file covers, by file name.
        sequence_length: number of a vehicle's newest results that become `sequence` features; 0 for none.
        code_version: version of the rules in the code; if it changed, all vehicles are described again.
        rebuild_reason: a reason to describe all vehicles in any case.
    """
    with lake.read() as connection:
        queries = FeatureQueries(connection, target, tuple(sorted(declared_periods.items())), sequence_length)
        now = _current_basis(connection, queries, target, declared_periods, sequence_length, code_version)
        before = _stored_basis(connection, target)
        changed = Changes(rebuild_reason=rebuild_reason) if rebuild_reason else changes(before, now)
        update = _update(connection, queries, target, changed)
    if update.rebuild_reason is not None or update.uploads:
        with lake.write() as connection:
            put_frame(connection, vehicles_table(target.name), update.frame)
            _store_basis(connection, target, now)
            _store_dictionary(connection, target, feature_columns(update.frame))
    return update


def pending_changes(
    lake: Lake,
    target: Target,
    declared_periods: Mapping[str, tuple[date, date]],
    sequence_length: int,
    code_version: str,
) -> Changes:
    """Return what `update_vehicles` with these arguments would describe again, without describing it."""
    with lake.read() as connection:
        queries = FeatureQueries(connection, target, tuple(sorted(declared_periods.items())), sequence_length)
        now = _current_basis(connection, queries, target, declared_periods, sequence_length, code_version)
        return changes(_stored_basis(connection, target), now)


def _update(
    con: duckdb.DuckDBPyConnection, queries: FeatureQueries, target: Target, changed: Changes
) -> VehiclesUpdate:
    outcomes = queries.labels().set_index("KNR")
    frame, described, reason = None, 0, changed.rebuild_reason
    if reason is None:
        old = table_frame(con, vehicles_table(target.name))
        frame, described, reason = _updated(old, queries, changed, outcomes)
    if frame is None:
        frames = list(queries.all_vehicles(list(outcomes.index)))
        frame, described = assemble(frames or [pd.DataFrame(columns=list(FACT_COLUMNS))]), len(outcomes)
    without, thin = queries.without_prediction_point(), int(outcomes["thin"].sum())
    return VehiclesUpdate(frame, described, len(changed.uploads), reason, *without, thin)


def _updated(
    old: pd.DataFrame | None, queries: FeatureQueries, changed: Changes, outcomes: pd.DataFrame
) -> tuple[pd.DataFrame | None, int, str | None]:
    """Return the table with the touched vehicles described again and their number, or why all must be described."""
    if old is None:
        return None, 0, "its table is gone"
    if not changed.uploads:
        return old, 0, None
    touched = queries.touched(changed)
    selected = [knr for knr in outcomes.index if knr in touched]
    frame = assemble([old[~old["KNR"].isin(touched)], *queries.some_vehicles(selected)])
    if full := full_families(feature_columns(old)) or full_families(feature_columns(frame)):
        return None, 0, f"there are more features than columns for: {', '.join(full)}"
    of_frame = outcomes.reindex(frame["KNR"])
    wrong = int((of_frame["predicted_at"].to_numpy() != frame["predicted_at"].to_numpy()).sum())
    if wrong or len(frame) != len(outcomes):
        wrong = max(wrong, abs(len(frame) - len(outcomes)))
        return None, 0, f"table and lake disagree about {wrong} vehicles that no upload touched"
    # The coverage of falhas uploads determines labels of vehicles that no upload contains.
    for column in _OUTCOME:
        frame[column] = of_frame[column].astype(frame[column].dtype).array
    return frame, len(selected), None


def _current_basis(
    con: duckdb.DuckDBPyConnection,
    queries: FeatureQueries,
    target: Target,
    declared_periods: Mapping[str, tuple[date, date]],
    sequence_length: int,
    code_version: str,
) -> Basis:
    merged = con.execute(
        "SELECT upload, merged_at::VARCHAR FROM uploads WHERE state = 'merged' AND list_contains(?, kind)",
        [list(READ_KINDS)],
    ).fetchall()
    return Basis(
        dict(merged),
        {
            "target": repr(target),
            "declared periods": repr(sorted(declared_periods.items())),
            "sequence length": str(sequence_length),
            "rules": f"{code_version} {queries.sql.fingerprint}",
            "version of DuckDB": duckdb.__version__,
        },
        queries.days_of_known_defects(),
    )


def _stored_basis(con: duckdb.DuckDBPyConnection, target: Target) -> Basis | None:
    if not table_exists(con, BASIS):
        return None
    rows = con.execute(f"SELECT what, name, value FROM {BASIS} WHERE target = ?", [target.name]).fetchall()
    if not rows:
        return None
    uploads, rules = ({name: value for what, name, value in rows if what == part} for part in ("upload", "rule"))
    return Basis(uploads, rules, frozenset(date.fromisoformat(name) for what, name, _ in rows if what == "day"))


def _store_basis(con: duckdb.DuckDBPyConnection, target: Target, basis: Basis) -> None:
    facts = [("upload", *item) for item in basis.uploads.items()] + [("rule", *item) for item in basis.rules.items()]
    facts += [("day", day.isoformat(), "") for day in sorted(basis.days)]
    _replace_rows(con, BASIS, target, pd.DataFrame(facts, columns=["what", "name", "value"]))


def _store_dictionary(con: duckdb.DuckDBPyConnection, target: Target, names: Sequence[str]) -> None:
    meanings = pd.DataFrame([asdict(explain(name)) for name in names])
    columns = ["name", "description", "source", "time_rule"]
    _replace_rows(con, DICTIONARY, target, meanings.reindex(columns=columns).rename(columns={"name": "feature"}))


def _replace_rows(con: duckdb.DuckDBPyConnection, table: str, target: Target, frame: pd.DataFrame) -> None:
    """Replace a target's rows, in a table that all targets share, by a frame of texts."""
    columns = ", ".join(f"{sql_text.name(str(column))} VARCHAR" for column in frame.columns)
    con.execute(f"CREATE TABLE IF NOT EXISTS {sql_text.name(table)} (target VARCHAR, {columns})")
    con.execute(f"DELETE FROM {sql_text.name(table)} WHERE target = ?", [target.name])
    con.register("incoming_rows", frame.astype("str"))
    con.execute(f"INSERT INTO {sql_text.name(table)} SELECT ?, * FROM incoming_rows", [target.name])
    con.unregister("incoming_rows")
