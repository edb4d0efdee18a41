"""The options of a simulated batch, and its calendar: the start and the KNR of each vehicle."""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Literal

import numpy as np

from failure_platform.simulation.cause import FailureFunction, failure_function
from failure_platform.simulation.dirt import DirtKind

# Vehicles are drawn in blocks, each with its own random streams: memory is bounded by a block, and the content of a
# block does not depend on the blocks before it.
BLOCK_VEHICLES = 250
MOST_VEHICLES_A_DAY = 9_999  # a KNR has four digits for the number within the day
WORKING_DAYS = 5
SHIFT_START_HOUR, SHIFT_HOURS = 6, 16
# Time from the start of the last vehicle to the export of the batch. Vehicles that are not finished by then stay
# unfinished, so no row of a batch is later than its export, and the next batch does not overlap it.
SETTLE_DAYS = 10

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Simulation:
    """The options of one batch of uploads. Raises ValueError, with what to change, when they are not compatible.

    Args:
        vehicles: number of vehicles that start.
        weeks: number of weeks, of five working days, in which they start.
        seed: of everything random; the same plan gives the same bytes.
        start: production day of the first vehicle; the `next_start` of a batch continues it with new KNRs.
        name: file name of the uploads, without extension.
        signal: strength of the effects; 0 none, 1 usual.
        failure_rate: share of vehicles that fail the road test before any drift.
        drift_date: production day from which some tests are shifted and one effect is zero.
        dirt: share of rows by kind, see `simulation.dirt`; SOME_DIRT is a preset.
        separator: of cells; files with semicolons have decimal commas.
        encoding: of the files; utf-8-sig and utf-16 start with a byte order mark.
        gzipped: whether files are compressed; their extension remains .csv.
    """

    vehicles: int = 1_500
    weeks: int = 8
    seed: int = 1
    start: date = date(2023, 1, 2)
    name: str = "batch_1"
    signal: float = 1.0
    failure_rate: float = 0.063
    drift_date: date | None = None
    dirt: Mapping[DirtKind, float] = field(default_factory=dict)
    separator: Literal[",", ";"] = ","
    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "utf-16"] = "utf-8"
    gzipped: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        if self.vehicles < 1 or self.weeks < 1 or self.seed < 0:
            raise ValueError("a simulation needs at least 1 vehicle, at least 1 week, and a seed of 0 or more")
        if self.vehicles > MOST_VEHICLES_A_DAY * WORKING_DAYS * self.weeks:
            raise ValueError(
                f"{self.vehicles} vehicles in {self.weeks} weeks are more than {MOST_VEHICLES_A_DAY} a working day, "
                "the most that a KNR can number; give more weeks or fewer vehicles"
            )
        if self.signal < 0 or not 0 < self.failure_rate < 1:
            raise ValueError("signal must be 0 or more, and failure_rate more than 0 and less than 1")
        if wrong := {kind: share for kind, share in self.dirt.items() if not 0 <= share <= 1}:
            raise ValueError(f"shares of dirt must be from 0 to 1, not {wrong}")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"name {self.name!r} must be a file name of letters, digits, '.', '_' and '-'")

    @property
    def blocks(self) -> int:
        """The number of blocks of vehicles."""
        return -(-self.vehicles // BLOCK_VEHICLES)

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The working days of the batch, Monday to Friday, from `start` on."""
        every = (self.start + timedelta(days=offset) for offset in range(7 * self.weeks + 7))
        return tuple(day for day in every if day.isoweekday() <= WORKING_DAYS)[: WORKING_DAYS * self.weeks]

    @property
    def exported_at(self) -> datetime:
        """The time of the export; every row of the batch is older."""
        return datetime.combine(self.days[-1] + timedelta(days=1 + SETTLE_DAYS), time())

    @property
    def next_start(self) -> date:
        """The first Monday from the export on, for a next batch that does not overlap this one."""
        exported = self.exported_at.date()
        return exported + timedelta(days=(8 - exported.isoweekday()) % 7)

    def functions(self) -> tuple[FailureFunction, FailureFunction]:
        """Return the failure functions before the drift date and from it on."""
        before = failure_function(self.signal, self.failure_rate)
        return before, before.drifted()

    def random_stream(self, block: int, purpose: str) -> np.random.Generator:
        """Return the random stream of a block and purpose, so that e.g. dirt does not change which vehicles fail."""
        entropy = [self.seed, self.start.toordinal(), block, zlib.crc32(purpose.encode())]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def starts(self, block: int) -> Iterator[tuple[str, int, bool]]:
        """Yield (KNR, start in seconds since 1970, drifted) of a block's vehicles, evenly spread over shifts."""
        days, total = len(self.days), self.vehicles
        for vehicle in range(block * BLOCK_VEHICLES, min((block + 1) * BLOCK_VEHICLES, total)):
            number = vehicle * days // total
            # The vehicles of day `number` are first to after - 1: those v with v * days // total == number.
            first, after = -(-number * total // days), -(-(number + 1) * total // days)
            day = self.days[number]
            year, week, weekday = day.isocalendar()
            into_shift = SHIFT_HOURS * 3600 * (vehicle - first) // (after - first)
            started = (day - EPOCH).days * 86_400 + SHIFT_START_HOUR * 3600 + into_shift
            drifted = self.drift_date is not None and day >= self.drift_date
            yield f"{year}-{week:02d}{weekday}{vehicle - first + 1:04d}", started, drifted
