"""The resultados rows of simulated vehicles.

Belongs here: which rows a vehicle's tests leave. Does not belong here: what was measured (vehicles.py), dirt
(soiling.py).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.plant_tests import NOK, OK, RETEST_SECONDS, TOLERANCE, row_plan
from failure_platform.simulation.spelling import moments, picked
from failure_platform.simulation.vehicles import Vehicles


def simulated_resultados(plan: Simulation, block: int, vehicles: Vehicles) -> pa.Table:
    """A table of texts: 846 to 874 rows of a finished vehicle, the first 1 to 80 of an unfinished one.

    A test done again is NOK, with values beyond its tolerance, and OK a while later; the last run has the values that
    decide about the road test.
    """
    rng = plan.random_stream(block, "resultados")
    rows = row_plan()
    width = rows.test.size
    runs = 1 + vehicles.nok[:, rows.test]
    begun = np.arange(width) < vehicles.unfinished_rows[:, None]
    runs = np.where(vehicles.finished[:, None], runs, begun).ravel()
    begin, end = vehicles.boundaries[:, rows.stage], vehicles.boundaries[:, rows.stage + 1]
    tested_at = (begin + rows.fraction * (end - begin)).astype(np.int64).ravel()

    # One entry per row to write: its cell of (vehicle, planned row), and how many runs of it are still to come.
    cell = np.repeat(np.arange(runs.size), runs)
    still_to_come = np.repeat(np.cumsum(runs), runs) - np.arange(cell.size) - 1
    vehicle, row = np.divmod(cell, width)
    values = vehicles.values.ravel()[cell]
    nok = np.flatnonzero(still_to_come)
    beyond = (TOLERANCE + 0.8 + np.abs(rng.standard_normal(nok.size))) * rng.choice([-1.0, 1.0], size=nok.size)
    values[nok] = rows.values(beyond, row[nok])
    seconds = tested_at[cell] - RETEST_SECONDS * still_to_come
    return pa.table(
        {
            "KNR": picked(vehicles.knr, vehicle),
            "NAME": picked(rows.name, row),
            "ID": picked(rows.family, row),
            "STATUS": picked(np.array([OK, NOK]), (still_to_come > 0).astype(np.int64)),
            "UNIT": picked(rows.unit, row),
            "VALUE_ID": picked(rows.value_id, row),
            "VALUE": pc.cast(pa.array(values, mask=~rows.measured[row]), pa.string()),
            "DATA": moments(seconds.astype("datetime64[s]")),
        }
    )
