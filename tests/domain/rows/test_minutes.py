"""Minutes: an export that prints the month in their place is detected, and minutes that may be true are kept."""

import datetime as dt

import pytest

from failure_platform.domain.rows.dates import DateReading, DateRule
from failure_platform.domain.rows.refusals import UploadRefusedError
from support.dated_uploads import DAY, FAR, ISO, MONTH, Upload, knr, written


@pytest.fixture
def upload(tmp_path):
    return Upload(tmp_path)


def month_for_minutes(times, form):
    return [(knr(time), time.strftime(form.replace("%M", "%m"))) for time in times]


WHOLE_DAYS = DateRule(any_clock=True)
SHIFT = [dt.datetime(2023, 5, 15, 6) + dt.timedelta(minutes=17 * number) for number in range(30)]
TWO_MONTHS = [dt.datetime(2023, 5, 31, 21) + dt.timedelta(minutes=50 * number) for number in range(6)]


@pytest.mark.parametrize("form", [ISO, DAY, MONTH])
@pytest.mark.parametrize("times", [SHIFT, TWO_MONTHS])
def test_minutes_that_show_the_month_are_refused_or_taken_to_the_hour(upload, times, form):
    """The true minutes are lost. A wrong minute would double a defect and blur what was known before the road test."""
    rows = month_for_minutes(times, form)
    with pytest.raises(
        UploadRefusedError, match=rf"minutes of DATA show the month in all {len(times)} rows"
    ) as refused:
        upload.read(rows)
    assert "HH24:MI, not HH24:MM" in str(refused.value)
    assert 'hour_precision = ["status"]' in str(refused.value)
    received = upload.read(rows, DateRule(to_the_hour=True))
    assert (
        f"times kept to the hour, since the minutes show the month in all {len(times)}" in received.understood["dates"]
    )
    assert upload.times(received) == [time.replace(minute=0) for time in times]


def test_minutes_that_may_be_minutes_are_kept(upload):
    """One correct minute clears the column; and twenty rows of one minute, or a few rows, are no proof."""
    one_minute = [dt.datetime(2023, 5, 15, 10, 5, second) for second in range(30)]
    few = [dt.datetime(2023, 5, 15, hour, 5) for hour in range(5)]
    clear = [*(time.replace(minute=5) for time in SHIFT), dt.datetime(2023, 5, 15, 12, 6)]
    whole_days = [dt.datetime(2023, 5, day) for day in range(1, 28)]
    for times, rule in ((one_minute, None), (few, None), (clear, DateRule(to_the_hour=True)), (whole_days, WHOLE_DAYS)):
        received = upload.read(written(times, ISO), rule)
        assert received.reading.dates == DateReading()
        assert upload.times(received) == times


def test_a_clear_minute_behind_many_rows_is_found(upload):
    """One correct minute clears the column, at any position."""
    times = [dt.datetime(2023, 5, 1 + n // 24 % 28, n % 24, 5, n // 700) for n in range(3_000)]
    rows = written([*times, dt.datetime(2023, 5, 15, 12, 6)], ISO, FAR)
    assert upload.read(rows).reading.dates == DateReading()
    with pytest.raises(UploadRefusedError, match="all 3,000 rows"):
        upload.read(rows[:-1])
