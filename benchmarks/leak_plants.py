"""Simulated wide frames for the leak audit: honest ones, whose features cause the failures, and leaks put into them.

In an honest frame every feature is drawn first and the outcome after it, with a probability that follows from features:
nothing can know the outcome. A leak is then drawn from the outcome.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FAILURE_RATE = 0.06
MEASUREMENTS, OTHER_CODES = 80, 30
DAYS = 90
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass
class Plant:
    """A frame in the making: its features by name, the log odds of failing, and what is known of each vehicle.

    Attributes:
        rng: source of everything random.
        vehicles: their number.
        features: by name, shape (vehicles,).
        odds: log odds of failing, without the constant that gives the failure rate.
        facts: the columns of a wide frame that are no features.
    """

    rng: np.random.Generator
    vehicles: int
    features: dict[str, Floats]
    odds: Floats
    facts: pd.DataFrame

    @property
    def failed(self) -> Flags:
        """Which vehicles failed; only once the outcome is drawn."""
        return (self.facts["label"] == 1).to_numpy(dtype=bool)

    def some(self, share: float | Floats) -> Flags:
        """Return random vehicles."""
        return self.rng.random(self.vehicles) < share

    def counts(self) -> Floats:
        """Return how often a code came, where it came."""
        return self.rng.poisson(1, self.vehicles) + 1.0

    def frame(self) -> pd.DataFrame:
        """Return the wide frame."""
        features = pd.DataFrame({name: self.features[name].astype(np.float32) for name in sorted(self.features)})
        return pd.concat([self.facts, features], axis=1)


Part = Callable[[Plant], None]


def honest(failures: int, seed: int, *parts: Part) -> Plant:
    """Return a plant with about this many failures; the same arguments give the same plant.

    Every plant has measurements (some of which matter), tests that some vehicles skip at random, codes of rare events,
    NOK counts, and one upload a day. The parts add to that, before the outcome is drawn.
    """
    rng = np.random.default_rng([seed, failures])
    vehicles = round(failures / FAILURE_RATE)
    at = pd.Timestamp("2025-03-03") + pd.to_timedelta(np.sort(rng.random(vehicles)) * DAYS, unit="D")
    facts = pd.DataFrame(
        {
            "KNR": [f"2025-{i:07d}" for i in rng.permutation(vehicles)],
            "predicted_at": at,
            "last_row_at": at - pd.Timedelta(minutes=30),
            "MODELO": None,
            "upload": at.strftime("%Y-%m-%d"),
        }
    )
    plant = Plant(rng, vehicles, {}, np.zeros(vehicles), facts)
    for number in range(MEASUREMENTS):
        value = rng.normal(size=vehicles)
        if number < 6:
            plant.odds += 0.5 * value
        plant.features[f"value:2:{number:06d}:0"] = np.where(plant.some(rng.choice([0.0, 0.02, 0.3])), np.nan, value)
    for number in range(OTHER_CODES):
        code = plant.some(rng.uniform(0.002, 0.1))
        plant.odds += rng.choice([0.0, 0.0, 1.0]) * code
        plant.features[f"value:718:{number:06d}:0"] = np.where(code, plant.counts(), np.nan)
    nok = rng.poisson(0.2, vehicles).astype(np.float64)
    plant.features["nok:all:all"] = nok
    plant.odds += 0.7 * nok
    for part in parts:
        part(plant)
    draw_outcome(plant, failures)
    return plant


def draw_outcome(plant: Plant, failures: int) -> None:
    """Draw who fails, by the odds and a constant such that about this many do."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _probability(plant.odds + middle).sum() > failures else (middle, high)
    failed = plant.some(_probability(plant.odds + low))
    plant.facts["label"] = pd.array(failed.astype(np.int8), dtype="Int8")


def _probability(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)


# Honest parts.


def codes_carry_the_signal(share: float, factor: float, number_of_codes: int = 5) -> Part:
    """Codes, each in a share of the vehicles and in a count; they multiply the odds by exp(factor)."""

    def part(plant: Plant) -> None:
        for number in range(number_of_codes):
            code = plant.some(share)
            plant.features[f"value:718:8{number:05d}:0"] = np.where(code, plant.counts(), np.nan)
            plant.odds += factor * code

    return part


def earlier_defect(factor: float, share: float = 0.03) -> Part:
    """A defect that was recorded earlier, in a share of the vehicles; it makes the model known, and failures likely."""

    def part(plant: Plant) -> None:
        defect = plant.some(share)
        plant.features["defects:all:all"] = plant.features["defects:HALLE:ZP7"] = defect.astype(np.float64)
        plant.facts["MODELO"] = np.where(defect, "A1", None)
        plant.features["about:MODELO:A1"] = np.where(defect, 1.0, np.nan)
        plant.odds += factor * defect

    return part


def limits(share: float) -> Part:
    """A measurement beyond a limit is followed by a failure without exception."""

    def part(plant: Plant) -> None:
        value = plant.rng.normal(size=plant.vehicles)
        plant.features["value:2:800001:0"] = value
        plant.odds += 60.0 * (value > np.quantile(value, 1 - share))

    return part


def skipped_tests(factor: float) -> Part:
    """Vehicles with trouble skip tests that most others have, and fail more often."""

    def part(plant: Plant) -> None:
        trouble = plant.some(0.1)
        plant.odds += factor * trouble
        for number in range(10):
            skipped = plant.some(np.where(trouble, 0.8, 0.03))
            plant.features[f"value:1:80000{number}:0"] = np.where(
                skipped, np.nan, plant.rng.normal(size=plant.vehicles)
            )

    return part


