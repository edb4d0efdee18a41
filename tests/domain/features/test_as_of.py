"""The description as a function of the lake: it depends neither on which vehicles are described nor on later rows."""

from datetime import date, datetime
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from failure_platform.domain.features.description import describe
from failure_platform.domain.features.names import absent_value, known_by
from failure_platform.domain.features.touched import rows_needed, touched_vehicles
from failure_platform.domain.features.values import running_medians
from failure_platform.domain.features.wide import FACT_COLUMNS, widen
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.domain.vehicles.coverage import DEFECTS, coverage
from support.examples import examples
from support.modelling_lake import DAY, HOUR, T0, SmallLake, covered, defect, event, from_upload, result

Rows = dict[str, list[dict[str, Any]]]
KNRS = "ABCD"
POINTS = {"A": T0 + 8 * DAY, "B": T0 + 8 * DAY + HOUR, "C": T0 + 12 * DAY, "D": T0 + 30 * DAY}
AS_OF_FACTS = ("last_row_at", "MODELO", "COR", "MOTOR", "upload")


def _plant() -> Rows:
    """Four vehicles at their prediction points, two days on which others give every test a usual value, and others
    with unusual ones on the days of the prediction points, after them or at the very moment."""
    usual = [
        from_upload(result(f"Z{number}", T0 + day * DAY + number * HOUR, float(number * day), name), "old")
        for day in (2, 6)
        for number in range(11)
        for name in ("041001", "041002")
    ]
    unusual = [
        from_upload(result(f"Z{number}", at + 3 * HOUR, 900.0), "old") for number, at in enumerate(POINTS.values())
    ]
    own = [from_upload(result(knr, at - 2 * HOUR, 5.0), "old") for knr, at in POINTS.items()]
    too_late = [from_upload(result(knr, at, 700.0), "old") for knr, at in POINTS.items()]
    return {
        "status": [from_upload(event(knr, at), "old") for knr, at in POINTS.items()],
        "resultados": [*usual, *unusual, *own, *too_late],
        "falhas": [from_upload({**defect("A", T0, "ZP7", "5"), "COR": "K2K2"}, "old")],
        "uploads": [{**covered(T0, T0 + 9 * DAY), "upload": "old", "name": "old.csv"}],
    }


_HOURS = st.integers(0, 24 * 13)
_MORE = st.lists(
    st.tuples(
        st.sampled_from("ABCDZZ"),
        _HOURS,
        st.sampled_from(["resultados", "nok", "status", "falhas"]),
        st.sampled_from(["041001", "041002"]),
        st.integers(0, 1),
        st.floats(-1e3, 1e3, width=32),
    ),
    max_size=12,
    unique_by=lambda row: (row[0], row[1], row[3], row[4]),
)


def _with(rows: Rows, more: list[tuple[str, int, str, str, int, float]], upload: str) -> Rows:
    added = {table: list(listed) for table, listed in rows.items()}
    for knr, hour, kind, name, sub_value, value in more:
        at = T0 + hour * HOUR + HOUR / 2
        row = {
            "resultados": lambda: result(knr, at, value, name, VALUE_ID=sub_value),  # noqa: B023
            "nok": lambda: result(knr, at, value, name, VALUE_ID=sub_value, STATUS=13),  # noqa: B023
            "status": lambda: event(knr, at, ("M600", "M700")[sub_value]),  # noqa: B023
            "falhas": lambda: {**defect(knr, at, ("ZP7", "ROD")[sub_value], "4"), "MODELO": name},  # noqa: B023
        }[kind]()
        added[kind if kind in added else "resultados"].append(from_upload(row, upload))
    return added


def _same(some: pd.DataFrame, every: pd.DataFrame, facts: tuple[str, ...]) -> None:
    """Each row of `some` equals its row of `every`; a column that `some` lacks holds only absent values there."""
    some, every = some.set_index("KNR"), every.set_index("KNR")
    for column in every.columns:
        ours = every.loc[some.index, column]
        if column in some.columns:
            if column not in FACT_COLUMNS or column in facts:
                pd.testing.assert_series_equal(some[column], ours, check_exact=True)
        else:
            absent = absent_value(column)
            silent = ours.isna() if pd.isna(absent) else ours == absent
            assert (silent | (ours == 0 if known_by(column) else False)).all(), column


@examples(4)
@given(more=_MORE, some=st.sets(st.sampled_from(KNRS), min_size=1))
def test_describing_some_vehicles_gives_their_rows_of_describing_all(
    more: list[tuple[str, int, str, str, int, float]], some: set[str]
) -> None:
    """What an update computes for the vehicles that an upload touches is what a full rebuild would."""
    lake = SmallLake(**_with(_plant(), more, "old"))
    every = lake.vehicles()
    ours = lake.vehicles(only=some)
    assert set(ours["KNR"]) == some
    assert set(ours.columns) <= set(every.columns)
    _same(ours, every, tuple(FACT_COLUMNS[1:]))


@pytest.mark.fault(38)
@examples(4)
@given(more=_MORE, knr=st.sampled_from(KNRS))
def test_nothing_at_or_after_the_prediction_point_changes_any_cell(
    more: list[tuple[str, int, str, str, int, float]], knr: str
) -> None:
    """Not even of other vehicles: with every later row taken out of the lake, each cell is the same to the last bit."""
    rows = _with(_plant(), more, "old")
    every = SmallLake(**rows).vehicles()
    point: datetime = every.set_index("KNR").loc[knr, "predicted_at"]
    known = {table: [row for row in listed if row.get("DATA", T0) < point] for table, listed in rows.items()}
    known["status"].append(from_upload(event(knr, point), "old"))
    _same(SmallLake(**known).vehicles(only=[knr]), every, AS_OF_FACTS)


