"""What was recorded of the vehicle in falhas before its prediction point: earlier defects, and what it is.

What belongs here: the families defects and about, and the facts MODELO, COR, MOTOR. What does not: failures after the
prediction point (labels).
"""

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.cells import code, named, together
from failure_platform.domain.features.names import DEFECTS_KNOWN

ABOUT = ("MODELO", "COR", "MOTOR")


def defect_cells(defects: ir.Table, points: ir.Table, periods: ir.Table) -> ir.Table:
    """Count earlier defects in all, per HALLE and per failure group.

    Only for vehicles whose prediction point a falhas upload covers: elsewhere nobody knows. Of these, each has a cell
    of its number in all, zero too; in the other features an absent cell then is a zero.

    Args:
        defects: falhas rows known at the prediction point: vehicle, HALLE, S_GROUP_ID.
        points: vehicle, predicted_at.
        periods: what `coverage.coverage` gives.
    """
    covered = points.join(
        periods, [points.predicted_at >= periods.covered_from, points.predicted_at < periods.covered_to]
    ).select("vehicle")
    known = defects.semi_join(covered, "vehicle")
    counts = known.group_by("vehicle").aggregate(n=known.count())
    every = covered.left_join(counts, "vehicle").select("vehicle", n=counts.n.fill_null(0))
    rows = together(known.select("vehicle", which=f"defects:{by}:" + code(known[by])) for by in ("HALLE", "S_GROUP_ID"))
    rows = rows.filter(rows.which.notnull())
    details = rows.group_by("vehicle", "which").aggregate(n=rows.count())
    return together([named(every, ibis.literal(DEFECTS_KNOWN), every.n), named(details, details.which, details.n)])


def known_facts(defects: ir.Table) -> ir.Table:
    """Return what the newest row that says so tells of each vehicle: vehicle, MODELO, COR, MOTOR (NULL: unknown).

    Args:
        defects: falhas rows known at the prediction point: vehicle, MODELO, COR, MOTOR, DATA.
    """
    told = {column: defects[column].strip() for column in ABOUT}
    return defects.group_by("vehicle").aggregate(
        **{
            column: text.first(where=text != "", order_by=[ibis.desc(defects.DATA), text])
            for column, text in told.items()
        }
    )


def about_cells(facts: ir.Table) -> ir.Table:
    """Return a cell of 1 for the model, the colour and the engine that a vehicle is known to have."""
    told = (facts.filter(facts[column].notnull()) for column in ABOUT)
    return together(
        named(rows, f"about:{column}:" + code(rows[column]), ibis.literal(1))
        for column, rows in zip(ABOUT, told, strict=True)
    )
