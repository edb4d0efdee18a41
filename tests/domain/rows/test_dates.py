"""Dates: read by evidence, or refused with the setting that decides; never guessed."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from failure_platform.domain.rows.dates import DateReading, DateRule
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.upload import ParsedUpload
from failure_platform.settings import Settings
from support.dated_uploads import DAY, FAR, ISO, MONTH, OPEN, Upload, knr, moments, written
from support.examples import examples


@pytest.fixture
def upload(tmp_path):
    return Upload(tmp_path)


@pytest.mark.parametrize("form", [ISO, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.000"])
def test_iso_dates_need_no_decision(upload, form):
    """Nor are the production weeks of the vehicles needed."""
    received = upload.read(written(OPEN, form, FAR))
    assert received.understood["dates"] == "ISO"
    assert upload.times(received) == OPEN


@pytest.mark.fault(24)
@pytest.mark.parametrize(("form", "order"), [(DAY, "day first"), (MONTH, "month first")])
def test_one_clear_date_decides_for_the_column(upload, form, order):
    """The other dates could be read both ways."""
    times = [*OPEN, *moments((5, 13))]
    received = upload.read(written(times, form, FAR))
    assert received.understood["dates"] == f"{order} (1 date shows it)"
    assert upload.times(received) == times


@pytest.mark.fault(24)
@pytest.mark.parametrize(("form", "order"), [(DAY, "day first"), (MONTH, "month first")])
def test_the_weeks_of_the_vehicles_decide_where_no_date_does(upload, form, order):
    """A vehicle is tested around the week in which it is built."""
    received = upload.read(written(OPEN, form))
    assert received.understood["dates"] == f"{order}, by the vehicles' production weeks (100 % of 3 vehicles)"
    assert upload.times(received) == OPEN


@pytest.mark.fault(24)
def test_what_cannot_be_decided_is_refused_with_what_to_set(upload):
    """No reader may guess; the setting decides, and the findings say so."""
    rows = written(OPEN, DAY, FAR)
    with pytest.raises(UploadRefusedError, match=r"cannot be told apart in 3 dates, such as '05/03/2023") as refused:
        upload.read(rows)
    assert 'date_order] status = "day_first"' in str(refused.value)
    assert "FAILURE_PLATFORM_DATE_ORDER__STATUS=day_first" in str(refused.value)
    received = upload.read(rows, DateRule("day_first"))
    assert received.understood["dates"] == "day first, as date_order says"
    assert upload.times(received) == OPEN
    swapped = [time.replace(month=time.day, day=time.month) for time in OPEN]
    assert upload.times(upload.read(rows, DateRule("month_first"))) == swapped


@pytest.mark.fault(24)
def test_few_or_divided_vehicles_decide_nothing(upload):
    """Two vehicles may both be late; and vehicles that disagree are no evidence."""
    with pytest.raises(UploadRefusedError, match="2 support day first, 0 month first; needed are 3"):
        upload.read(written(OPEN[:2], DAY))
    rows = [(knr(time, n), time.strftime(DAY)) for n, time in enumerate(OPEN[:3] * 9)]
    rows += [(knr(time.replace(month=time.day, day=time.month)), time.strftime(DAY)) for time in OPEN[:3]]
    with pytest.raises(UploadRefusedError, match="27 support day first, 3 month first"):
        upload.read(rows)


@pytest.mark.fault(24)
def test_a_setting_that_the_dates_contradict_is_refused(upload):
    """Somebody is wrong, and both are named."""
    for rows, found in (
        (written(moments((5, 13)), DAY), r"Found: day first, 1 date shows it, such as '13/05/2023"),
        (written(OPEN, DAY), r"Found: day first, by the vehicles' production weeks"),
    ):
        with pytest.raises(UploadRefusedError, match="setting date_order of status says month_first") as refused:
            upload.read(rows, DateRule("month_first"))
        assert found in str(refused.value)
        assert upload.read(rows, DateRule("day_first")).reading.dates.slashed == "day_first"


def test_dates_that_are_the_same_in_both_orders_need_no_decision(upload):
    """5/5 is one day."""
    times = moments((5, 5), (6, 6))
    assert upload.times(upload.read(written(times, DAY, FAR))) == times


@pytest.mark.fault(24)
def test_where_two_orders_are_mixed_each_row_speaks_for_itself(upload):
    """Certain rows are taken, the others set aside one by one: neither guessed, nor a reason to hold back the rest."""
    day, month = moments((5, 13), (3, 8)), moments((6, 14), (9, 2))
    undecided = moments((4, 7))
    rows = [*written(day, DAY), *written(month, MONTH), *written(undecided, DAY, FAR)]
    received = upload.read(rows)
    assert received.reading.dates.slashed == "each_row"
    assert received.understood["dates"].startswith(
        "two orders mixed (day first: 1 date shows it and month first: 1 date shows it)"
    )
    ambiguous = "DATA: day and month cannot be told apart: '07/04/2023 10:30:05'"
    assert upload.times(received) == [*day, *month, [ambiguous]]
    by_setting = upload.times(upload.read(rows, DateRule("day_first")))
    assert by_setting[0] == day[0]
    assert by_setting[2] == ["DATA: not a date and time: '06/14/2023 10:30:05'"]
    assert by_setting[-1] == undecided[0]


@pytest.mark.fault(24)
def test_one_slip_does_not_turn_the_column(upload):
    """A single date that contradicts all production weeks makes the column mixed; it does not decide."""
    slip = [(knr(FAR), "13/05/2023 10:30:00")]
    received = upload.read([*slip, *written(OPEN, MONTH)])
    assert received.reading.dates.slashed == "each_row"
    assert upload.times(received)[1:] == OPEN


def cells(times, swap):
    """Return rows as a spreadsheet of another order leaves them: what it takes for a date is swapped, the rest text."""
    for number, time in enumerate(times):
        turned = time.replace(month=time.day, day=time.month) if time.day <= 12 and swap else time
        yield knr(time, number), turned if time.day <= 12 else time.strftime(DAY)


TURNED = [*OPEN, *moments((3, 14), (4, 20), (5, 31))]


@pytest.mark.fault(24, 31)
@pytest.mark.parametrize("swap", [True, False])
def test_cells_that_a_spreadsheet_swapped_are_swapped_back(upload, swap):
    """Day and month are swapped in exactly the cells that fit the spreadsheet's order; the production weeks decide."""
    received = upload.read_cells(cells(TURNED, swap))
    assert received.reading.dates == DateReading("day_first", iso_swapped=swap)
    assert ("swapped back" in received.understood["dates"]) is swap
    assert upload.times(received) == TURNED