@examples(4)
@example(more=[("Z", 24 * 5, "resultados", "041001", 0, 77.0)], kind="resultados", days=(5, 0))
@example(more=[], kind="falhas", days=(10, 9))
@given(
    more=_MORE, kind=st.sampled_from(["resultados", "falhas"]), days=st.tuples(st.integers(0, 20), st.integers(0, 9))
)
def test_a_vehicle_that_an_upload_does_not_touch_stays_as_it_was(
    more: list[tuple[str, int, str, str, int, float]], kind: str, days: tuple[int, int]
) -> None:
    """Features and facts: else an update at the cost of the touched vehicles would leave old ones wrong."""
    before = SmallLake(**_plant())
    rows = _with(_plant(), more, "new")
    first = T0 + days[0] * DAY
    rows["uploads"].append({**covered(first, first + days[1] * DAY, kind), "upload": "new", "name": "new.csv"})
    after = SmallLake(**rows)
    days = _days_of_known_defects(before) ^ _days_of_known_defects(after)
    touched = touched_vehicles(after.tables, ROAD_TEST, ["new"], days).to_pandas()["KNR"].tolist()
    assert len(touched) == len(set(touched))
    same = sorted(set(KNRS) - set(touched))
    if same:
        # The outcome of every vehicle is computed again in any case.
        facts = tuple(name for name in FACT_COLUMNS[1:] if name not in ("label", "label_reason", "failure_group"))
        _same(after.vehicles(only=same), before.vehicles(), facts)
    assert {
        row["KNR"] for table in ("resultados", "status", "falhas") for row in rows[table] if row["upload"] == "new"
    } <= {*touched}


def _days_of_known_defects(lake: SmallLake) -> set[date]:
    days = coverage(lake.tables, ROAD_TEST).to_pandas()
    return set(pd.to_datetime(days["day"][days["use"] == DEFECTS]).dt.date)


def test_an_upload_that_changes_nothing_touches_its_own_vehicles_only() -> None:
    """The newest day's upload, as on every day, costs what its own vehicles cost."""
    rows = _plant()
    rows["resultados"].append(from_upload(result("D", T0 + 31 * DAY, 1.0), "new"))
    lake = SmallLake(**rows)
    assert touched_vehicles(lake.tables, ROAD_TEST, ["new"]).to_pandas()["KNR"].tolist() == ["D"]
    needed = rows_needed(lake.tables, ibis.memtable({"KNR": ["D"]})).to_pandas()
    assert needed.iloc[0].tolist() == [
        pd.Timestamp(T0 + 16 * DAY - 6 * HOUR),
        pd.Timestamp(T0 + 31 * DAY),
    ]


def test_tables_that_are_kept_on_the_way_change_nothing() -> None:
    """A caller that stores what several results read gets the same description, and each table once."""
    lake = SmallLake(**_plant())
    backend = ibis.duckdb.from_connection(lake.connection)
    names: list[str] = []

    def kept(name: str, table: ibis.Table) -> ibis.Table:
        names.append(name)
        lake.connection.execute(f"CREATE TEMP TABLE {name} AS {ibis.to_sql(table, dialect='duckdb')}")
        return backend.table(name)

    medians = kept("medians", running_medians(lake.tables.resultados))
    described = describe(lake.tables, ROAD_TEST, materialize=kept, medians=medians)
    vehicles, features = described.vehicles.to_pandas(), described.features.to_pandas()
    frame = widen(vehicles, features, described.cells.to_pyarrow_batches())
    assert len(names) == len(set(names)) > 3
    pd.testing.assert_frame_equal(frame, lake.vehicles(), check_exact=True)


def test_a_sequence_is_described_where_it_is_asked_for() -> None:
    """Beside all else, from the newest row known backwards; by default nobody pays for its columns."""
    lake = SmallLake(**_plant())
    described = describe(lake.tables, ROAD_TEST, sequence_length=2)
    cells = described.cells.join(described.features, "feature").join(described.vehicles, "vehicle")
    found = lake.connection.execute(
        f"SELECT feature_name, value FROM ({ibis.to_sql(cells, dialect='duckdb')}) WHERE KNR = 'A'"
    ).fetchall()
    ours = {name: value for name, value in found if name.startswith("sequence:")}
    assert {name: ours[name] for name in ("sequence:0:value", "sequence:0:hours", "sequence:0:status")} == {
        "sequence:0:value": 5.0, "sequence:0:hours": 2.0, "sequence:0:status": 10.0
    }  # fmt: skip
    assert "value:2:041001:0" in dict(found)
    assert not any(name.startswith("sequence:") for name in lake.vehicles())


def test_some_rows_are_as_new_as_can_be_and_some_distances_exist() -> None:
    """The plant of these tests holds what they are about: without a distance in it they would promise nothing."""
    frame = SmallLake(**_plant()).vehicles().set_index("KNR")
    assert frame.loc["A", "distance:2:041001:0"] == 5.0 - (5 * 2 + 5 * 6) / 2
    assert frame.loc["A", "about:COR:K2K2"] == 1
