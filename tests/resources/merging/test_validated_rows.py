"""Validation an upload: every row ends among the good or the bad ones, and what is found is found in bounded work."""

from datetime import datetime

import duckdb
import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.merging.validated_rows import validate_rows
from failure_platform.resources.reading.upload import read_upload
from failure_platform.resources.storage import sql_text
from failure_platform.resources.storage.scratch_database import scratch

HEADER = "KNR,NAME,ID,STATUS,UNIT,VALUE_ID,VALUE,DATA"
GOOD = "2023-2056234,012001,2,10,Nm,0,{value},2023-05-08 10:00:00"
RECEIVED_AT = datetime(2023, 6, 1)


@pytest.fixture
def read(tmp_path):
    def reading(lines, folder="work"):
        path = tmp_path / "upload.csv"
        path.write_text("\n".join([HEADER, *lines]) + "\n")
        return read_upload(path, CONTRACTS["resultados"], tmp_path / folder, person_key=b"key")

    return reading


def validate(received, con=None):
    return validate_rows(CONTRACTS["resultados"], received, RECEIVED_AT, con=con)


def values(validated):
    return [row[0] for row in duckdb.sql(f'SELECT "VALUE" FROM ({validated.good_sql}) ORDER BY "row"').fetchall()]


def bad(validated):
    return duckdb.sql(f"SELECT line, columns, reasons FROM read_parquet({sql_text.file(validated.bad)})").fetchall()


@pytest.mark.fault(25)
def test_a_type_that_changes_far_down_costs_one_row(read):
    """A reader that guesses from the first rows would fail, or make the whole column text."""
    lines = [GOOD.format(value=number) for number in range(30_100)]
    lines[30_050] = GOOD.format(value="abc")
    validated = validate(read(lines))
    assert len(values(validated)) == 30_099
    assert bad(validated) == [(30_052, ["VALUE"], ["VALUE: not a number: 'abc'"])]


@pytest.mark.fault(17)
def test_a_day_is_allowed_between_clocks(read):
    """A row may be newer than its arrival by as much as time zones make of it, and no more."""
    lines = [GOOD.format(value=1)[:-19] + at for at in ("2023-06-01 23:59:59", "2023-06-02 00:00:01")]
    validated = validate(read(lines))
    assert (values(validated), validated.last_data) == ([1], datetime(2023, 6, 1, 23, 59, 59))
    assert bad(validated)[0][2] == ["DATA: in the future when it was received: '2023-06-02 00:00:01'"]


def test_what_is_no_row_and_what_is_a_bad_row_are_counted_together(read):
    """`rows_in` is what is merged and what is set aside; the period is that of the good rows."""
    lines = [GOOD.format(value=1), "2023-2056234,too,few", GOOD.format(value="x")[:-19] + "2022-01-01"]
    validated = validate(read(lines))
    assert (validated.rows_in, validated.quarantined, len(values(validated))) == (3, 2, 1)
    assert validated.first_data == validated.last_data == datetime(2023, 5, 8, 10)
    assert sorted(line for line, _, _ in bad(validated)) == [3, 4]
    without_bad_rows = validate(read(lines[:2]))
    assert (without_bad_rows.quarantined, [line for line, _, _ in bad(without_bad_rows)]) == (1, [3])


def test_uploads_share_a_scratch_database(read):
    """Opening one costs more than validation a small upload; what is in one upload stays out of the next."""
    received = [read([GOOD.format(value=number), GOOD.format(value="x")], f"work {number}") for number in range(3)]
    with scratch(received[0].folder) as con:
        validated = [validate(one, con) for one in received]
    assert [(values(one), one.quarantined) for one in validated] == [([0], 1), ([1], 1), ([2], 1)]


def test_an_upload_says_which_quarantined_rows_it_corrects(read):
    """Each id once, whatever the row is worth now: a row that is bad again is a new open row."""
    received = read([GOOD.format(value=1)])
    assert validate(received).corrects_sql is None
    received.understood["corrects_quarantine"] = True
    with scratch(received.folder) as con:
        con.execute(
            f"COPY (SELECT unnest(['ab-1', ' ab-1 ', 'ab-2', '', NULL]) AS quarantine_id, * "
            f"FROM read_parquet({sql_text.file(received.rows)})) TO '{received.folder}/more.parquet'"
        )
    (received.folder / "more.parquet").replace(received.rows)
    assert sorted(duckdb.sql(validate(received).corrects_sql).fetchall()) == [("ab-1",), ("ab-2",)]


@pytest.mark.slow
def test_memory_is_bounded(read):
    """A file of any size is validated in the memory allowed, even where half of its rows are bad."""
    lines = [GOOD.format(value=number if number % 2 else "x") for number in range(1_500_000)]
    received = read(lines)
    validated = validate_rows(CONTRACTS["resultados"], received, RECEIVED_AT, threads=2, memory_limit="300MB")
    assert validated.quarantined == 750_000
