"""How the vehicle came down the line: hours between checkpoints, and checkpoints without a stamp.

What belongs here: the families stage and missing. What does not: the prediction point itself (labels).
"""

from itertools import pairwise

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import before, code, named, together
from failure_platform.domain.features.names import DEFECTS_KNOWN
from failure_platform.domain.targets import Target

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


OK, NOK = 10, 13
_TEST = ("vehicle", "ID", "NAME")


def verdict_cells(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return cells of the families nok and retested.

    One tightening writes several rows of one time; they are one verdict, so times are counted, not rows.
    """
    verdicts = resultados.select("KNR", "ID", "NAME", "STATUS", "DATA")
    bad = before(verdicts.filter(verdicts.STATUS == NOK), points)
    tests = bad.group_by(*_TEST).aggregate(times=bad.DATA.nunique(), first_nok=bad.DATA.min())
    good = before(verdicts.filter(verdicts.STATUS == OK), points)
    return together([_nok(tests), _retested(good, tests)])


def volume(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return how many rows each upload brought of a vehicle: vehicle, ID, upload, rows, newest (DATA)."""
    rows = before(resultados.select("KNR", "ID", "upload", "DATA"), points)
    return rows.group_by("vehicle", "ID", "upload").aggregate(rows=rows.count(), newest=rows.DATA.max())


def row_cells(volume: ir.Table) -> ir.Table:
    """Count result rows per test family; a vehicle with fewer rows than usual is unfinished or skipped tests."""
    counts = volume.group_by("vehicle", "ID").aggregate(n=volume["rows"].sum())
    return named(counts, "rows:" + counts.ID.cast("string"), counts.n)


def _nok(tests: ir.Table) -> ir.Table:
    """Count NOK verdicts per test, per test family, and in all."""
    families = tests.group_by("vehicle", "ID").aggregate(times=tests.times.sum())
    every = families.group_by("vehicle").aggregate(times=families.times.sum())
    return together(
        [
            named(tests, "nok:" + tests.ID.cast("string") + ":" + code(tests.NAME), tests.times),
            named(families, "nok:" + families.ID.cast("string") + ":all", families.times),
            named(every, ibis.literal("nok:all:all"), every.times),
        ]
    )


def _retested(good: ir.Table, tests: ir.Table) -> ir.Table:
    """Count, per test family, the tests that were NOK and OK at a later time."""
    again = good.join(tests, list(_TEST))
    redone = again.filter(again.first_nok < again.DATA).select(*_TEST).distinct()
    counts = redone.group_by("vehicle", "ID").aggregate(n=redone.count())
    return named(counts, "retested:" + counts.ID.cast("string"), counts.n)


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
