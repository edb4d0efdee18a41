"""Simulated falhas exports, complete and with faults, and the labels that they give."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import duckdb
import pandas as pd
import pyarrow as pa

from failure_platform.domain.targets import ROAD_TEST
from failure_platform.resources.lake.tables import FALHAS_DAYS, create_tables, falhas_days_sql
from failure_platform.resources.vehicles.feature_sql import COVERED, compile_sql
from failure_platform.simulation.falhas import simulated_falhas
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.status import simulated_status
from failure_platform.simulation.vehicles import simulated_vehicles

PLANTS: Mapping[str, int] = {"20": 20, "40": 40, "200": 200}
"""Vehicles a working day."""
WEEKS = 10
START = date(2023, 1, 2)
DAY = timedelta(days=1)
MIDDLE = pd.Timestamp(START + 5 * 7 * DAY)

Exports = Mapping[str, pd.DataFrame]
"""The rows of each upload, by its key."""


@dataclass(frozen=True)
class Labelled:
    """The vehicles of one lake, counted.

    Attributes:
        known_before: whose horizon lies between the first and the last day of an upload, the rule without evidence.
        lost: of these, without a label.
        wrong_before: of these, which failed, and the uploads do not show it.
        wrong: with label 0, which failed.
        thin: with label 0 on thin coverage.
    """

    known_before: int
    lost: int
    wrong_before: int
    wrong: int
    thin: int


def _whole(falhas: pd.DataFrame) -> Exports:
    return {"whole": falhas}


def _parts(falhas: pd.DataFrame, days: int) -> Exports:
    number = (falhas["DATA"] - pd.Timestamp(START)).dt.days // days
    return {f"part {part:03}": rows for part, rows in falhas.groupby(number)}


def _weekly(falhas: pd.DataFrame) -> Exports:
    return _parts(falhas, 7)


def _daily(falhas: pd.DataFrame) -> Exports:
    return _parts(falhas, 1)


def _only(halls: tuple[str, ...]) -> Callable[[pd.DataFrame], Exports]:
    return lambda falhas: _whole(falhas[falhas["HALLE"].isin(halls)])


def _stray(day: str) -> Callable[[pd.DataFrame], Exports]:
    """The second half, with one row of the given day."""

    def exports(falhas: pd.DataFrame) -> Exports:
        late = falhas[falhas["DATA"] >= MIDDLE]
        stray = late.head(1).assign(DATA=pd.Timestamp(day), HALLE="ZP7")
        return _whole(pd.concat([late, stray]))

    return exports


def _without_rod(cut: Callable[[pd.DataFrame], Exports]) -> Callable[[pd.DataFrame], Exports]:
    return lambda falhas: cut(falhas[(falhas["HALLE"] != "ROD") | (falhas["DATA"] < MIDDLE)])


def _without(first: pd.Timestamp, days: int) -> Callable[[pd.DataFrame], Exports]:
    return lambda falhas: _whole(falhas[(falhas["DATA"] < first) | (falhas["DATA"] >= first + days * DAY)])


def _one_among_many(falhas: pd.DataFrame) -> Exports:
    """One weekly export in the middle has a single hall."""
    weeks = _weekly(falhas)
    return {key: rows[rows["HALLE"] == "ZP7"] if key == "part 005" else rows for key, rows in weeks.items()}


def _list_of_few(falhas: pd.DataFrame) -> Exports:
    """A complete first half, then a list of one row a day."""
    late = falhas[falhas["DATA"] >= MIDDLE].groupby(falhas["DATA"].dt.date).head(1)
    return {"first half": falhas[falhas["DATA"] < MIDDLE], "list": late}


COMPLETE: Mapping[str, Callable[[pd.DataFrame], Exports]] = {
    "whole": _whole,
    "weekly": _weekly,
    "daily": _daily,
    "two halves that overlap": lambda falhas: {
        "first": falhas[falhas["DATA"] < MIDDLE + 7 * DAY],
        "second": falhas[falhas["DATA"] >= MIDDLE],
    },
    "ROD alone": _only(("ROD",)),
    "each row twice": lambda falhas: _whole(pd.concat([falhas, falhas])),
}
FAULTS: Mapping[str, Callable[[pd.DataFrame], Exports]] = {
    "second half, a stray row of 2000": _stray("2000-01-01 00:03:12"),
    "second half, a stray row of a production day": _stray("2023-01-18 10:00"),
    "second half, a stray row of the Friday before": _stray("2023-02-03 10:00"),
    "one hall": _only(("ZP7",)),
    "one hall, in one week of weekly exports": _one_among_many,
    "two halls, not ROD": _only(("ZP7", "ZP5")),
    "all halls but ROD": lambda falhas: _whole(falhas[falhas["HALLE"] != "ROD"]),
    "ROD missing from the middle on": _without_rod(_whole),
    "ROD missing from the middle on, weekly": _without_rod(_weekly),
    "ROD missing from the middle on, daily": _without_rod(_daily),
    "a week missing in the middle": _without(MIDDLE, 7),
    "three days missing in the middle": _without(MIDDLE, 3),
    "a list of a row a day after a complete half": _list_of_few,
}


@cache
def _plant(vehicles_a_day: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the falhas, and the status of the prediction point, of a plant."""
    plan = Simulation(vehicles=vehicles_a_day * 5 * WEEKS, weeks=WEEKS, seed=seed, start=START)
    vehicles = [(block, simulated_vehicles(plan, block)) for block in range(plan.blocks)]
    falhas, status = (
        pa.concat_tables([rows(plan, block, some) for block, some in vehicles]).to_pandas()
        for rows in (simulated_falhas, simulated_status)
    )
    falhas["DATA"] = pd.to_datetime(falhas["DATA"])
    status["DATA"] = pd.to_datetime(status["DATA"])
    return falhas, status[status["STATUS"] == ROAD_TEST.prediction_point]


