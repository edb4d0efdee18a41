"""Reads and replaces the tables of a target: its vehicles and its predictions."""

import duckdb
import pandas as pd

from failure_platform.domain.features.wide import FACT_COLUMNS, with_fact_types
from failure_platform.resources.lake.lake import Lake
from failure_platform.resources.storage import sql_text


def replace_table(lake: Lake, table: str, frame: pd.DataFrame) -> None:
    """Replace a table by a frame in one transaction: a reader sees the old rows or the new ones."""
    with lake.write() as connection:
        put_frame(connection, table, frame)


def put_frame(con: duckdb.DuckDBPyConnection, table: str, frame: pd.DataFrame) -> None:
    """Replace a table by a frame, within the caller's transaction."""
    # Every thread holds a complete row group in memory: of a table this wide, some hundred megabytes each.
    con.execute("SET threads = 1")
    con.register("incoming_frame", frame)
    con.execute(f"CREATE OR REPLACE TABLE {sql_text.name(table)} AS SELECT * FROM incoming_frame")
    con.unregister("incoming_frame")


def read_table(lake: Lake, table: str, where: str = "TRUE", values: tuple[object, ...] = ()) -> pd.DataFrame | None:
    """Return a per-target table in the order it was written, or None where it was never written."""
    with lake.read() as connection:
        return table_frame(connection, table, where, values)


def table_frame(
    con: duckdb.DuckDBPyConnection, table: str, where: str = "TRUE", values: tuple[object, ...] = ()
) -> pd.DataFrame | None:
    """Return a per-target table as `read_table` does, on an open connection."""
    if not table_exists(con, table):
        return None
    frame = con.execute(f"SELECT * FROM {sql_text.name(table)} WHERE {where}", list(values)).df()
    # A frame of vehicles is the same, to the hash of its content, before it is written and after.
    return with_fact_types(frame) if set(FACT_COLUMNS) <= set(frame.columns) else frame


def table_exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Return whether the lake has a table of that name."""
    return bool(con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall())


def vehicles_table(target: str) -> str:
    """Return the name of a target's vehicles table."""
    return f"vehicles_{target}"


def predictions_table(target: str) -> str:
    """Return the name of a target's predictions table."""
    return f"predictions_{target}"
