"""The resultados rows of simulated vehicles: one per measured value, including repeated tests."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.plant_tests import NOK, OK, RETEST_SECONDS, TOLERANCE, row_plan
from failure_platform.simulation.text_columns import taken_texts, timestamps
from failure_platform.simulation.vehicles import Vehicles


def simulated_resultados(plan: Simulation, block: int, vehicles: Vehicles) -> pa.Table:
    """Return a text table with the 846 to 874 rows of a finished vehicle, or the first 1 to 80 of an unfinished one.

    A repeated test is NOK with values outside its tolerance, then OK RETEST_SECONDS later; the failure function uses
    the values of the last run.
    """
    rng = plan.random_stream(block, "resultados")
    rows = row_plan()
    width = rows.test.size
    runs = 1 + vehicles.nok[:, rows.test]
    started = np.arange(width) < vehicles.unfinished_rows[:, None]
    runs = np.where(vehicles.finished[:, None], runs, started).ravel()
    begin, end = vehicles.boundaries[:, rows.stage], vehicles.boundaries[:, rows.stage + 1]
    tested_at = (begin + rows.fraction * (end - begin)).astype(np.int64).ravel()

    # One entry per output row: its flat index into (vehicles, planned rows), and the number of later runs of it.
    cell = np.repeat(np.arange(runs.size), runs)
    later_runs = np.repeat(np.cumsum(runs), runs) - np.arange(cell.size) - 1
    vehicle, row = np.divmod(cell, width)
    values = vehicles.values.ravel()[cell]
    nok = np.flatnonzero(later_runs)
    outside = (TOLERANCE + 0.8 + np.abs(rng.standard_normal(nok.size))) * rng.choice([-1.0, 1.0], size=nok.size)
    values[nok] = rows.values(outside, row[nok])
    seconds = tested_at[cell] - RETEST_SECONDS * later_runs
    return pa.table(
        {
            "KNR": taken_texts(vehicles.knr, vehicle),
            "NAME": taken_texts(rows.name, row),
            "ID": taken_texts(rows.family, row),
            "STATUS": taken_texts(np.array([OK, NOK]), (later_runs > 0).astype(np.int64)),
            "UNIT": taken_texts(rows.unit, row),
            "VALUE_ID": taken_texts(rows.value_id, row),
            "VALUE": pc.cast(pa.array(values, mask=~rows.measured[row]), pa.string()),
            "DATA": timestamps(seconds.astype("datetime64[s]")),
        }
    )
