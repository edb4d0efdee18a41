"""Decides how the dates of an upload are read, from the evidence in its complete DATA column.

`03/04/2025` can be two dates. A reader that guesses moves a vehicle's defects by a month, and nobody notices. So the
order of day and month is decided by the dates that can be read in one way only, and by how far both readings are from
the weeks in which the vehicles were built. Where neither decides, a setting does; without it the upload is refused.
"""

from dataclasses import dataclass
from typing import Literal

from failure_platform.domain.rows.refusals import UploadRefusedError

Order = Literal["day_first", "month_first"]

_MIN_VEHICLES = 3
_MIN_AGREEMENT = 0.95
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
        any_clock: whether times of day are taken as they are, also from a clock of twelve hours or without a time of
            day.
    """

    order: Order | None = None
    to_the_hour: bool = False
    any_clock: bool = False


@dataclass(frozen=True)
class Evidence:
    """Counts of the dates of one written form, each of which can be read in two ways.

    For slashes the first reading is day first, the second month first; for ISO dates as written, and swapped.

    Args:
        dates: number of dates; `dotted` of them are written with points, which are day first wherever they are written.
        only_first: dates that are valid in the first reading only; `only_second` in the second.
        either: dates that are valid in both readings, as two different days.
        vehicles_first: vehicles with such a date whose first reading is clearly nearer to their production week;
            `vehicles_second` the second.
        first_example: one of `only_first`, and so on; empty without any.
    """

    dates: int = 0
    dotted: int = 0
    only_first: int = 0
    only_second: int = 0
    either: int = 0
    vehicles_first: int = 0
    vehicles_second: int = 0
    dotted_example: str = ""
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


def decide(kind: str, slashed: Evidence, iso: Evidence, rule: DateRule) -> tuple[DateReading, str]:
    """Return how the dates of a column with slashes or points are read, and why, in words.

    Where the column contradicts itself, two exports were mixed, and one row is no evidence for the next. Unless the
    settings name the order, each row is then read by itself, and the ambiguous ones are set aside one by one. Refusing
    the upload would hold back the rows that are certain; deciding by majority would be a guess.

    Raises:
        UploadRefusedError: there is no evidence and no setting, or the evidence contradicts the setting.
    """
    reading: Literal["day_first", "month_first", "each_row"]
    if slashed.dates == slashed.dotted:
        reading, words = "day_first", f"day first ({slashed.dotted:,} with points)"
    else:
        reading, words = _slashed(kind, slashed, rule)
    if not slashed.either and iso.either and not iso.only_first:
        swapped, iso_words = _perhaps_swapped(iso, slashed)
        return DateReading(reading, iso_swapped=swapped), f"{words}; {iso_words}"
    return DateReading(reading), f"{words}; ISO as written" if iso.dates else words


def decide_iso(iso: Evidence) -> tuple[DateReading, str]:
    """Return how a column of ISO dates is read in which none has a day above 12, and why, in words.

    Such dates can all be swapped, by a spreadsheet or an export: then they are far from the weeks in which the vehicles
    were built, and near to them once they are swapped back.
    """
    if iso.only_second:
        dates = f"{iso.only_second:,} {'date shows' if iso.only_second == 1 else 'dates show'} it"
        return DateReading(iso_swapped=True), f"year, day, month ({dates})"
    if iso.majority == "second":
        swapped = f"ISO dates swapped back, since day and month were swapped in all of them, {iso.agreement}"
        return DateReading(iso_swapped=True), swapped
    if iso.vehicles_second > iso.vehicles_first:
        nearer = f"{iso.vehicles_second:,} of {iso.vehicles:,} vehicles were built nearer to the swapped date"
        return AS_WRITTEN, f"ISO as written, though {nearer}: look at it"
    return AS_WRITTEN, "ISO"


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
        example = slashed.first_example or slashed.second_example or slashed.dotted_example
        raise UploadRefusedError(
            f"It cannot be told whether {iso.either:,} ISO dates have day and month swapped, such as "
            f"'{iso.either_example}'",
            _WHERE,
            f"Every ISO date could be either, and every date with slashes has a part above 12, such as "
            f"'{example}'. That is what a spreadsheet leaves behind when it "
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
