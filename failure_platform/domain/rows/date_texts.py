"""Parses the texts of a date column, and counts the evidence for how they have to be read, as Ibis expressions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import ibis

from failure_platform.domain.rows.cell_texts import full_match, normal_form
from failure_platform.domain.rows.dates import DateReading

_CLOCK = r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
_ISO = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(" + _CLOCK + ")"
_SLASHED = r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})(" + _CLOCK + ")"
_DOTTED = r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(" + _CLOCK + ")"
_CANONICAL = "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}.*"
_ISO_MONTH, _ISO_DAY, _ISO_HOUR, _ISO_MINUTE = slice(5, 7), slice(8, 10), slice(11, 13), slice(14, 16)
_CANONICAL_LENGTH = len("2023-05-08 10:00:00")

_CLEARLY_NEARER = 21  # days
_STILL_NEAR = 182  # days; a date farther from the production week is no evidence
_MIDDLE_OF_WEEK = "-4"

# DuckDB functions that Ibis does not have, by their signatures. A character by its place, from 1, is found in half of
# the time that a slice takes.
_character = ibis.udf.scalar.builtin(
    lambda text, place: ...,  # noqa: ARG005
    name="array_extract",
    signature=(("string", "int64"), "string"),
)
_try_strptime = ibis.udf.scalar.builtin(
    lambda text, form: ...,  # noqa: ARG005
    name="try_strptime",
    signature=(("string", "string"), "timestamp"),
)


def is_canonical_timestamp(text: Any, value: Any) -> Any:
    """Return whether `value`, the plain cast of a text, is the time that the text writes, as for nearly all texts.

    A cast accepts much that is no date of the plant (time zones, infinity, years of five digits), so the value must
    print as the text. That costs a third of what a regular expression costs.
    """
    return (text.length() == _CANONICAL_LENGTH) & (value.cast("string") == text)


def timestamp(text: Any, knr: Any, reading: DateReading) -> Any:
    """Return the time that a text in normal form writes, NULL if it writes none.

    This is the only parser of times: validation types with it, and `clock` counts with it.

    Args:
        text: the text in normal form.
        knr: the row's KNR, which need not be valid; gives the production week where each row is read by itself.
        reading: how the upload's dates are read.
    """
    iso, slashed, dotted = full_match(text, _ISO), full_match(text, _SLASHED), full_match(text, _DOTTED)
    written = _swapped(text) if reading.iso_swapped else text
    if reading.slashed == "each_row":
        certain = ibis.cases((iso, written), (dotted, _with_points(text))).try_cast("timestamp")
        return ibis.cases((slashed, _each_row(text, knr)), else_=certain)
    ordered = _day_first(text) if reading.slashed == "day_first" else _month_first(text)
    return ibis.cases((iso, written), (slashed, ordered), (dotted, _with_points(text))).try_cast("timestamp")


def is_ambiguous(text: Any, knr: Any) -> Any:
    """Return whether a text in normal form with slashes can be two dates, and its row does not show which."""
    first, second = _day_first(text).try_cast("timestamp"), _month_first(text).try_cast("timestamp")
    both = full_match(text, _SLASHED) & first.notnull() & second.notnull()
    return both & _each_row(text, knr).isnull()


def evidence(rows: ibis.Table) -> ibis.Table:
    """Return the evidence in the dates of `rows` (KNR, DATA: texts, all of one written form).

    Returns:
        one row with the fields of `domain.rows.dates.Evidence`.
    """
    text = normal_form(rows.DATA)
    slashed, iso, dotted = full_match(text, _SLASHED), full_match(text, _ISO), full_match(text, _DOTTED)
    texts = rows.select("KNR", text=text, slashed=slashed, iso=iso, dotted=dotted)
    texts = texts.filter(texts.slashed | texts.iso | texts.dotted)
    first = ibis.cases(
        (texts.slashed, _day_first(texts.text)), (texts.dotted, _with_points(texts.text)), else_=texts.text
    )
    second = ibis.cases((texts.slashed, _month_first(texts.text)), (texts.iso, _swapped(texts.text)))
    return _counted(texts, first, second)


def iso_evidence(rows: ibis.Table) -> ibis.Table:
    """Return the same for texts that are all exactly ISO dates, or NULL: preparing this query takes half the time."""
    texts = rows.select("KNR", text=rows.DATA, dotted=ibis.literal(False)).filter(rows.DATA.notnull())
    return _counted(texts, texts.text, _swapped(texts.text))


def _counted(texts: ibis.Table, first: Any, second: Any) -> ibis.Table:
    both = texts.mutate(
        first=first.try_cast("timestamp"),
        second=second.try_cast("timestamp"),
        produced=_production(normal_form(texts.KNR)),
    )
    only_first = both.first.notnull() & both.second.isnull() & ~both.dotted
    only_second = both.second.notnull() & both.first.isnull()
    either = both.first.notnull() & both.second.notnull() & (both.first != both.second)
    near_first, near_second = _nearer(both.produced, both.first, both.second)
    return both.aggregate(
        dates=both.count(where=both.first.notnull() | both.second.notnull()),
        dotted=both.count(where=both.dotted & both.first.notnull()),
        only_first=both.count(where=only_first),
        only_second=both.count(where=only_second),
        either=both.count(where=either),
        vehicles_first=both.KNR.nunique(where=either & near_first),
        vehicles_second=both.KNR.nunique(where=either & near_second),
        dotted_example=both.text.min(where=both.dotted).fill_null(""),
        first_example=both.text.min(where=only_first).fill_null(""),
        second_example=both.text.min(where=only_second).fill_null(""),
        either_example=both.text.min(where=either).fill_null(""),
    )


def signs(rows: ibis.Table) -> ibis.Table:
    """Return one row: the number of `rows` (KNR, DATA: texts), and whether one of them has each sign of SIGNS."""
    found = {name: sign(rows.DATA).any() for name, sign in SIGNS.items()}
    return rows.aggregate(rows=rows.count(), **found)


def with_sign(rows: ibis.Table, name: str) -> ibis.Table:
    """Return one of `rows` (KNR, DATA: texts) that has a sign of SIGNS, if there is one."""
    return rows.filter(SIGNS[name](rows.DATA)).limit(1)


def in_form(rows: ibis.Table, iso: bool) -> ibis.Table:
    """Return those of `rows` (KNR, DATA: texts) whose date may be an ISO date, or the others; none without a date."""
    return rows.filter(_in_year(rows.DATA) == iso)


def _in_year(text: Any) -> Any:
    """Return whether a text begins as an ISO date, with the four figures of a year; other forms have two at most."""
    return _character(text, 2).between("0", "9") & _character(text, 3).between("0", "9")


def _is_canonical(text: Any) -> Any:
    return full_match(text, _CANONICAL)


SIGNS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        # An ISO date whose day is above 12.
        "clear_day": lambda text: _is_canonical(text) & (text[_ISO_DAY] > "12"),
        # One with a number above 12 in the month's place.
        "swapped": lambda text: _is_canonical(text) & (text[_ISO_MONTH] > "12"),
        # One in the afternoon whose minutes are not its month.
        "clear_clock": lambda text: (
            _is_canonical(text) & (text[_ISO_HOUR] > "12") & (text[_ISO_MONTH] != text[_ISO_MINUTE])
        ),
        "not_iso": lambda text: ~full_match(text, _ISO),
        # The first condition follows from the second, and of most files it takes a quarter of the time.
        "other_form": lambda text: ~text.startswith("202") & ~_in_year(text),
    }
)
"""What a single date can prove about the column, as conditions of its text."""


def clock(rows: ibis.Table, reading: DateReading) -> ibis.Table:
    """Return statistics of the clock times of `rows` (KNR, DATA: texts): one row with the fields of `clocks.Clock`."""
    texts = rows.select(
        text=rows.DATA,
        timed=rows.DATA.contains(":"),
        at=timestamp(normal_form(rows.DATA), normal_form(rows.KNR), reading),
    )
    texts = texts.filter(texts["at"].notnull())
    at, timed = texts["at"], texts.timed
    hour = at.hour()
    return texts.aggregate(
        rows=texts.count(where=timed),
        minute_is_month=texts.count(where=timed & (at.minute() == at.month())),
        without=texts.count(where=~timed),
        midnight=texts.count(where=at == at.truncate("D")),
        afternoon=texts.count(where=timed & ((hour == 0) | (hour > 12))),
        noon=texts.count(where=timed & (hour == 12)),
        early=texts.count(where=timed & (hour >= 1) & (hour <= 3)),
        hours_of_day=hour.nunique(where=timed),
        days=at.truncate("D").nunique(),
        hours=at.truncate("h").nunique(where=timed),
        months=(at.year() * 12 + at.month()).nunique(where=timed),
        example=texts.text.min().fill_null(""),
    )


def _day_first(text: Any) -> Any:
    return text.re_replace(f"^{_SLASHED}$", r"\3-\2-\1\4")


def _with_points(text: Any) -> Any:
    return text.re_replace(f"^{_DOTTED}$", r"\3-\2-\1\4")


def _month_first(text: Any) -> Any:
    return text.re_replace(f"^{_SLASHED}$", r"\3-\1-\2\4")


def _swapped(text: Any) -> Any:
    return text.re_replace(f"^{_ISO}$", r"\1-\3-\2\4")


def _each_row(text: Any, knr: Any) -> Any:
    """Return the only date that a text with slashes can be, or else the one clearly nearer to the production week."""
    first, second = _day_first(text).try_cast("timestamp"), _month_first(text).try_cast("timestamp")
    near_first, near_second = _nearer(_production(knr), first, second)
    return ibis.cases(
        (second.isnull() | (first == second), first),
        (first.isnull(), second),
        (near_first, first),
        (near_second, second),
    )


def _production(knr: Any) -> Any:
    """Return the middle of a vehicle's production week, since some KNR have 9 as weekday; NULL for an invalid KNR."""
    return _try_strptime(knr.left(7) + _MIDDLE_OF_WEEK, "%G-%V-%u")


def _nearer(produced: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """Return two flags: whether the first, and whether the second date is near a production week and clearly nearer."""
    to_first, to_second = (date.delta(produced, unit="day").abs() for date in (first, second))
    return (
        (to_first + _CLEARLY_NEARER < to_second) & (to_first <= _STILL_NEAR),
        (to_second + _CLEARLY_NEARER < to_first) & (to_second <= _STILL_NEAR),
    )