def labelled(name: str, plant: str, seed: int) -> Labelled:
    """Label the vehicles of a plant by some exports and compare with what the complete export shows."""
    falhas, status = _plant(PLANTS[plant], seed)
    exports = (dict(COMPLETE) | dict(FAULTS))[name](falhas)
    found = labels_of(exports, status).set_index("KNR")
    begin, end = found["predicted_at"], found["predicted_at"] + ROAD_TEST.horizon
    failed = _failed_in_horizon(falhas, begin)
    shown = _failed_in_horizon(pd.concat(exports.values()), begin)
    known_before = pd.Series(False, found.index)
    for first, last in _united(exports):
        known_before |= (begin >= first) & (end <= last)
    zero = found["label"] == 0
    return Labelled(
        int(known_before.sum()),
        int((known_before & found["label"].isna()).sum()),
        int((known_before & failed & ~shown).sum()),
        int((zero & failed).sum()),
        int(found["thin"].sum()),
    )


def _failed_in_horizon(falhas: pd.DataFrame, predicted_at: pd.Series) -> pd.Series:
    road = falhas[falhas["HALLE"].isin(ROAD_TEST.halle)]
    after = road["DATA"] - road["KNR"].map(predicted_at)
    hits = road[(after > timedelta(0)) & (after <= ROAD_TEST.horizon)]
    return pd.Series(predicted_at.index.isin(hits["KNR"]), predicted_at.index)


def _united(exports: Exports) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the periods from first to last day of the exports, those that touch or overlap as one."""
    spans = sorted(
        (rows["DATA"].min().normalize(), rows["DATA"].max().normalize() + DAY) for rows in exports.values() if len(rows)
    )
    united = spans[:1]
    for first, last in spans[1:]:
        if first <= united[-1][1]:
            united[-1] = (united[-1][0], max(last, united[-1][1]))
        else:
            united.append((first, last))
    return united


def labels_of(exports: Exports, status: pd.DataFrame) -> pd.DataFrame:
    """Return the platform's labels, in a lake with these falhas uploads."""
    with contextlib.closing(duckdb.connect(":memory:")) as con:
        create_tables(con)
        con.register("points", status)
        con.execute("INSERT INTO status (KNR, STATUS, DATA) SELECT KNR, STATUS, DATA FROM points")
        for key, rows in exports.items():
            con.register("rows", rows.assign(upload=key))
            con.execute("INSERT INTO uploads (upload, kind, name, state) VALUES (?, 'falhas', ?, 'merged')", [key, key])
            con.execute(f"INSERT INTO {FALHAS_DAYS} BY NAME {falhas_days_sql('FROM rows')}")
            con.execute("INSERT INTO falhas BY NAME SELECT DISTINCT upload, KNR, HALLE, S_GROUP_ID, DATA FROM rows")
            con.unregister("rows")
        sql = compile_sql(ROAD_TEST, (), 0)
        con.execute(f"CREATE TEMP TABLE {COVERED} AS {sql.covered}")
        return con.execute(sql.labels).df()
