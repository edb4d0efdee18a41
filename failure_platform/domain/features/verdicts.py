"""What the tests said: how often NOK, what was tested again, how many rows there are.

What belongs here: counts of verdicts and rows. What does not: measured values (values).
"""

import ibis
import ibis.expr.types as ir

from failure_platform.domain.features.cells import before, code, named, together

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
