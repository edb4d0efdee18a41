"""Simulated test results in which only the order of events determines which vehicle fails."""

from datetime import timedelta

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from failure_platform.domain.features.description import describe
from failure_platform.domain.features.sequences import sequence_cells, sequence_names
from failure_platform.domain.features.wide import widen
from failure_platform.domain.targets import ROAD_TEST
from support.modelling_lake import DAY, HOUR, T0, SmallLake, covered

OK, NOK = 10, 13
TESTS = np.array(["041001", "042000", "130100", "012001", "720200", "630500"])
FIRST, SECOND = "041001", "630500"
ROWS = 16
_ROAD_HOURS = 5


def order_matters(vehicles: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Vehicles that are each NOK once in test FIRST and once in test SECOND, and OK again at a later time.

    A vehicle fails with probability 0.4 when FIRST was NOK before SECOND, else 0.02. Counts, retests, newest values,
    times and numbers of rows are drawn alike for both.

    Returns:
        resultados rows, vehicles (KNR, predicted_at, failed), and the true probabilities.
    """
    rng = np.random.default_rng(seed)
    asked = pd.date_range(T0, periods=vehicles, freq="30min")
    days = (asked - asked[0]).days
    knr = np.array([f"2024-{2 + day // 7:02d}{1 + day % 7}{i % 10_000:04d}" for i, day in enumerate(days)])
    tests = rng.choice(TESTS, (vehicles, ROWS))
    verdicts = np.full((vehicles, ROWS), OK)
    # Two early places for the two NOK verdicts, and the same two tests again, OK, at the end.
    places = np.sort(rng.permuted(np.tile(np.arange(ROWS - 2), (vehicles, 1)), axis=1)[:, :2], axis=1)
    swapped = rng.random(vehicles) < 0.5
    each = np.arange(vehicles)
    for place, names in zip(
        places.T, (np.where(swapped, SECOND, FIRST), np.where(swapped, FIRST, SECOND)), strict=True
    ):
        tests[each, place] = names
        verdicts[each, place] = NOK
    tests[:, -2:] = rng.permuted(np.tile([FIRST, SECOND], (vehicles, 1)), axis=1)
    gaps = rng.exponential(1.0, (vehicles, ROWS))
    minutes = np.round(60 * np.cumsum(gaps, axis=1)[:, ::-1]) + 1
    rows = pd.DataFrame(
        {
            "KNR": np.repeat(knr, ROWS),
            "NAME": tests.ravel(),
            "ID": 2,
            "STATUS": verdicts.ravel(),
            "VALUE_ID": 0,
            "VALUE": rng.normal(size=tests.size).round(3),
            "DATA": np.repeat(asked, ROWS) - pd.to_timedelta(minutes.ravel(), unit="min"),
        }
    )
    p = np.where(swapped, 0.02, 0.4)
    drawn = pd.DataFrame({"KNR": knr, "predicted_at": asked, "failed": (rng.random(vehicles) < p).astype(int)})
    return rows.drop_duplicates(["KNR", "NAME", "DATA"]), drawn, p


def lake_of(rows: pd.DataFrame, drawn: pd.DataFrame) -> SmallLake:
    """A lake with these results, an M700 for every vehicle, and a ROD defect for each that failed."""
    lake = SmallLake(uploads=[covered(T0 - DAY, drawn["predicted_at"].max().to_pydatetime() + timedelta(days=9))])
    events = drawn.assign(STATUS="M700", DATA=drawn["predicted_at"])[["KNR", "STATUS", "DATA"]]
    bad = drawn[drawn["failed"] == 1]
    defects = bad.assign(HALLE="ROD", DATA=bad["predicted_at"] + _ROAD_HOURS * HOUR)[["KNR", "HALLE", "DATA"]]
    for table, frame in (("resultados", rows), ("status", events), ("falhas", defects)):
        names = ", ".join(frame.columns)
        lake.connection.register("given", frame)
        lake.connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM given")
        lake.connection.unregister("given")
    return lake


def cells_of(rows: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """The cells of each vehicle's sequence, in the order of `drawn`, in the layout that the model reads."""
    connection = duckdb.connect()
    timed = rows.merge(drawn[["KNR", "predicted_at"]].reset_index(names="vehicle"), on="KNR")
    connection.register("given", timed)
    connection.execute("CREATE TABLE rows AS SELECT * FROM given")
    cells = sequence_cells(ibis.duckdb.from_connection(connection).table("rows"), ROWS)
    found = connection.execute(str(ibis.to_sql(cells, dialect="duckdb"))).df()
    wide = found.pivot(index="vehicle", columns="feature_name", values="value").astype("float32")
    return wide.reindex(index=drawn.index, columns=sequence_names(ROWS))


def described(lake: SmallLake, length: int) -> pd.DataFrame:
    """The wide frame of the road test with that many rows of each vehicle's sequence."""
    backend = ibis.duckdb.from_connection(lake.connection)

    def run(table: ir.Table) -> duckdb.DuckDBPyConnection:
        return lake.connection.execute(str(ibis.to_sql(table, dialect="duckdb")))

    def kept(name: str, table: ir.Table) -> ir.Table:
        lake.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {ibis.to_sql(table, dialect='duckdb')}")
        return backend.table(name)

    tables = describe(lake.tables, ROAD_TEST, sequence_length=length, materialize=kept)
    return widen(run(tables.vehicles).df(), run(tables.features).df(), run(tables.cells).to_arrow_reader())
