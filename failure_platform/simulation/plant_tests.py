"""The simulated plant's tests: 292 codes, their sub-values, units and nominal values, the same for every seed.

Counts and codes are those published of real uploads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from failure_platform.simulation.line import ROAD_STAGE, STAGES

OK, NOK = 10, 13
MACHINES, SCREWS, ELECTRONICS = 1, 2, 718
UNIT_WIDTH = 10

RETEST_SHARE = 0.005
RETEST_SECONDS = 90
# A finished vehicle has 846 rows without retests, and up to 874 with them.
MOST_RETEST_ROWS = 28
OFTEN_RETESTED, OFTEN_RETESTED_SHARE = "630500", 0.12

RELATIVE_DEVIATION = 0.04
TOLERANCE = 3.2  # in standard deviations: OK values are within, NOK values outside
VALUE_DIGITS = 2


@dataclass(frozen=True)
class PlantTest:
    """One test code: its family, its stage, and a unit and nominal value per sub-value.

    `measured` is False for fluid tests, which have one row without unit and value.
    """

    name: str
    family: int
    stage: int
    value_ids: tuple[int, ...]
    units: tuple[str, ...]
    nominals: tuple[float, ...]
    measured: bool = True

    @property
    def retest_share(self) -> float:
        """Share of vehicles that are NOK at first and then OK."""
        return OFTEN_RETESTED_SHARE if self.name == OFTEN_RETESTED else RETEST_SHARE


# Stage by screw area; each area has 20 codes.
_SCREW_AREAS = {4: 0, 13: 0, 20: 1, 27: 1, 31: 2, 42: 2, 58: 3, 63: 3, 72: 4, 81: 4, 90: 5}
_ELECTRONIC_UNITS = ("min", "%", "mm", "°", "Clicks", "kg", "V", "Deg", "")
# Prefix, number of codes, and the stages they are assigned to in turn. Some UPSECOS run between the prediction point
# and the road test, SECTION_ZP8 after it: features of these tests would be leaks.
_ELECTRONICS = (
    ("SECTION_ALS", 15, (4, 5)),
    ("SECTION_IBN", 15, (4,)),
    ("UPSECOS_ALS", 10, (5, 5, ROAD_STAGE)),
    ("CRIPPLE_0015", 10, (5,)),
    ("SECTION_ZP8", 10, (8,)),
)


@cache
def plant_tests() -> tuple[PlantTest, ...]:
    """Return all tests, in the order of their stages."""
    return tuple(sorted((*_machines(), *_screws(), *_electronics()), key=lambda test: test.stage))


def _machines() -> Iterator[PlantTest]:
    """Yield 7 fluid tests and 5 brake tests, the last brake test after the prediction point."""
    for number in range(1, 8):
        yield PlantTest(f"0120{number:02d}", MACHINES, 3, (0,), ("",), (0.0,), measured=False)
    for number in range(1, 6):
        stage = 5 if number < 5 else ROAD_STAGE
        unit = "kg" if number % 2 else "%"
        yield PlantTest(f"0130{number:02d}", MACHINES, stage, (0,), (unit,), (55.0 + 7 * number,))


def _screws() -> Iterator[PlantTest]:
    """Yield 220 screw tightenings with 2, 4 or 8 sub-values: torque at even VALUE_IDs, angle at odd ones."""
    numbered = [(area, number) for area in _SCREW_AREAS for number in range(1, 21)]
    for position, (area, number) in enumerate(numbered):
        count = 8 if position % 15 == 7 else 2 if position % 5 in (1, 3) and position > 6 else 4
        torque, angle = 8.0 + position * 37 % 130, 40.0 + position * 53 % 220
        yield PlantTest(
            f"{area:02d}{number:02d}00",
            SCREWS,
            _SCREW_AREAS[area],
            tuple(range(count)),
            tuple("Grad" if sub % 2 else "Nm" for sub in range(count)),
            tuple((angle if sub % 2 else torque) * (1 + 0.1 * (sub // 2)) for sub in range(count)),
        )


def _electronics() -> Iterator[PlantTest]:
    """Yield 60 tests with one value, or with two whose VALUE_IDs are 0 and 80."""
    numbered = [(prefix, number, stages) for prefix, count, stages in _ELECTRONICS for number in range(1, count + 1)]
    for position, (prefix, number, stages) in enumerate(numbered):
        value_ids = (0, 80) if number == 2 and prefix != "SECTION_ZP8" else (0,)
        unit = _ELECTRONIC_UNITS[position % len(_ELECTRONIC_UNITS)]
        nominal = 5.0 + position * 29 % 90
        stage = stages[number % len(stages)]
        name = f"{prefix}_{number:08d}"
        yield PlantTest(name, ELECTRONICS, stage, value_ids, (unit,) * len(value_ids), (nominal,) * len(value_ids))


@dataclass(frozen=True)
class RowPlan:
    """The 846 rows of a finished vehicle without retests, as parallel arrays in time order.

    `test`: position in `plant_tests()`. The time of a row is `fraction` of the way through `stage`. `deviation`: one
    standard deviation of the value, in its unit. `unit` is padded as in real files, None where nothing is measured.
    """

    test: NDArray[np.int64]
    name: NDArray[np.object_]
    family: NDArray[np.int64]
    stage: NDArray[np.int64]
    fraction: NDArray[np.float64]
    unit: NDArray[np.object_]
    value_id: NDArray[np.int64]
    measured: NDArray[np.bool_]
    nominal: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def at(self, name: str, value_id: int) -> int:
        """Return the position of the row of (NAME, VALUE_ID); raise KeyError when there is no such row."""
        positions = np.flatnonzero((self.name == name) & (self.value_id == value_id))
        if positions.size != 1:
            raise KeyError(f"the simulated plant has no test {name} with VALUE_ID {value_id}")
        return int(positions[0])

    def values(self, deviations: NDArray[np.float64], at: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        """Return rounded values for deviations, in standard deviations, at row positions `at` (last axis)."""
        scale = 10.0**VALUE_DIGITS
        exact = self.nominal[at] + self.deviation[at] * deviations
        return np.asarray(np.rint(exact * scale) / scale, dtype=np.float64)


@cache
def row_plan() -> RowPlan:
    """Return the rows of a finished vehicle, one per test and sub-value."""
    tests = plant_tests()
    per_stage = np.bincount([test.stage for test in tests], minlength=len(STAGES))
    seen = [0] * len(STAGES)
    rows = []
    for position, test in enumerate(tests):
        seen[test.stage] += 1
        fraction = seen[test.stage] / (per_stage[test.stage] + 1)
        for value_id, unit, nominal in zip(test.value_ids, test.units, test.nominals, strict=True):
            padded = unit.ljust(UNIT_WIDTH) if test.measured else None
            deviation = round(RELATIVE_DEVIATION * nominal, 3)
            where = (position, test.name, test.family, test.stage, fraction)
            rows.append((*where, padded, value_id, test.measured, nominal, deviation))
    kinds: tuple[type, ...] = (int, object, int, int, float, object, int, bool, float, float)
    columns = zip(*rows, strict=True)
    return RowPlan(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def nok_counts(rng: np.random.Generator, share: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how often a test is NOK before it is OK, for retest shares of any shape: mostly 0, rarely 2."""
    draw = rng.random(share.shape)
    return (draw < share).astype(np.int64) + (draw < 0.15 * share)
