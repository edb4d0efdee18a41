"""The strip that shows on which days falhas uploads cover each hall."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

import pandas as pd

_LONGEST_IN_DAYS, _LONGEST = 120, 730
_WIDTH, _LEFT, _TOP, _ROW, _BAR = 900, 70, 58, 24, 18
_COVERED, _THIN, _EMPTY = ("#0072B2", "covered"), ("url(#thin)", "thin: too few rows to tell"), ("#fff", "not covered")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class CoverageStrip:
    """The days from the first to the last row of any falhas upload, by hall.

    Attributes:
        table: a row per hall: HALLE, covered, thin and not covered (numbers of days), first and last covered day.
        days: HALLE, day, thin; the covered days.
        first: first day shown; a strip is at most two years long.
        last: last day shown.
    """

    table: pd.DataFrame
    days: pd.DataFrame
    first: date
    last: date

    @property
    def alt(self) -> str:
        """The alternative text of the picture."""
        names = ("HALLE", "covered", "thin", "not_covered")
        rows = zip(*(self.table[name].tolist() for name in names), strict=True)
        halls = [
            f"{hall}: {covered + thin} of {covered + thin + empty} days" + (f", {thin} of them thinly" if thin else "")
            for hall, covered, thin, empty in rows
        ]
        return f"Days covered by hall from {self.first} to {self.last}. " + "; ".join(halls) + "."


def coverage_strip(days: pd.DataFrame, halls: Sequence[str], first: date, last: date) -> CoverageStrip:
    """Return the strip of some halls, one row each in this order.

    Args:
        days: HALLE, day (date), thin; of the covered days.
        halls: the rows.
        first: first day with a row of any falhas upload; `last` the last.
    """
    first = max(first, last - _LONGEST * _DAY)
    shown = days[(days["day"] >= first) & (days["day"] <= last)]
    every = (last - first).days + 1
    rows = []
    for hall in halls:
        of_hall = shown[shown["HALLE"] == hall]
        thin = int(of_hall["thin"].sum())
        ends = (of_hall["day"].min(), of_hall["day"].max()) if len(of_hall) else ("", "")
        rows.append((hall, len(of_hall) - thin, thin, every - len(of_hall), *ends))
    columns = ["HALLE", "covered", "thin", "not_covered", "first", "last"]
    return CoverageStrip(pd.DataFrame(rows, columns=columns), shown, first, last)


def coverage_svg(strip: CoverageStrip) -> bytes:
    """Draw the strip: filled is covered, hatched thinly covered, empty not; strips of more than 120 days by week.

    The height of a week is the part of its days that is covered. It is SVG, since matplotlib takes a second to import
    and the page of every falhas upload shows it.
    """
    span, halls = (strip.last - strip.first).days + 1, list(strip.table["HALLE"])
    width = 1 if span <= _LONGEST_IN_DAYS else 7
    height = _TOP + _ROW * len(halls) + 24
    scale = (_WIDTH - _LEFT - 12) / span
    size = {"viewBox": f"0 0 {_WIDTH} {height}", "width": str(_WIDTH), "role": "img"}
    root = Element("svg", size, xmlns="http://www.w3.org/2000/svg")
    SubElement(root, "title").text = strip.alt
    _style(root)
    _rectangle(root, 0, 0, _WIDTH, height, "white")
    unit = "" if width == 1 else "; a column is a week, its height the part of its days that is covered"
    _text(root, 12, 20, f"Days that falhas cover, by hall{unit}", 14)
    for place, (fill, meaning) in enumerate((_COVERED, _THIN, _EMPTY)):
        _rectangle(root, _LEFT + 170 * place, 30, 14, 14, fill)
        _text(root, _LEFT + 20 + 170 * place, 42, meaning, 12)
    for row, hall in enumerate(halls):
        top = _TOP + _ROW * row
        _text(root, _LEFT - 8, top + 13, hall, 12, "end")
        _rectangle(root, _LEFT, top, span * scale, _BAR, _EMPTY[0])
        for begin, length, part, thin in _cells(strip, hall, span, width):
            fill = _THIN[0] if thin else _COVERED[0]
            _rectangle(root, _LEFT + begin * scale, top + _BAR * (1 - part), length * scale, _BAR * part, fill)
    _months(root, strip, scale, height)
    return tostring(root, encoding="unicode").encode()


def _cells(strip: CoverageStrip, hall: str, span: int, width: int) -> Iterator[tuple[int, int, float, bool]]:
    """Yield first day and number of days, part that is covered, and whether it is thin; equal days in a row as one."""
    of_hall = strip.days[strip.days["HALLE"] == hall]
    thin = {(day - strip.first).days: bool(thin) for day, thin in zip(of_hall["day"], of_hall["thin"], strict=True)}
    if width > 1:
        for begin in range(0, span, width):
            days = [thin[day] for day in range(begin, min(begin + width, span)) if day in thin]
            if days:
                length = min(width, span - begin)
                yield begin, length, len(days) / length, any(days)
        return
    for state, days_in_row in groupby(range(span), thin.get):
        if state is not None:
            first, *others = days_in_row
            yield first, 1 + len(others), 1.0, state


def _months(root: Element, strip: CoverageStrip, scale: float, height: int) -> None:
    """Mark the first days of months, as many as have room for their names."""
    least, marks = int(75 / scale) + 1, [strip.first]
    for month in pd.date_range(strip.first, strip.last, freq="MS").date:
        if (month - marks[-1]).days >= least and (strip.last - month).days >= least:
            marks.append(month)
    for mark in marks:
        x = _LEFT + (mark - strip.first).days * scale
        attributes = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": str(_TOP - 3), "y2": str(height - 20)}
        SubElement(root, "line", {**attributes, "stroke": "#666", "stroke-width": "0.6"})
        _text(root, x + 2, height - 8, f"{mark:%Y-%m-%d}", 11)


def _style(root: Element) -> None:
    """Define the hatch of thin days, which differs from the other two in greyscale as well."""
    size = {"width": "5", "height": "5", "patternUnits": "userSpaceOnUse"}
    pattern = SubElement(SubElement(root, "defs"), "pattern", size, id="thin")
    _rectangle(pattern, 0, 0, 5, 5, "#dbe9f4", stroke="none")
    SubElement(pattern, "path", {"d": "M0 5 L5 0", "stroke": "#222", "stroke-width": "1"})


def _rectangle(
    parent: Element, x: float, y: float, width: float, height: float, fill: str, stroke: str = "#999"
) -> None:
    size = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    SubElement(parent, "rect", {**size, "fill": fill, "stroke": stroke, "stroke-width": "0.4"})


def _text(parent: Element, x: float, y: float, text: str, size: int, anchor: str = "start") -> None:
    place = {
        "x": f"{x:.1f}",
        "y": f"{y:.1f}",
        "font-size": str(size),
        "text-anchor": anchor,
        "font-family": "sans-serif",
    }
    SubElement(parent, "text", place).text = text
