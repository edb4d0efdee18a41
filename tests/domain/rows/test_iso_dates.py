"""ISO dates, dates with points and with dashes: a date that was swapped before it came is swapped back or told."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from failure_platform.domain.rows.dates import DateReading
from support.dated_uploads import ISO, Upload, knr, moments, written
from support.examples import examples

SWAPPED = "%Y-%d-%m %H:%M:%S"
WEEK = moments((2, 6), (2, 7), (2, 8), (2, 9), (2, 10), hour=14)


@pytest.fixture
def upload(tmp_path):
    return Upload(tmp_path)


def in_form(times, form, vehicles=knr):
    return [(vehicles(time), time.strftime(form)) for time in times]


@pytest.mark.fault(55)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_of_swapped_iso_dates_is_swapped_back(upload, form):
    """A spreadsheet swapped every date and wrote it as ISO: the vehicles' weeks show it."""
    if form == "csv":
        received = upload.read(in_form(WEEK, SWAPPED))
    else:
        received = upload.read_cells([(knr(time), time.replace(month=time.day, day=time.month)) for time in WEEK])
    assert upload.times(received) == WEEK
    assert "swapped back" in received.understood["dates"]


@pytest.mark.fault(55)
def test_year_day_month_is_read_where_a_number_above_12_shows_it(upload):
    """The dates up to the twelfth would be read as other days, and the others set aside."""
    times = [*WEEK, *moments((2, 13), (2, 20), hour=14)]
    assert upload.times(upload.read(in_form(times, SWAPPED))) == times


@pytest.mark.fault(55)
def test_two_vehicles_do_not_turn_a_file_but_are_told(upload):
    """A vehicle in rework is months away from its week; two of them are no proof."""
    received = upload.read(in_form(WEEK[:2], SWAPPED))
    assert received.reading.dates == DateReading()
    assert "2 of 2 vehicles were built nearer to the swapped date: look at it" in received.understood["dates"]


@pytest.mark.fault(55)
@pytest.mark.parametrize("weeks", [0, 3, 15])
def test_true_iso_dates_stay_as_they_are(upload, weeks):
    """Also of vehicles that were built some weeks before, and of days up to the twelfth only."""
    built = [time - dt.timedelta(weeks=weeks) for time in WEEK]
    rows = [(knr(day), time.strftime(ISO)) for day, time in zip(built, WEEK, strict=True)]
    assert upload.times(upload.read(rows)) == WEEK


@pytest.mark.fault(56)
@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "  %m-%d-%Y %H:%M:%S"])
def test_points_and_dashes_are_read(upload, form):
    """Points are day first wherever they are written; dashes are decided like slashes."""
    times = [*WEEK, *moments((2, 23), hour=14)]
    assert upload.times(upload.read(in_form(times, form))) == times


@pytest.mark.fault(55)
def test_blanks_after_a_date_hide_no_swap(upload):
    """The evidence is counted on the dates without them."""
    padded = [(vehicle, f"{date} ") for vehicle, date in in_form(WEEK, SWAPPED)]
    assert upload.times(upload.read(padded)) == WEEK


@pytest.mark.fault(56)
def test_points_need_no_proof(upload):
    """No day above 12 and one vehicle: the form itself shows the order."""
    assert upload.times(upload.read(in_form(WEEK[:1], "%d.%m.%Y %H:%M:%S"))) == WEEK[:1]


@pytest.mark.fault(55, 56)
def test_points_beside_what_a_spreadsheet_swapped(upload):
    """The cells that it took for dates are swapped, the others stayed texts with points."""
    times = [*WEEK, *moments((2, 13), (2, 20), (2, 25), hour=14)]
    rows = [(knr(time), time.strftime(SWAPPED if time.day <= 12 else "%d.%m.%Y %H:%M:%S")) for time in times]
    assert upload.times(upload.read(rows)) == times


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.datetimes(dt.datetime(2022, 1, 1), dt.datetime(2024, 12, 31)), min_size=3, max_size=12), st.booleans()
)
def test_no_iso_date_is_ever_read_wrong_where_the_vehicles_tell(upload, days, swap):
    """Whole files of true or of swapped dates, of vehicles that were built in the week of their date."""
    times = [day.replace(hour=14, minute=30, microsecond=0) for day in days if day.day <= 12]
    rows = in_form(times, SWAPPED if swap else ISO)
    received = upload.read(rows)
    told = received.reading.dates.iso_swapped or "look at it" in received.understood["dates"]
    apart = {knr(time) for time in times if abs(time - time.replace(month=time.day, day=time.month)).days > 60}
    if swap and len(apart) >= 3:
        assert told
    if not swap:
        assert upload.times(received) == times


def test_written_keeps_the_week_of_each_date():
    """The rows of these tests are what they say."""
    assert written(WEEK, ISO)[0] == (knr(WEEK[0]), "2023-02-06 14:30:05")
