"""Decides how the dates of an upload are read, from the evidence in its complete DATA column.

`03/04/2025` can be two dates. A reader that guesses moves a vehicle's defects by a month, and nobody notices. So the
order of day and month is decided by the dates that can be read in one way only, and by how far both readings are from
the weeks in which the vehicles were built. Where neither decides, a setting does; without it the upload is refused.
"""

from dataclasses import dataclass, replace
from typing import Literal

from failure_platform.domain.rows.refusals import UploadRefusedError

Order = Literal["day_first", "month_first"]

_MIN_VEHICLES = 3
_MIN_AGREEMENT = 0.95
# By chance, a minute equals the month once in sixty times. A job at a fixed minute may always match one month, but
# hardly two.
_HOURS_BY_CHANCE, _HOURS_BY_CHANCE_IN_ONE_MONTH, _ROWS_BY_CHANCE_IN_ONE_MONTH = 4, 6, 20
_WHERE = "column DATA"


@dataclass(frozen=True)
class DateReading:
    """How the dates of an upload are read.

    Args:
        slashed: which part of `03/04/2025` is the day. With `each_row` the column mixes both orders: a row is read by
            its own date, or else by its vehicle's production week, and is bad where neither decides.
        iso_swapped: whether day and month of ISO dates are swapped back.
        to_the_hour: whether minutes and seconds are dropped, because the export printed something else there.
    """

    slashed: Literal["day_first", "month_first", "each_row"] = "day_first"
    iso_swapped: bool = False
    to_the_hour: bool = False


AS_WRITTEN = DateReading()


@dataclass(frozen=True)
class DateRule:
    """The settings for the dates of a kind.

    Args:
        order: the order of day and month where nothing else decides; None: the upload is refused then.
        to_the_hour: whether times to the hour are accepted from an export that prints the month in place of minutes.
    """

    order: Order | None = None
    to_the_hour: bool = False


@dataclass(frozen=True)
class Evidence:
    """Counts of the dates of one written form, each of which can be read in two ways.

    For slashes the first reading is day first, the second month first; for ISO dates as written, and swapped.

    Args:
        dates: number of dates.
        only_first: dates that are valid in the first reading only; `only_second` in the second.
        either: dates that are valid in both readings, as two different days.
        vehicles_first: vehicles with such a date whose first reading is clearly nearer to their production week;
            `vehicles_second` the second.
        first_example: one of `only_first`, and so on; empty without any.
    """

    dates: int = 0
    only_first: int = 0
    only_second: int = 0
    either: int = 0
    vehicles_first: int = 0
    vehicles_second: int = 0
    first_example: str = ""
    second_example: str = ""
    either_example: str = ""

    @property
    def vehicles(self) -> int:
        """Number of vehicles that support one of the readings."""
        return self.vehicles_first + self.vehicles_second

    @property
    def majority(self) -> Literal["first", "second"] | None:
        """The reading that nearly all vehicles support, if there are enough of them."""
        if self.vehicles < _MIN_VEHICLES:
            return None
        if self.vehicles_first >= _MIN_AGREEMENT * self.vehicles:
            return "first"
        return "second" if self.vehicles_second >= _MIN_AGREEMENT * self.vehicles else None

    @property
    def agreement(self) -> str:
        """The share of vehicles that support the same reading, in words."""
        share = max(self.vehicles_first, self.vehicles_second) / max(self.vehicles, 1)
        return f"by the vehicles' production weeks ({share:.0%} of {self.vehicles:,} vehicles)".replace("%", " %")


@dataclass(frozen=True)
class Clock:
    """Statistics of the clock times of a column.

    Args:
        rows: number of dates with a clock time; in `minute_is_month` of them the minutes equal the month.
        hours: number of distinct hours, each of a certain day; `months` likewise.
        example: one of them; empty without any.
    """

    rows: int = 0
    minute_is_month: int = 0
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


