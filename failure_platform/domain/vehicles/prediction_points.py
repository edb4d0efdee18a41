"""Prediction points: when each vehicle passed the checkpoint of a target, and which vehicles never did."""

from functools import reduce

import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import LakeTables


def prediction_points(status: ir.Table, target: Target) -> ir.Table:
    """Return the prediction time of each vehicle: its FIRST status row with the target's code.

    A prediction is made at the first pass; for a vehicle that passes the checkpoint again after rework, a later time
    would let in what became known in between. A vehicle without the code has no row.

    Returns:
        KNR, predicted_at (timestamp); one row per vehicle.
    """
    reached = status.filter(target.prediction_point == status.STATUS, status.KNR.notnull(), status.DATA.notnull())
    return reached.group_by("KNR").aggregate(predicted_at=reached.DATA.min())


def vehicles_without_prediction_point(lake: LakeTables, target: Target) -> ir.Table:
    """Count the KNR in the lake that never reached the prediction point; they have no label and no features.

    Returns:
        one row: vehicles, and reached_later, the number of them with a status of a later checkpoint of the line: these
        passed, and their stamp is missing. The others are unfinished. (0 if the prediction point is not on the line.)
    """
    tables = (lake.resultados, lake.falhas, lake.status)
    known = reduce(lambda a, b: a.union(b), [table.select("KNR").distinct() for table in tables]).distinct()
    missing = known.filter(known.KNR.notnull()).anti_join(prediction_points(lake.status, target), "KNR")
    later = lake.status.filter(lake.status.STATUS.isin(target.line_after)).select("KNR").distinct()
    found = missing.left_join(later, "KNR").select(missing.KNR, later=later.KNR.notnull())
    return found.aggregate(vehicles=found.count(), reached_later=found.count(where=found.later))
