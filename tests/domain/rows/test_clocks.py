"""Clocks: times of day that are half wrong, or not there, are refused; those of ordinary shifts are kept."""

import datetime as dt

import pytest

from failure_platform.domain.rows.dates import DateRule
from failure_platform.domain.rows.refusals import UploadRefusedError
from support.dated_uploads import DAY, ISO, Upload, knr, written
from support.upload_files import lake_rows, quarantined, reader, workbook

TWELVE = {ISO: ISO.replace("%H", "%I"), DAY: DAY.replace("%H", "%I")}


@pytest.fixture
def upload(tmp_path):
    return Upload(tmp_path)


def round_the_clock(days, per_day):
    start, step = dt.datetime(2024, 1, 29, 0, 7, 5), dt.timedelta(hours=24 / per_day)
    return [start + step * number for number in range(days * per_day)]


@pytest.mark.fault(53)
@pytest.mark.parametrize("form", [ISO, DAY])
@pytest.mark.parametrize("times", [round_the_clock(4, 24), round_the_clock(1, 96), round_the_clock(2, 18)])
def test_a_clock_of_twelve_hours_is_refused(upload, form, times):
    """Half of its times are wrong by twelve hours."""
    rows = [(knr(time), time.strftime(TWELVE[form])) for time in times]
    with pytest.raises(UploadRefusedError, match="The clock of DATA has twelve hours") as refused:
        upload.read(rows)
    assert 'accepted_clocks = ["status"]' in str(refused.value)
    assert len(upload.times(upload.read(rows, DateRule(any_clock=True)))) == len(times)
    assert upload.times(upload.read(written(times, form))) == times


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    "hours", [range(5, 13), range(6, 15), range(4, 13), [22, 23, 0, 1, 2, 3, 4, 5], range(24), [12], [10, 11, 12]]
)
@pytest.mark.parametrize("days", [1, 5])
def test_the_times_of_a_shift_are_kept(upload, hours, days):
    """A shift that ends at noon, a night, a file of one hour: none of them is a clock of twelve hours."""
    times = [dt.datetime(2024, 1, 29 - days + day, hour, minute, 3) for day in range(days) for hour in hours
             for minute in range(10, 40, 5)]  # fmt: skip
    assert upload.times(upload.read(written(times, ISO))) == times


@pytest.mark.fault(54)
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%d 00:00:00", "%d.%m.%Y 00:00"])
def test_days_without_a_time_are_refused_or_accepted_by_a_setting(upload, form):
    """As midnight, a test after the prediction point looks as if it came before."""
    days = [dt.datetime(2023, 5, day) for day in range(1, 28)]
    rows = [(knr(day), day.strftime(form)) for day in days]
    with pytest.raises(UploadRefusedError, match="All 27 dates are midnight"):
        upload.read(rows)
    assert upload.times(upload.read(rows, DateRule(any_clock=True))) == days


NAMES = ["KNR", "STATUS", "DATA", "HORA"]


@pytest.mark.fault(54)
@pytest.mark.parametrize("clock", ["HORA", "Horário", "Uhrzeit", "TIME"])
@pytest.mark.parametrize("day", ["29/01/2024", "2024-01-29", "29.01.2024", "2024-01-29 00:00:00"])
def test_a_clock_in_a_column_of_its_own_is_read(tmp_path, clock, day):
    """The time is not ignored; a row without one is set aside and not taken as midnight."""
    rows = [f"2024-0516001;M700;{day};08:10:07", f"2024-0516002;M700;{day};23:25", f"2024-0516003;M700;{day};"]
    received = reader(tmp_path)("\n".join([f"KNR;STATUS;DATA;{clock}", *rows, ""]), date_rule=DateRule())
    assert lake_rows(received, "DATA") == [dt.datetime(2024, 1, 29, 8, 10, 7), dt.datetime(2024, 1, 29, 23, 25)]
    assert quarantined(received)[0].startswith("DATA: not a date and time")
    assert received.understood["clock_column"]
    assert received.understood["ignored_columns"] == []


@pytest.mark.fault(54)
def test_a_clock_column_of_a_workbook_is_read(tmp_path):
    """As a time, as a share of a day that lost its format, or as a text."""
    day = dt.datetime(2024, 1, 29)
    rows = [["2024-0516001", "M700", day, dt.time(8, 10, 7)], ["2024-0516002", "M700", day, 0.5],
            ["2024-0516003", "M700", day, "23:25:00"]]  # fmt: skip
    received = reader(tmp_path)(workbook({"S": [NAMES, *rows]}), date_rule=DateRule())
    expected = [(8, 10, 7), (12, 0, 0), (23, 25, 0)]
    assert lake_rows(received, "DATA") == [dt.datetime(2024, 1, 29, *time) for time in expected]


@pytest.mark.fault(54)
def test_a_clock_beside_complete_times_changes_nothing(tmp_path):
    """DATA has its own time; the other column may be that of another event."""
    received = reader(tmp_path)("KNR;STATUS;DATA;HORA\n2024-0516001;M700;2024-01-29 10:00:07;08:00:00\n")
    assert lake_rows(received, "DATA") == [dt.datetime(2024, 1, 29, 10, 0, 7)]
