"""Decides how the dates of one upload are to be read, by the evidence of its whole DATA column.

Belongs here: what the column shows, what follows from it, and the words for both. Does not belong here: how a text is
read once that is decided, and how the evidence is counted (`date_texts`).

`03/04/2025` is two dates. A reader that guesses puts a vehicle's defects a month away from the vehicle, and nobody
sees it. So the order of day and month is decided by dates of the column that can be read one way only, and by how far
both readings lie from the weeks in which the vehicles were built. Where neither decides, a setting does; without it
the upload is refused.
"""

from dataclasses import dataclass, replace
from typing import Literal

from failure_platform.domain.rows.layouts import UploadRefusedError

Order = Literal["day_first", "month_first"]

_VEHICLES_THAT_SPEAK = 3
_SHARE_THAT_AGREES = 0.95
# A minute equals the month once in sixty times. A job at a fixed minute may always hit one month, hardly two.
_HOURS_BY_CHANCE, _HOURS_BY_CHANCE_IN_ONE_MONTH, _ROWS_BY_CHANCE_IN_ONE_MONTH = 4, 6, 20
_WHERE = "column DATA"


@dataclass(frozen=True)
class DateReading:
    """How the dates of an upload are read.

    Args:
        slashed: which part of `03/04/2025` is the day; `each_row` where the column mixes both orders: then a row is
            read by what it alone shows, or by its vehicle's week, and is bad where neither tells.
        iso_swapped: whether day and month of ISO dates are swapped back.
        to_the_hour: whether minutes and seconds are dropped, because the export printed something else there.
    """

    slashed: Literal["day_first", "month_first", "each_row"] = "day_first"
    iso_swapped: bool = False
    to_the_hour: bool = False


AS_WRITTEN = DateReading()


@dataclass(frozen=True)
class DateRule:
    """What the settings say about the dates of a kind: the order where nothing else decides, and whether times to the
    hour are accepted from an export that prints the month in the minutes' place."""

    order: Order | None = None
    to_the_hour: bool = False


@dataclass(frozen=True)
class Evidence:
    """What the dates of one written form show, of which each can be read in two ways.

    For slashes the first reading is day first, the second month first; for ISO dates as written, and swapped.

    Args:
        dates: how many there are.
        only_first: dates that exist in the first reading alone; `only_second` in the second.
        either: dates that exist in both, as two days.
        vehicles_first: vehicles with such a date whose first reading lies clearly nearer to their production week;
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
        """How many vehicles speak for a reading."""
        return self.vehicles_first + self.vehicles_second

    @property
    def vehicles_say(self) -> Literal["first", "second"] | None:
        """The reading for which clearly most vehicles speak."""
        if self.vehicles < _VEHICLES_THAT_SPEAK:
            return None
        if self.vehicles_first >= _SHARE_THAT_AGREES * self.vehicles:
            return "first"
        return "second" if self.vehicles_second >= _SHARE_THAT_AGREES * self.vehicles else None

    @property
    def agreement(self) -> str:
        """How clearly the vehicles speak, in words."""
        share = max(self.vehicles_first, self.vehicles_second) / max(self.vehicles, 1)
        return f"by the vehicles' production weeks ({share:.0%} of {self.vehicles:,} vehicles)".replace("%", " %")


@dataclass(frozen=True)
class Clock:
    """What the clock times of a column show.

    Args:
        rows: dates with a clock time; in `minute_is_month` of them the minutes equal the month.
        hours: how many different hours, of any day, they lie in; `months` the same.
        example: one of them; empty without any.
    """

    rows: int = 0
    minute_is_month: int = 0
    hours: int = 0
    months: int = 0
    example: str = ""

    @property
    def may_show_the_month(self) -> bool:
        """Whether no row speaks against the month standing in the minutes' place."""
        return self.minute_is_month == self.rows

    @property
    def shows_the_month(self) -> bool:
        """Whether the month stands in the minutes' place, beyond chance."""
        if not self.rows or not self.may_show_the_month:
            return False
        if self.months > 1:
            return self.hours >= _HOURS_BY_CHANCE
        return self.hours >= _HOURS_BY_CHANCE_IN_ONE_MONTH and self.rows >= _ROWS_BY_CHANCE_IN_ONE_MONTH


def decide(kind: str, slashed: Evidence, iso: Evidence, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of a column with slashes are read, and why, in words.

    Where the column contradicts itself, two exports were mixed, and what one row shows says nothing about the next:
    unless the settings name the order, each row must speak for itself, and those that do not are set aside one by one.
    Refusing the upload would hold back the rows that are certain, reading on by majority would guess.

    Raises:
        UploadRefusedError: nothing decides, or what decides contradicts the settings.
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
        told = f"times kept to the hour, since the minutes show the month in all {clock.rows:,} of them"
        return replace(reading, to_the_hour=True), f"{words}; {told}"
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
    for order, only, voice in readings:
        if only:
            reasons[order] = f"{only:,} {'date shows' if only == 1 else 'dates show'} it"
        elif shown.vehicles_say == voice:
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
        told = " and ".join(f"{_words(order)}: {reason}" for order, reason in reasons.items())
        return "each_row", f"two orders mixed ({told}); each row by itself or by its vehicle's production week"
    raise _undecided(kind, shown)


def _words(order: Order) -> str:
    return order.replace("_", " ")


def _perhaps_swapped(iso: Evidence, slashed: Evidence) -> tuple[bool, str]:
    """Say whether a spreadsheet took the dates that fit its own order for dates, and left the others as text."""
    if iso.vehicles_say is None:
        raise UploadRefusedError(
            f"It cannot be told whether {iso.either:,} ISO dates have day and month swapped, such as "
            f"'{iso.either_example}'",
            _WHERE,
            f"Every ISO date could be either, and every date with slashes has a part above 12, such as "
            f"'{slashed.first_example or slashed.second_example}'. That is what a spreadsheet leaves behind when it "
            "opens dates of another order: it swaps those it can. The production weeks of the vehicles do not tell.",
            "Export again straight from the source system, with dates written YYYY-MM-DD HH:MM:SS, and do not open "
            "the file in a spreadsheet before dropping it.",
        )
    if iso.vehicles_say == "first":
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
        "No date has a part above 12, and the production weeks of the vehicles do not tell "
        f"({shown.vehicles_first:,} speak for day first, {shown.vehicles_second:,} for month first; needed are "
        f"{_VEHICLES_THAT_SPEAK}, and {_SHARE_THAT_AGREES:.0%} of one mind).".replace("%", " %"),
        f'Say which it is, in settings.toml: [date_order] {kind} = "day_first" (or "month_first"), or '
        f"FAILURE_PLATFORM_DATE_ORDER__{kind.upper()}=day_first, and materialise this partition again. Or export with "
        "dates written YYYY-MM-DD HH:MM:SS.",
    )
