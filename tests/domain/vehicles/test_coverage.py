"""Coverage is evidence: which days of which halls the rows of uploads cover, and what that leaves of the labels."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from failure_platform.domain.targets import ROAD_TEST, Target
from failure_platform.domain.vehicles.coverage import DEFECTS, coverage, hall_coverage
from failure_platform.domain.vehicles.labels import NOT_COVERED, labels
from support.modelling_lake import DAY, HOUR, T0, SmallLake, event

DAYS, VEHICLES = 28, 20
# Of the 20 vehicles of a day, so many have a row in each hall.
USUAL = {"ZP5": 10, "ZP7": 19, "ROD": 2}
Rows = dict[tuple[str, int], dict[str, int]]
"""By upload and day, the vehicles with a row in each hall."""


@pytest.fixture(scope="module")
def line() -> list[dict[str, Any]]:
    """The status of a line that passes twenty vehicles a day."""
    return [
        event(f"{day:02}-{number:02}", T0 + day * DAY + number * HOUR / 2)
        for day in range(DAYS)
        for number in range(VEHICLES)
    ]


def lake_of(rows: Rows, status: Iterable[dict[str, Any]]) -> SmallLake:
    """A lake that knows of its falhas uploads only what they have by day and hall."""
    counts = [
        {"upload": upload, "day": (T0 + day * DAY).date(), "HALLE": hall, "vehicles": number, "grouped": number}
        for (upload, day), halls in rows.items()
        for hall, number in halls.items()
    ]
    uploads = [{"upload": key, "kind": "falhas", "name": f"{key}.csv", "state": "merged"} for key, _ in rows]
    by_key = {line["upload"]: line for line in uploads}
    return SmallLake(status=status, uploads=list(by_key.values()), falhas_days=counts)


def complete(days: Iterable[int] = range(DAYS), upload: Callable[[int], str] = lambda _: "whole") -> Rows:
    return {(upload(day), day): dict(USUAL) for day in days}


def known_days(lake: SmallLake, target: Target = ROAD_TEST) -> set[int]:
    """The days, by number, of which all vehicles have a label; of the others none has."""
    found = lake.labels(target)
    by_day = found["label"].notna().groupby(found.index.str[:2].astype(int)).agg(["any", "all"])
    assert (by_day["any"] == by_day["all"]).all(), "the vehicles of a day are known together"
    return set(by_day.index[by_day["all"]])


# A horizon of three days that begins in the morning ends within the third day after.
ALL = set(range(DAYS - 3))


@pytest.mark.parametrize("upload", [lambda _: "whole", lambda day: f"week {day // 7}", lambda day: f"day {day:02}"])
def test_complete_exports_lose_no_label(line: list[dict[str, Any]], upload: Callable[[int], str]) -> None:
    """Of the whole time, of a week or of a day each."""
    lake = lake_of(complete(upload=upload), line)
    assert known_days(lake) == ALL
    assert not lake.labels()["thin"].any()


def test_a_hall_with_rows_on_some_days_only_loses_no_label(line: list[dict[str, Any]]) -> None:
    """A failure every third day is what a good line has; each export of such a day is thin by itself."""
    rows = {key: halls | {"ROD": int(key[1] % 3 == 0)} for key, halls in complete().items()}
    assert known_days(lake_of(rows, line)) == ALL
    daily = {(f"day {day:02}", day): halls for (_, day), halls in rows.items()}
    lake = lake_of(daily, line)
    assert known_days(lake) == ALL
    assert lake.labels().loc["03-00", "thin"], "the exports of days 4 and 5 have no row of ROD, and too few to tell"


@pytest.mark.fault(80)
@pytest.mark.parametrize("stray", [-8_000, -5, 1, 9])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_stray_date_covers_nothing(line: list[dict[str, Any]], stray: int, rows: int) -> None:
    """A controller's clock after a power loss, years before the file or days before it, among many vehicles."""
    late = complete(range(10, DAYS))
    lake = lake_of(late | {("whole", stray): {"ZP7": rows}}, line)
    assert known_days(lake) == set(range(10, DAYS - 3))
    assert set(lake.labels().loc["02-00":"09-19", "label_reason"]) == {NOT_COVERED}


@pytest.mark.fault(81)
@pytest.mark.parametrize("halls", [("ZP7",), ("ZP5", "ZP7")])
@pytest.mark.parametrize("other", [True, False])
def test_an_export_without_the_hall_says_nothing_of_it(
    line: list[dict[str, Any]], halls: tuple[str, ...], other: bool
) -> None:
    """Neither where the lake knows how many rows the hall has, nor where it has none of it at all."""
    before = complete(range(14)) if other else {}
    rows = before | {("filtered", day): {hall: USUAL[hall] for hall in halls} for day in range(14, DAYS)}
    assert known_days(lake_of(rows, line)) == (set(range(11)) if other else set())


