"""Promises of the simulator's door: the same plan gives the same files, whole or not at all, in bounded memory."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_platform.simulation.dirt import SOME_DIRT
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.resultados import simulated_resultados
from failure_platform.simulation.vehicles import simulated_vehicles
from failure_platform.simulation.writing import simulate

PLAN = Simulation(vehicles=600, weeks=3, seed=7)


def test_the_same_plan_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from failure_platform.simulation.plan import Simulation\n"
        "from failure_platform.simulation.dirt import SOME_DIRT\n"
        "from failure_platform.simulation.writing import simulate\n"
        "plan = Simulation(vehicles=600, weeks=3, seed=7, dirt=SOME_DIRT, gzipped=True)\n"
        "simulate(plan, pathlib.Path(sys.argv[1]) / 'uploads')"
    )
    here, there = tmp_path / "here", tmp_path / "there"
    simulate(replace(PLAN, dirt=SOME_DIRT, gzipped=True), here / "uploads")
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, env=environment)
    files = sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
    assert len(files) == 5
    for file in files:
        assert (here / file).read_bytes() == (there / file).read_bytes(), file


def test_a_block_does_not_depend_on_what_was_drawn_before() -> None:
    vehicles = simulated_vehicles(PLAN, 1)
    alone = simulated_resultados(PLAN, 1, vehicles)
    simulated_vehicles(PLAN, 0)
    assert simulated_resultados(PLAN, 1, simulated_vehicles(PLAN, 1)).equals(alone)
    for other in (simulated_vehicles(PLAN, 0), simulated_vehicles(replace(PLAN, seed=8), 1)):
        assert not np.array_equal(other.values, vehicles.values)


def test_a_second_batch_continues_with_new_vehicles_after_the_first(tmp_path: Path) -> None:
    first = Simulation(vehicles=300, weeks=2, start=date(2023, 12, 18))
    second = Simulation(vehicles=300, weeks=2, start=first.next_start, name="batch_2")
    reports = [simulate(plan, tmp_path / "uploads") for plan in (first, second)]
    assert first.next_start.isoweekday() == 1
    knrs = [pd.read_csv(report.truth_vehicles)["KNR"] for report in reports]
    assert not set(knrs[0]) & set(knrs[1])
    assert list(pd.concat(knrs)) == sorted(pd.concat(knrs))
    for kind in ("resultados", "falhas", "status"):
        earlier, later = (
            pd.to_datetime(pd.read_csv(report.uploads[kind])["DATA"], format="ISO8601") for report in reports
        )
        assert earlier.max() < later.min()


@given(vehicles=st.integers(1, 3_000), weeks=st.integers(1, 60), start=st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_knrs_are_unique_ordered_and_name_their_working_day(vehicles: int, weeks: int, start: date) -> None:
    plan = Simulation(vehicles=vehicles, weeks=weeks, start=start)
    begun = [each for block in range(plan.blocks) for each in plan.starts(block)]
    knrs, seconds = [each[0] for each in begun], [each[1] for each in begun]
    assert len(set(knrs)) == vehicles
    assert knrs == sorted(knrs)
    assert seconds == sorted(seconds)
    for knr, second in zip(knrs, seconds, strict=True):
        assert len(knr) == 12 and knr[4] == "-"
        day = date.fromisocalendar(int(knr[:4]), int(knr[5:7]), int(knr[7]))
        assert day == date(1970, 1, 1) + timedelta(seconds=second)
        assert start <= day <= start + timedelta(days=7 * weeks)
        assert day.isoweekday() <= 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"vehicles": 0}, "at least 1 vehicle"),
        ({"vehicles": 60_000, "weeks": 1}, "more weeks or fewer vehicles"),
        ({"signal": -1.0}, "signal"),
        ({"failure_rate": 0.0}, "failure_rate"),
        ({"dirt": {"bad_value": 1.5}}, "from 0 to 1"),
        ({"name": "../escape"}, "must be a file name"),
    ],
)
def test_options_that_no_plant_can_follow_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Simulation(**options)


def test_an_interrupted_simulation_leaves_no_file_behind(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt(f"{done} of {total}")

    with pytest.raises(KeyboardInterrupt, match="250 of 300"):
        simulate(Simulation(vehicles=300), tmp_path / "uploads", interrupt)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_vehicles(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from failure_platform.simulation.plan import Simulation\n"
        "from failure_platform.simulation.writing import simulate\n"
        "simulate(Simulation(vehicles=int(sys.argv[2]), weeks=78), pathlib.Path(sys.argv[1]) / 'uploads')\n"
        # Not getrusage: its peak survives exec, so it would tell the size of this test process.
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    peaks = [
        int(subprocess.run([sys.executable, "-c", code, str(tmp_path), str(n)], check=True, capture_output=True).stdout)
        for n in (1_000, 12_000)
    ]
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 1024**2  # KiB