def variant_that_never_fails(share: float) -> Part:
    """A variant with tests of its own, which never fails."""

    def part(plant: Plant) -> None:
        variant = plant.some(share)
        plant.odds[variant] = -np.inf
        for number in range(10):
            value = plant.rng.normal(size=plant.vehicles)
            plant.features[f"value:3:80000{number}:0"] = np.where(variant, value, np.nan)

    return part


def bad_weeks(factor: float) -> Part:
    """Failures come in weeks, tests begin and end with such a week, and each week is one upload."""

    def part(plant: Plant) -> None:
        week = ((plant.facts["predicted_at"] - plant.facts["predicted_at"].min()).dt.days // 7).to_numpy()
        plant.odds += factor * np.isin(week, plant.rng.choice(week.max() + 1, 3, replace=False))
        for number in range(10):
            value = plant.rng.normal(size=plant.vehicles)
            since = plant.rng.integers(1, week.max() + 1)
            plant.features[f"value:4:80000{number}:0"] = np.where((week >= since) ^ (number % 2 == 0), value, np.nan)
        plant.facts["upload"] = week.astype(str)

    return part


def two_lines(share: float, factor: float) -> Part:
    """A second line with files and tests of its own, where more vehicles fail."""

    def part(plant: Plant) -> None:
        second = plant.some(share)
        plant.odds += factor * second
        plant.facts["upload"] += np.where(second, " line 2", " line 1")
        for number in range(10):
            value = plant.rng.normal(size=plant.vehicles)
            plant.features[f"value:5:80000{number}:0"] = np.where(second, value, np.nan)

    return part


# Leaks, drawn from the outcome. Features that leak are of test family 9.


def copy(noise: float) -> Part:
    """A measurement that is the outcome plus noise."""

    def part(plant: Plant) -> None:
        plant.features["value:9:900001:0"] = plant.failed + noise * plant.rng.normal(size=plant.vehicles)

    return part


def flags(covered: float, wrong: float = 0.0) -> Part:
    """Five 0/1 flags, one for each way to fail.

    Args:
        covered: share of the failures that have a flag.
        wrong: of 100 vehicles with a flag, about 100 times this share did not fail.
    """

    def part(plant: Plant) -> None:
        mode = _modes(plant, covered)
        for number, share in enumerate(_MODES):
            bad = plant.failed & (mode == number)
            good = ~plant.failed & plant.some(share * wrong * covered * plant.failed.mean())
            plant.features[f"value:9:90000{number}:0"] = (bad | good).astype(np.float64)

    return part


def codes(covered: float) -> Part:
    """Five codes in the place of the flags, each recorded with a count where the flag would be 1."""

    def part(plant: Plant) -> None:
        mode = _modes(plant, covered)
        for number in range(len(_MODES)):
            plant.features[f"value:9:90000{number}:0"] = np.where(
                plant.failed & (mode == number), plant.counts(), np.nan
            )

    return part


def scores(covered: float, noise: float) -> Part:
    """Five measurements with noise, each raised by 1 for one way to fail."""

    def part(plant: Plant) -> None:
        mode = _modes(plant, covered)
        for number in range(len(_MODES)):
            raised = plant.failed & (mode == number)
            plant.features[f"value:9:90000{number}:0"] = raised + noise * plant.rng.normal(size=plant.vehicles)

    return part


_MODES = (0.35, 0.25, 0.2, 0.12, 0.08)


def _modes(plant: Plant, covered: float) -> NDArray[np.int64]:
    shares = [*(covered * share for share in _MODES), 1 - covered]
    return plant.rng.choice(len(shares), plant.vehicles, p=shares)


def only_failed(share: float) -> Part:
    """A test that is made because of the failure, on a share of the failed vehicles."""

    def part(plant: Plant) -> None:
        made = plant.failed & plant.some(share)
        plant.features["value:9:900001:0"] = np.where(made, plant.rng.normal(size=plant.vehicles), np.nan)

    return part


def lost(failed: float, others: float = 0.02) -> Part:
    """A test whose results are lost for shares of the failed vehicles and of the others."""

    def part(plant: Plant) -> None:
        gone = plant.some(np.where(plant.failed, failed, others))
        plant.features["value:9:900001:0"] = np.where(gone, np.nan, plant.rng.normal(size=plant.vehicles))

    return part


def late_rows(vehicles: int) -> Part:
    """Vehicles described by a row that is not older than their prediction point."""

    def part(plant: Plant) -> None:
        late = plant.rng.choice(plant.vehicles, vehicles, replace=False)
        plant.facts.loc[late, "last_row_at"] = plant.facts.loc[late, "predicted_at"]

    return part


def files_by_outcome(share: float) -> Part:
    """A share of the failed vehicles is in files of its own, one a week."""

    def part(plant: Plant) -> None:
        week = plant.facts["predicted_at"].dt.strftime("%Y-%V") + " failed"
        plant.facts["upload"] = plant.facts["upload"].mask(plant.failed & plant.some(share), week)

    return part


def file_with_tests(share: float) -> Part:
    """The same, and these files hold a test that the others lack."""

    def part(plant: Plant) -> None:
        apart = plant.failed & plant.some(share)
        more = ~plant.failed & plant.some(apart.mean() / 2)
        plant.facts["upload"] += np.where(apart | more, " second file", "")
        value = plant.rng.normal(size=plant.vehicles)
        plant.features["value:9:900001:0"] = np.where(apart | more, value, np.nan)

    return part
