"""The door to the per-target tables of the lake: vehicles and predictions.

What belongs here: running the rules of domain.features on the lake, and replacing a target's table whole. What does
not: the rules themselves, and the upload tables (resources.lake).
"""

import ibis
import pandas as pd

from failure_platform.domain.features import describe
from failure_platform.domain.labels import vehicles_without_prediction_point
from failure_platform.domain.lake_tables import LakeTables
from failure_platform.domain.targets import Target
from failure_platform.domain.wide import widen
from failure_platform.resources import sql_text
from failure_platform.resources.lake import Lake

_CELLS_AT_ONCE = 1_000_000


def describe_vehicles(lake: Lake, target: Target) -> tuple[pd.DataFrame, int]:
    """Describe every vehicle as of its prediction point.

    Returns:
        one row per vehicle (KNR, predicted_at, label, label_reason, last_row_at, then features), ordered by
        predicted_at and KNR; and the number of vehicles that have no prediction point.
    """
    with lake.read() as connection:
        backend = ibis.duckdb.from_connection(connection)
        tables = LakeTables(*(backend.table(name) for name in ("resultados", "falhas", "status", "uploads")))
        described = describe(tables, target)
        frame = widen(
            described.vehicles.to_pandas(),
            described.features.to_pandas(),
            described.cells.to_pyarrow_batches(chunk_size=_CELLS_AT_ONCE),
        )
        without = int(vehicles_without_prediction_point(tables, target).to_pandas().iloc[0, 0])
    return frame, without


def replace_table(lake: Lake, table: str, frame: pd.DataFrame) -> None:
    """Put a frame in the place of a table, in one transaction: a reader sees the old rows or the new ones."""
    with lake.write() as connection:
        connection.register("incoming_frame", frame)
        connection.execute(f"CREATE OR REPLACE TABLE {sql_text.name(table)} AS SELECT * FROM incoming_frame")


def read_table(lake: Lake, table: str, where: str = "TRUE", values: tuple[object, ...] = ()) -> pd.DataFrame | None:
    """Return a per-target table in the order it was written, or None when it was never written."""
    with lake.read() as connection:
        exists = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [table]
        ).fetchone()
        if not exists or not exists[0]:
            return None
        return connection.execute(f"SELECT * FROM {sql_text.name(table)} WHERE {where}", list(values)).df()


def vehicles_table(target: str) -> str:
    """Return the name of a target's vehicles table."""
    return f"vehicles_{target}"


def predictions_table(target: str) -> str:
    """Return the name of a target's predictions table."""
    return f"predictions_{target}"
