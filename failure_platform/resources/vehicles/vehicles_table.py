"""Keeps the vehicles table of a target up to date at the cost of the vehicles that new uploads touch.

What belongs here: what a table was built from, and replacing table, basis and feature dictionary in one transaction.
What does not: what makes an update enough (domain.vehicles.table_changes) and describing vehicles (describing).

An update is trusted only where the lake agrees: the prediction points of all vehicles are asked for again, which is
cheap, and where one differs that no upload is said to have touched, all vehicles are described anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import duckdb
import pandas as pd

from failure_platform.domain.features.names import explain, full_families
from failure_platform.domain.features.touched import Basis, Changes, changes
from failure_platform.domain.features.wide import FACT_COLUMNS, assemble, feature_columns
from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import READ_KINDS
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.lake.target_tables import put_frame, table_exists, table_frame, vehicles_table
from failure_platform.resources.storage import sql_text
from failure_platform.resources.vehicles.feature_blocks import Describing

DICTIONARY, BASIS = "feature_dictionary", "basis_of_vehicles"
_OUTCOME = ("label", "label_reason", "failure_group")


@dataclass(frozen=True)
class Described:
    """A vehicles table as it is now, and what was done for it.

    Attributes:
        frame: the wide frame.
        anew: how many vehicles were described for it.
        uploads: how many uploads came in since the table before.
        whole: why all vehicles were described; None where those that the uploads touch were enough.
        without: vehicles that never reached the prediction point; `reached_later` of them passed a later checkpoint.
    """

    frame: pd.DataFrame
    anew: int
    uploads: int
    whole: str | None
    without: int
    reached_later: int


def bring_up_to_date(
    lake: Lake,
    target: Target,
    declared_periods: Mapping[str, tuple[date, date]],
    sequence_length: int,
    code_version: str,
    *,
    whole: str | None = None,
) -> Described:
    """Describe the vehicles that uploads touched since the table was built, and put the table in its place.

    Args:
        lake: the lake.
        target: what is predicted.
        declared_periods: by falhas file name, first and last day that it covers.
        sequence_length: how many of a vehicle's newest results become features one by one; 0 for none.
        code_version: how the code calls its rules; under another one all vehicles are described anew.
        whole: a reason to describe all vehicles in any case.
    """
    with lake.read() as connection:
        work = Describing(connection, target, tuple(sorted(declared_periods.items())), sequence_length)
        now = _basis_now(connection, work, target, declared_periods, sequence_length, code_version)
        before = _basis_noted(connection, target)
        described = _described(connection, work, target, Changes(whole=whole) if whole else changes(before, now))
    if described.whole is not None or described.uploads:
        with lake.write() as connection:
            put_frame(connection, vehicles_table(target.name), described.frame)
            _note_basis(connection, target, now)
            _note_dictionary(connection, target, feature_columns(described.frame))
    return described


def _described(con: duckdb.DuckDBPyConnection, work: Describing, target: Target, found: Changes) -> Described:
    outcomes = work.labels().set_index("KNR")
    frame, anew, whole = None, 0, found.whole
    if whole is None:
        frame, anew, whole = _updated(table_frame(con, vehicles_table(target.name)), work, found.uploads, outcomes)
    if frame is None:
        frames = list(work.all_vehicles(list(outcomes.index)))
        frame, anew = assemble(frames or [pd.DataFrame(columns=list(FACT_COLUMNS))]), len(outcomes)
    return Described(frame, anew, len(found.uploads), whole, *work.without())


def _updated(
    old: pd.DataFrame | None, work: Describing, uploads: Sequence[str], outcomes: pd.DataFrame
) -> tuple[pd.DataFrame | None, int, str | None]:
    """Return the table with the touched vehicles described anew, and their number; or why that is not enough."""
    if old is None:
        return None, 0, "its table is gone"
    if not uploads:
        return old, 0, None
    touched = work.touched(uploads)
    asked = [knr for knr in outcomes.index if knr in touched]
    frame = assemble([old[~old["KNR"].isin(touched)], *work.some_vehicles(asked)])
    if full := full_families(feature_columns(old)) or full_families(feature_columns(frame)):
        return None, 0, f"there are more features than columns for: {', '.join(full)}"
    of_frame = outcomes.reindex(frame["KNR"])
    astray = int((of_frame["predicted_at"].to_numpy() != frame["predicted_at"].to_numpy()).sum())
    if astray or len(frame) != len(outcomes):
        astray = max(astray, abs(len(frame) - len(outcomes)))
        return None, 0, f"table and lake disagree about {astray} vehicles that no upload touched"
    # How far falhas uploads reach decides about vehicles that none of them names.
    for column in _OUTCOME:
        frame[column] = of_frame[column].astype(frame[column].dtype).array
    return frame, len(asked), None


def _basis_now(
    con: duckdb.DuckDBPyConnection,
    work: Describing,
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
            "rules": f"{code_version} {work.questions.fingerprint}",
            "version of DuckDB": duckdb.__version__,
        },
    )


def _basis_noted(con: duckdb.DuckDBPyConnection, target: Target) -> Basis | None:
    if not table_exists(con, BASIS):
        return None
    rows = con.execute(f"SELECT what, name, value FROM {BASIS} WHERE target = ?", [target.name]).fetchall()
    if not rows:
        return None
    uploads, rules = ({name: value for what, name, value in rows if what == part} for part in ("upload", "rule"))
    return Basis(uploads, rules)


def _note_basis(con: duckdb.DuckDBPyConnection, target: Target, basis: Basis) -> None:
    facts = [("upload", *item) for item in basis.uploads.items()] + [("rule", *item) for item in basis.rules.items()]
    _put_rows(con, BASIS, target, pd.DataFrame(facts, columns=["what", "name", "value"]))


def _note_dictionary(con: duckdb.DuckDBPyConnection, target: Target, names: Sequence[str]) -> None:
    meanings = pd.DataFrame([asdict(explain(name)) for name in names])
    columns = ["name", "description", "source", "time_rule"]
    _put_rows(con, DICTIONARY, target, meanings.reindex(columns=columns).rename(columns={"name": "feature"}))


def _put_rows(con: duckdb.DuckDBPyConnection, table: str, target: Target, frame: pd.DataFrame) -> None:
    """Put a frame of texts in the place of a target's rows in a table that all targets share."""
    columns = ", ".join(f"{sql_text.name(str(column))} VARCHAR" for column in frame.columns)
    con.execute(f"CREATE TABLE IF NOT EXISTS {sql_text.name(table)} (target VARCHAR, {columns})")
    con.execute(f"DELETE FROM {sql_text.name(table)} WHERE target = ?", [target.name])
    con.register("incoming_rows", frame.astype("str"))
    con.execute(f"INSERT INTO {sql_text.name(table)} SELECT ?, * FROM incoming_rows", [target.name])
    con.unregister("incoming_rows")