@pytest.mark.fault(24, 31)
def test_cells_that_may_be_swapped_are_refused_where_the_vehicles_do_not_tell(upload):
    """A date that reads as another valid date is the worst kind of wrong."""
    rows = [(knr(FAR), cell) for _, cell in cells(TURNED, swap=True)]
    with pytest.raises(UploadRefusedError, match=r"3 ISO dates have day and month swapped.*do not open the file in a"):
        upload.read_cells(rows)


def test_iso_beside_slashes_is_as_written_where_a_day_above_12_shows_it(upload):
    """Two systems in one file, no spreadsheet."""
    iso, slashed = [*OPEN, *moments((7, 20))], moments((3, 14), (2, 9))
    received = upload.read([*written(iso, ISO, FAR), *written(slashed, DAY, FAR)])
    assert received.understood["dates"] == "day first (1 date shows it); ISO as written"
    assert upload.times(received) == [*iso, *slashed]


@pytest.mark.fault(31)
def test_dates_serial_numbers_and_texts_in_one_column_are_read(upload):
    """Excel stores a date as a number; if its format was lost, the cell shows the number."""
    time = dt.datetime(2023, 3, 15, 6, 0)
    cells = (time, 45000.25, "2023-03-15 06:00:00", "15/03/2023 06:00")
    assert upload.times(upload.read_cells([(knr(time), cell) for cell in cells])) == [time] * 4


def test_blanks_with_a_slash_are_no_dates(upload):
    """`#N/A` holds a slash."""
    received = upload.read([*written(OPEN, ISO), (knr(FAR), "#N/A")])
    assert received.understood["dates"] == "ISO"
    assert upload.times(received) == [*OPEN, ["DATA: missing"]]


def test_the_decision_goes_with_the_rows(upload):
    """Validation in another process uses the stored decision."""
    received = upload.read(written(OPEN, MONTH))
    again = ParsedUpload.load(received.folder)
    assert again == received
    assert upload.times(again) == OPEN


near_days = st.lists(
    st.tuples(st.datetimes(dt.datetime(2022, 1, 1), dt.datetime(2024, 12, 31)), st.integers(-10, 10)),
    min_size=1,
    max_size=12,
)


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(near_days, st.sampled_from([DAY, MONTH]), st.lists(st.booleans(), min_size=1, max_size=3))
def test_no_date_is_ever_read_wrong(upload, days, order, iso):
    """Slashes of either order, ISO dates between them: each time is the true one, or the upload is refused."""
    forms = [ISO if one else order for one in iso]
    times = [(day.replace(microsecond=0), day + dt.timedelta(days=off)) for day, off in days]
    rows = [(knr(built, n), time.strftime(forms[n % len(forms)])) for n, (time, built) in enumerate(times)]
    try:
        received = upload.read(rows)
    except UploadRefusedError:
        return
    for (time, _), found in zip(times, upload.times(received), strict=True):
        assert found == time


def test_settings_name_upload_kinds(home, monkeypatch):
    """A misspelt kind would be a setting without effect."""
    monkeypatch.setenv("FAILURE_PLATFORM_DATE_ORDER__FALHAS", "day_first")
    monkeypatch.setenv("FAILURE_PLATFORM_HOUR_PRECISION", '["falhas"]')
    assert Settings().date_order == {"falhas": "day_first"}
    assert Settings().hour_precision == {"falhas"}
    monkeypatch.setenv("FAILURE_PLATFORM_DATE_ORDER__FALHA", "day_first")
    with pytest.raises(ValueError, match="no upload kind is called falha; there are: resultados, falhas, status"):
        Settings()
