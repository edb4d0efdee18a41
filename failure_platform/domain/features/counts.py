"""Features that count: earlier defects, NOK verdicts, retests, result rows, hours on the line and missing stamps."""

from itertools import pairwise

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.as_of import as_cells, known_at_prediction, name_part, union_all
from failure_platform.domain.features.names import DEFECTS_KNOWN
from failure_platform.domain.targets import Target

ABOUT = ("MODELO", "COR", "MOTOR")
OK, NOK = 10, 13
_TEST = ("vehicle", "ID", "NAME")


def defect_cells(defects: ir.Table, points: ir.Table, days: ir.Table) -> ir.Table:
    """Count earlier defects in total, per HALLE and per failure group.

    Only for vehicles whose prediction point is on a day that falhas uploads cover: for the others the number is
    unknown. Each covered vehicle has a cell for the total, also if it is 0; an absent cell of the other features then
    means 0.

    Args:
        defects: falhas rows known at the prediction point: vehicle, HALLE, S_GROUP_ID.
        points: vehicle, predicted_at.
        days: the `day`s of which the defects of all halls are covered.
    """
    covered = points.semi_join(days, [points.predicted_at.date() == days.day]).select("vehicle")
    known = defects.semi_join(covered, "vehicle")
    counts = known.group_by("vehicle").aggregate(n=known.count())
    every = covered.left_join(counts, "vehicle").select("vehicle", n=counts.n.fill_null(0))
    rows = union_all(
        known.select("vehicle", which=f"defects:{by}:" + name_part(known[by])) for by in ("HALLE", "S_GROUP_ID")
    )
    rows = rows.filter(rows.which.notnull())
    details = rows.group_by("vehicle", "which").aggregate(n=rows.count())
    return union_all(
        [as_cells(every, ibis.literal(DEFECTS_KNOWN), every.n), as_cells(details, details.which, details.n)]
    )


def known_facts(defects: ir.Table) -> ir.Table:
    """Return MODELO, COR and MOTOR of each vehicle (NULL: unknown), each from the newest row in which it is not blank.

    Args:
        defects: falhas rows known at the prediction point: vehicle, MODELO, COR, MOTOR, DATA.
    """
    texts = {column: defects[column].strip() for column in ABOUT}
    return defects.group_by("vehicle").aggregate(
        **{
            column: text.first(where=text != "", order_by=[ibis.desc(defects.DATA), text])
            for column, text in texts.items()
        }
    )


def about_cells(facts: ir.Table) -> ir.Table:
    """Return a cell of 1 for the known model, colour and engine of each vehicle."""
    known = (facts.filter(facts[column].notnull()) for column in ABOUT)
    return union_all(
        as_cells(rows, f"about:{column}:" + name_part(rows[column]), ibis.literal(1))
        for column, rows in zip(ABOUT, known, strict=True)
    )


def verdict_cells(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return cells of the families nok and retested.

    One tightening writes several rows with the same time; they are one verdict, so distinct times are counted.
    """
    verdicts = resultados.select("KNR", "ID", "NAME", "STATUS", "DATA")
    bad = known_at_prediction(verdicts.filter(verdicts.STATUS == NOK), points)
    tests = bad.group_by(*_TEST).aggregate(times=bad.DATA.nunique(), first_nok=bad.DATA.min())
    good = known_at_prediction(verdicts.filter(verdicts.STATUS == OK), points)
    return union_all([_nok(tests), _retested(good, tests)])


def row_counts(resultados: ir.Table, points: ir.Table) -> ir.Table:
    """Return the number of result rows per vehicle and upload: vehicle, ID, upload, rows, newest (DATA)."""
    rows = known_at_prediction(resultados.select("KNR", "ID", "upload", "DATA"), points)
    return rows.group_by("vehicle", "ID", "upload").aggregate(rows=rows.count(), newest=rows.DATA.max())


def row_cells(counts: ir.Table) -> ir.Table:
    """Count result rows per test family; a vehicle with fewer rows than usual is unfinished or skipped tests."""
    families = counts.group_by("vehicle", "ID").aggregate(n=counts["rows"].sum())
    return as_cells(families, "rows:" + families.ID.cast("string"), families.n)


def _nok(tests: ir.Table) -> ir.Table:
    """Count NOK verdicts per test, per test family, and in total."""
    families = tests.group_by("vehicle", "ID").aggregate(times=tests.times.sum())
    every = families.group_by("vehicle").aggregate(times=families.times.sum())
    return union_all(
        [
            as_cells(tests, "nok:" + tests.ID.cast("string") + ":" + name_part(tests.NAME), tests.times),
            as_cells(families, "nok:" + families.ID.cast("string") + ":all", families.times),
            as_cells(every, ibis.literal("nok:all:all"), every.times),
        ]
    )


def _retested(good: ir.Table, tests: ir.Table) -> ir.Table:
    """Count, per test family, the tests that were NOK and then OK at a later time."""
    again = good.join(tests, list(_TEST))
    redone = again.filter(again.first_nok < again.DATA).select(*_TEST).distinct()
    counts = redone.group_by("vehicle", "ID").aggregate(n=redone.count())
    return as_cells(counts, "retested:" + counts.ID.cast("string"), counts.n)


def stage_cells(events: ir.Table, points: ir.Table, target: Target) -> ir.Table:
    """Return cells of the families stage and missing.

    Hours are those between consecutive checkpoints, and from the first event to the prediction point. A checkpoint
    that was stamped before its predecessor gives a negative time, which is kept as recorded.

    Args:
        events: status rows known at the prediction point: vehicle, STATUS, DATA.
        points: vehicle, predicted_at; also of vehicles without any other event.
        target: its prediction point is the last checkpoint that counts.
    """
    point = target.prediction_point
    codes = (*(checkpoint for checkpoint in target.line_before if checkpoint != point), point)
    here = points.select("vehicle", STATUS=ibis.literal(point), DATA=points.predicted_at)
    reached = union_all([events.filter(events.STATUS.isin(codes[:-1])).select("vehicle", "STATUS", "DATA"), here])
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