@pytest.mark.fault(81)
def test_an_export_of_the_hall_alone_covers_it_and_no_other(line: list[dict[str, Any]]) -> None:
    """A filter that asks for exactly what the target asks for is a good export; defects elsewhere are not known."""
    rows = complete(range(14)) | {("filtered", day): {"ROD": USUAL["ROD"]} for day in range(14, DAYS)}
    lake = lake_of(rows, line)
    assert known_days(lake) == ALL
    assert known_days(lake, Target("two", halle=("ROD", "ZP7"))) == set(range(11))
    assert known_days(lake, Target("any", halle=())) == set(range(11))
    days = coverage(lake.tables, ROAD_TEST).to_pandas()
    known = {day.date() for day in pd.to_datetime(days["day"][days["use"] == DEFECTS])}
    assert known == {(T0 + day * DAY).date() for day in range(14)}


@pytest.mark.fault(81)
@pytest.mark.parametrize("upload", [lambda _: "whole", lambda day: f"week {day // 7}", lambda day: f"day {day:02}"])
def test_a_hall_that_stops_is_not_covered_from_there_on(
    line: list[dict[str, Any]], upload: Callable[[int], str]
) -> None:
    """Its terminal is renamed, or the export loses a column's filter: in one file, or in all from a day on."""
    rows = complete(upload=upload)
    for (_, day), halls in rows.items():
        if day >= 14:
            del halls["ROD"]
    assert known_days(lake_of(rows, line)) == set(range(11))


@pytest.mark.fault(83)
@pytest.mark.parametrize("missing", [range(12, 13), range(12, 19)])
def test_days_that_are_missing_from_a_file_are_not_covered(line: list[dict[str, Any]], missing: range) -> None:
    """Rows before and after do not stand for days on which vehicles passed and nothing was recorded."""
    lake = lake_of(complete(day for day in range(DAYS) if day not in missing), line)
    assert known_days(lake) == ALL - set(range(missing[0] - 3, missing[-1] + 1))


@pytest.mark.parametrize(("quiet", "bridged"), [(2, True), (13, True), (14, False)])
def test_days_without_vehicles_expect_no_rows(quiet: int, bridged: bool) -> None:
    """A weekend or a holiday in a file is covered; what is longer than two weeks has to be declared."""
    works = [*range(10), *range(10 + quiet, 20 + quiet)]
    status = [event(f"{day:02}-{number:02}", T0 + day * DAY) for day in works for number in range(VEHICLES)]
    found = known_days(lake_of(complete(works), status))
    assert found == set(works[:-3]) - (set() if bridged else {7, 8, 9})


@pytest.mark.fault(84)
def test_a_short_list_does_not_cover_its_days(line: list[dict[str, Any]]) -> None:
    """A row a day, as somebody writes by hand, where exports have thirty."""
    rows = complete(range(14)) | {("list", day): {"ZP7": 1} for day in range(14, DAYS)}
    assert known_days(lake_of(rows, line)) == set(range(11))


def test_few_rows_of_an_unknown_plant_cover_thinly() -> None:
    """Five rows cannot tell whether a hall is missing: the label stands, and is counted as thin; forty can."""
    vehicles = [event("A", T0)]
    five = {("whole", day): {"ZP7": 1} for day in range(5)}
    row = lake_of(five, vehicles).labels().loc["A"]
    assert (row["label"], row["thin"]) == (0, True)
    forty = {("whole", day): {"ZP7": 8} for day in range(5)}
    assert pd.isna(lake_of(forty, vehicles).labels().loc["A", "label"])


def test_a_declared_period_overrides_what_the_rows_show(line: list[dict[str, Any]]) -> None:
    """Of a hall that is missing, and of days without rows."""
    rows = {("filtered", day): {"ZP7": USUAL["ZP7"]} for day in range(7, 14)}
    lake = lake_of(rows, line)
    assert known_days(lake) == set()
    period = (T0.date(), (T0 + 20 * DAY).date())
    declared = replace(lake.tables, declared_periods={"filtered.csv": period})
    found = labels(declared, ROAD_TEST).to_pandas()
    assert set(found["KNR"][found["label"].notna()].str[:2].astype(int)) == set(range(18))
    assert not found["thin"].any()


def test_the_days_of_each_hall_are_told(line: list[dict[str, Any]]) -> None:
    """For the page: each hall by itself."""
    rows = complete()
    for (_, day), halls in rows.items():
        if day >= 14:
            del halls["ROD"]
    days = hall_coverage(lake_of(rows, line).tables, ROAD_TEST, ["ROD", "ZP7"]).to_pandas()
    assert days.groupby("HALLE")["day"].count().to_dict() == {"ROD": 14, "ZP7": DAYS}
    assert days["day"].min().date() == T0.date()
