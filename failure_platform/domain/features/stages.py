"""How the vehicle came down the line: hours between checkpoints, and checkpoints without a stamp.

What belongs here: the families stage and missing. What does not: the prediction point itself (labels).
"""

from itertools import pairwise

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.cells import together
from failure_platform.domain.targets import Target


def stage_cells(events: ir.Table, points: ir.Table, target: Target) -> ir.Table:
    """Return cells of the families stage and missing.

    Hours are between neighbouring checkpoints, and from the first event to the prediction point. A checkpoint stamped
    before the one it follows gives a negative time: it is what was written, and it is kept.

    Args:
        events: status rows known at the prediction point: vehicle, STATUS, DATA.
        points: vehicle, predicted_at; every vehicle has its prediction point, also one without any other event.
        target: its prediction point ends the line.
    """
    point = target.prediction_point
    codes = (*(checkpoint for checkpoint in target.line_before if checkpoint != point), point)
    here = points.select("vehicle", STATUS=ibis.literal(point), DATA=points.predicted_at)
    reached = together([events.filter(events.STATUS.isin(codes[:-1])).select("vehicle", "STATUS", "DATA"), here])
    wide = reached.group_by("vehicle").aggregate(
        **{checkpoint: reached.DATA.min(where=checkpoint == reached.STATUS) for checkpoint in codes}
    )
    begun = events.group_by("vehicle").aggregate(first=events.DATA.min())
    wide = wide.left_join(begun, "vehicle").select(wide, begun.first)
    columns = {
        f"stage:{begin}:{end}": (wide[end].epoch_seconds() - wide[begin].epoch_seconds()).cast("float64") / 3600.0
        for begin, end in [*pairwise(codes), ("first", point)]
    } | {
        f"missing:{checkpoint}": ibis.cases((wide[checkpoint].isnull(), 1.0), else_=ibis.null("float64"))
        for checkpoint in codes[:-1]
    }
    cells = wide.select("vehicle", **columns).pivot_longer(list(columns), names_to="feature_name", values_to="value")
    return cells.filter(cells.value.notnull())