def decide(kind: str, slashed: Evidence, iso: Evidence, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of a column with slashes are read, and why, in words.

    Where the column contradicts itself, two exports were mixed, and one row is no evidence for the next. Unless the
    settings name the order, each row is then read by itself, and the ambiguous ones are set aside one by one. Refusing
    the upload would hold back the rows that are certain; deciding by majority would be a guess.

    Raises:
        UploadRefusedError: there is no evidence and no setting, or the evidence contradicts the setting.
    """
    reading, words = _slashed(kind, slashed, rule)
    if not slashed.either and iso.either and not iso.only_first:
        swapped, iso_words = _perhaps_swapped(iso, slashed)
        return DateReading(reading, iso_swapped=swapped), f"{words}; {iso_words}"
    return DateReading(reading), f"{words}; ISO as written" if iso.dates else words


def check_clock(kind: str, clock: Clock, reading: DateReading, words: str, rule: DateRule) -> tuple[DateReading, str]:
    """Return how times are read and why: `reading` and its `words`, changed where minutes show the month.

    Raises:
        UploadRefusedError: the export prints the month in the minutes' place, and the settings do not accept that.
    """
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


def _slashed(kind: str, shown: Evidence, rule: DateRule) -> tuple[Literal["day_first", "month_first", "each_row"], str]:
    reasons: dict[Order, str] = {}
    readings: tuple[tuple[Order, int, str], ...] = (
        ("day_first", shown.only_first, "first"),
        ("month_first", shown.only_second, "second"),
    )
    for order, only, name in readings:
        if only:
            reasons[order] = f"{only:,} {'date shows' if only == 1 else 'dates show'} it"
        elif shown.majority == name:
            reasons[order] = shown.agreement
    match list(reasons.items()):
        case [(order, reason)] if rule.order in (None, order):
            return order, f"{_words(order)}{', ' + reason if reason.startswith('by') else f' ({reason})'}"
        case [(order, reason)]:
            raise _contradicted(kind, order, reason, shown, rule)
        case [] if not shown.either:
            return "day_first", "day and month alike in every date with slashes"
    if rule.order is not None:
        return rule.order, f"{_words(rule.order)}, as date_order says"
    if reasons:
        mixed = " and ".join(f"{_words(order)}: {reason}" for order, reason in reasons.items())
        return "each_row", f"two orders mixed ({mixed}); each row by itself or by its vehicle's production week"
    raise _undecided(kind, shown)


def _words(order: Order) -> str:
    return order.replace("_", " ")


def _perhaps_swapped(iso: Evidence, slashed: Evidence) -> tuple[bool, str]:
    """Return whether a spreadsheet swapped the dates that fit its own order and left the others as text, and why."""
    if iso.majority is None:
        raise UploadRefusedError(
            f"It cannot be told whether {iso.either:,} ISO dates have day and month swapped, such as "
            f"'{iso.either_example}'",
            _WHERE,
            f"Every ISO date could be either, and every date with slashes has a part above 12, such as "
            f"'{slashed.first_example or slashed.second_example}'. That is what a spreadsheet leaves behind when it "
            "opens dates of another order: it swaps those it can. The production weeks of the vehicles do not decide.",
            "Export again straight from the source system, with dates written YYYY-MM-DD HH:MM:SS, and do not open "
            "the file in a spreadsheet before dropping it.",
        )
    if iso.majority == "first":
        return False, f"ISO as written, {iso.agreement}"
    return True, f"ISO dates swapped back, since a spreadsheet had swapped day and month, {iso.agreement}"


def _contradicted(kind: str, order: Order, reason: str, shown: Evidence, rule: DateRule) -> UploadRefusedError:
    example = {"day_first": shown.first_example, "month_first": shown.second_example}[order] or shown.either_example
    return UploadRefusedError(
        f"The dates are {_words(order)}, but the setting date_order of {kind} says {rule.order}",
        _WHERE,
        f"Found: {_words(order)}, {reason}, such as '{example}'.",
        f"Set date_order of {kind} to {order} or remove it, and materialise this partition again; or export the file "
        f"with dates written YYYY-MM-DD HH:MM:SS.",
    )


def _undecided(kind: str, shown: Evidence) -> UploadRefusedError:
    return UploadRefusedError(
        f"Day and month cannot be told apart in {shown.either:,} dates, such as '{shown.either_example}'",
        _WHERE,
        "No date has a part above 12, and the production weeks of the vehicles do not decide "
        f"({shown.vehicles_first:,} support day first, {shown.vehicles_second:,} month first; needed are "
        f"{_MIN_VEHICLES}, and {_MIN_AGREEMENT:.0%} agreement).".replace("%", " %"),
        f'Say which it is, in settings.toml: [date_order] {kind} = "day_first" (or "month_first"), or '
        f"FAILURE_PLATFORM_DATE_ORDER__{kind.upper()}=day_first, and materialise this partition again. Or export with "
        "dates written YYYY-MM-DD HH:MM:SS.",
    )
