"""The cells of a sequence: the newest rows, in the same order in every lake, each in four channels."""

import hashlib
from datetime import timedelta
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.domain.features.sequences import CHANNELS, sequence_cells, sequence_names
from support.examples import examples
from support.modelling_lake import HOUR, T0, SmallLake, event, result
from support.sequence_plant import described

COLUMNS = ["vehicle", "NAME", "ID", "STATUS", "VALUE_ID", "VALUE", "DATA", "predicted_at"]


def row(vehicle: int, hours: float, name: str = "041001", value: float | None = 1.0, **other: Any) -> tuple[Any, ...]:
    given = {"ID": 2, "STATUS": 10, "VALUE_ID": 0, **other}
    at = T0 - timedelta(hours=hours)
    return vehicle, name, given["ID"], given["STATUS"], given["VALUE_ID"], value, at, T0


def cells(rows: list[tuple[Any, ...]], length: int) -> pd.DataFrame:
    """What `sequence_cells` gives on an in-memory DuckDB, as vehicle x name."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE rows (vehicle INTEGER, NAME VARCHAR, ID INTEGER, STATUS INTEGER, VALUE_ID INTEGER, "
        "VALUE DOUBLE, DATA TIMESTAMP, predicted_at TIMESTAMP)"
    )
    connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    sql = ibis.to_sql(sequence_cells(ibis.duckdb.from_connection(connection).table("rows"), length), dialect="duckdb")
    found = connection.execute(str(sql)).df()
    assert not found.duplicated(["vehicle", "feature_name"]).any()
    return found.pivot(index="vehicle", columns="feature_name", values="value").reindex(columns=sequence_names(length))


def code(family: int, name: str, value_id: int = 0) -> int:
    return int(hashlib.md5(f"{family}:{name}:{value_id}".encode()).hexdigest()[:6], 16)


def test_the_newest_rows_are_said_newest_first_in_four_channels() -> None:
    """Step 0 is the row nearest to the prediction point; older rows than the length are left out."""
    found = cells([row(1, 5, "A"), row(1, 2.5, "B", 7.5, STATUS=13, VALUE_ID=1), row(1, 9, "C"), row(2, 1, "A")], 2)
    newest = [code(2, "B", 1), 13, 7.5, 2.5, code(2, "A"), 10, 1.0, 5.0]
    assert found.loc[1].tolist() == newest
    assert found.loc[2].tolist()[:4] == [code(2, "A"), 10, 1.0, 1.0]
    assert found.loc[2][4:].isna().all(), "a vehicle with fewer rows has no cells for the steps it lacks"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_row_without_a_finite_value_is_a_row(value: float | None) -> None:
    """A fluid test has no value, and that it happened, and when, still counts."""
    found = cells([row(1, 1, "012001", value)], 1).loc[1]
    assert (found["sequence:0:test"], found["sequence:0:hours"]) == (code(2, "012001"), 1.0)
    assert np.isnan(found["sequence:0:value"])


def test_a_test_has_the_same_code_in_every_lake_and_float32_holds_it() -> None:
    """The code is a function of family, test and sub-value alone, so a model reads any lake."""
    alone = cells([row(1, 1, "720200", ID=718, VALUE_ID=3)], 1)["sequence:0:test"].item()
    beside = cells([row(1, 1, "720200", ID=718, VALUE_ID=3), row(2, 1, "A"), row(2, 2, "B")], 2)["sequence:0:test"]
    assert alone == beside[1] == code(718, "720200", 3) < 2**24
    assert np.float32(alone) == alone


@examples(25)
@given(
    drawn=st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 4), st.sampled_from("AB"), st.integers(1, 2), st.integers(0, 1)),
        min_size=1,
        max_size=30,
        unique=True,
    ),
    length=st.integers(1, 6),
    shuffle=st.randoms(use_true_random=False),
)
def test_rows_of_one_time_have_one_order_whatever_their_order_in_the_lake(
    drawn: list[tuple[int, int, str, int, int]], length: int, shuffle: Any
) -> None:
    """Ties are ordered by the rest of the natural key: the result equals a sort by the complete key in Python."""
    rows = [row(v, hours, name, ID=family, VALUE_ID=value_id) for v, hours, name, family, value_id in drawn]
    expected = {
        vehicle: sorted((-hours, family, name, value_id) for v, hours, name, family, value_id in drawn if v == vehicle)
        for vehicle in {v for v, *_ in drawn}
    }
    shuffle.shuffle(rows)
    found = cells(rows, length)
    assert set(found.index) == set(expected)
    for vehicle, keys in expected.items():
        steps = [(-k[0], code(*k[1:])) for k in reversed(keys)][:length]
        said = found.loc[vehicle]
        assert [(said[f"sequence:{s}:hours"], said[f"sequence:{s}:test"]) for s in range(len(steps))] == steps
        assert said[[name for name in found if int(name.split(":")[1]) >= len(steps)]].isna().all()


def test_names_are_by_step_then_channel() -> None:
    """The layout that the model reads by position."""
    assert sequence_names(2) == [f"sequence:{step}:{channel}" for step in (0, 1) for channel in CHANNELS]
    assert CHANNELS == ("test", "status", "value", "hours")
    assert cells([row(1, 1), row(1, 2)], 9).dropna(axis=1).columns.tolist() == sequence_names(2)


def test_nothing_at_or_after_the_prediction_point_is_in_a_sequence() -> None:
    """The cells of a described vehicle come from the rows before its prediction point, and exist only on request."""
    rows = [result("a", T0 + h * HOUR, name=name) for h, name in ((1, "before"), (3, "at"), (4, "after"))]
    lake = SmallLake(resultados=rows, status=[event("a", T0 + 3 * HOUR)])
    frame = described(lake, 4)
    found = frame.filter(like="sequence:").loc[0]
    assert found.to_dict() == {
        "sequence:0:test": code(2, "before"),
        "sequence:0:status": 10,
        "sequence:0:value": 1,
        "sequence:0:hours": 2,
    }
    assert described(lake, 0).filter(like="sequence:").empty
