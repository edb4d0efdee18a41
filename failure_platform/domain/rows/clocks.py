"""Decides whether the times of day of an upload can be trusted, from the statistics of its complete DATA column."""

from dataclasses import dataclass, replace

from failure_platform.domain.rows.dates import DateReading, DateRule
from failure_platform.domain.rows.refusals import UploadRefusedError

# By chance, a minute equals the month once in sixty times. A job at a fixed minute may always match one month, but
# hardly two.
_HOURS_BY_CHANCE, _HOURS_BY_CHANCE_IN_ONE_MONTH, _ROWS_BY_CHANCE_IN_ONE_MONTH = 4, 6, 20
# Two dozen times that all fall into half of the day are no chance.
_ROWS_OF_TWELVE_HOURS, _HOURS_OF_TWELVE, _HALF_A_DAY = 24, 6, 12
_ROWS_WITHOUT_TIME = 3
_WHERE = "column DATA"


@dataclass(frozen=True)
class Clock:
    """Statistics of the clock times of a column.

    Args:
        rows: number of dates with a clock time; in `minute_is_month` of them the minutes equal the month.
        without: number of dates without a clock time; `midnight` of both are the first second of a day.
        afternoon: number of dates after 12:59 or in the hour after midnight; `noon` in the hour of 12, `early` in the
            hours of 1 to 3.
        hours_of_day: number of distinct hours of the day; `days` of distinct days.
        hours: number of distinct hours, each of a certain day; `months` likewise.
        example: one of them; empty without any.
    """

    rows: int = 0
    minute_is_month: int = 0
    without: int = 0
    midnight: int = 0
    afternoon: int = 0
    noon: int = 0
    early: int = 0
    hours_of_day: int = 0
    days: int = 0
    hours: int = 0
    months: int = 0
    example: str = ""

    @property
    def may_show_the_month(self) -> bool:
        """Whether every row is consistent with the month printed in place of the minutes."""
        return self.minute_is_month == self.rows

    @property
    def shows_the_month(self) -> bool:
        """Whether the month is printed in place of the minutes, beyond chance."""
        if not self.rows or not self.may_show_the_month:
            return False
        if self.months > 1:
            return self.hours >= _HOURS_BY_CHANCE
        return self.hours >= _HOURS_BY_CHANCE_IN_ONE_MONTH and self.rows >= _ROWS_BY_CHANCE_IN_ONE_MONTH

    @property
    def shows_twelve_hours(self) -> bool:
        """Whether the clock is one of twelve hours without AM and PM: never 0 or above 12, with noon and early hours.

        A shift that begins at 3 and ends before 13 o'clock, every day, looks the same.
        """
        if self.afternoon or not self.noon or not self.early:
            return False
        if self.days > 1:
            return self.rows >= _ROWS_OF_TWELVE_HOURS and self.hours_of_day >= _HOURS_OF_TWELVE
        # An export of half a day ends at noon; round the clock, each hour is there twice.
        return self.rows >= 2 * _ROWS_OF_TWELVE_HOURS and self.hours_of_day == _HALF_A_DAY

    @property
    def has_no_time(self) -> bool:
        """Whether the dates are days without a time of day."""
        return self.midnight == self.rows + self.without >= _ROWS_WITHOUT_TIME


def check_clock(kind: str, clock: Clock, reading: DateReading, words: str, rule: DateRule) -> tuple[DateReading, str]:
    """Return how times are read and why: `reading` and its `words`, changed where minutes show the month.

    Raises:
        UploadRefusedError: the export prints the month in the minutes' place, a clock of twelve hours, or no time of
            day, and the settings do not accept that.
    """
    if clock.has_no_time and not rule.any_clock:
        raise UploadRefusedError(
            f"All {clock.midnight:,} dates are midnight, such as '{clock.example}'",
            _WHERE,
            "The times of day are lost: what was measured or found after the prediction point would look as if it were "
            "known before, and a repeated test would replace the first.",
            "Export DATA with the time of day, or with a column HORA beside it. Or accept it for this kind: set "
            f'accepted_clocks = ["{kind}"] in settings.toml, and materialise this partition again.',
        )
    if clock.shows_twelve_hours and not rule.any_clock:
        raise UploadRefusedError(
            f"The clock of DATA has twelve hours: none of {clock.rows:,} times is after 12:59 or in the hour after "
            f"midnight, such as '{clock.example}'",
            _WHERE,
            "The export printed no AM and PM, so every time of an afternoon or evening is wrong by twelve hours.",
            "Export again with the format code of 24 hours (Oracle HH24:MI, not HH:MI; strftime %H, not %I). Or, if "
            f'the times are right, set accepted_clocks = ["{kind}"] in settings.toml, and materialise this partition '
            "again.",
        )
    if rule.to_the_hour and clock.rows and clock.may_show_the_month:
        hours = f"times kept to the hour, since the minutes show the month in all {clock.rows:,} of them"
        return replace(reading, to_the_hour=True), f"{words}; {hours}"
    if not clock.shows_the_month:
        return reading, words
    raise UploadRefusedError(
        f"The minutes of DATA show the month in all {clock.rows:,} rows with a time, such as '{clock.example}'",
        _WHERE,
        "The export printed the month where the minutes belong, so the true minutes are lost: the same row from a "
        "correct export would look like another one, and rows within an hour would stand in the wrong order.",
        "Export again with the format code of minutes (Oracle HH24:MI, not HH24:MM; strftime %M, not %m). Or accept "
        f'times to the hour: set hour_precision = ["{kind}"] in settings.toml, and materialise this partition again.',
    )
