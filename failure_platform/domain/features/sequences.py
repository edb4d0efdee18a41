"""The newest test results of each vehicle in order: the cells that a sequence model reads.

A name is `sequence:<step>:<channel>`; step 0 is the newest row.
"""

import ibis
import ibis.expr.types as ir

# The plant's vehicles have about 850 rows. The newest ones show the last tests and retests before the prediction point;
# each row costs four columns of the wide frame.
LENGTH = 64
CHANNELS = ("test", "status", "value", "hours")
PREFIX = "sequence:"
_CODE_DIGITS = 6


def sequence_names(length: int = LENGTH) -> list[str]:
    """Return every feature name that `sequence_cells` can give for a length."""
    return [f"{PREFIX}{step}:{channel}" for step in range(length) for channel in CHANNELS]


def sequence_cells(results: ir.Table, length: int = LENGTH) -> ir.Table:
    """Return the newest rows of each vehicle as cells.

    Args:
        results: rows known at the prediction point: vehicle, NAME, ID, STATUS, VALUE_ID, VALUE, DATA, predicted_at.
        length: maximal number of rows per vehicle.

    Returns:
        vehicle, feature_name, value (double). Channels: `test`, the first 24 bits of the MD5 of ID:NAME:VALUE_ID (the
        same code in every lake, exact in float32; among 900 tests, two share a code with probability 0.02); `status`;
        `value`; `hours` from the row to predicted_at. A row without a finite value has no `value`.
    """
    rows = _newest(results, length)
    tests = rows.select("ID", "NAME", "VALUE_ID").distinct()
    coded = rows.join(tests.mutate(test=_code(tests)), ["ID", "NAME", "VALUE_ID"])
    name = ibis.literal(PREFIX) + coded.step.cast("string") + ":"
    channels = {
        "test": coded.test,
        "status": coded.STATUS,
        "value": coded.VALUE,
        "hours": (coded.predicted_at.epoch_seconds() - coded.DATA.epoch_seconds()) / 3600.0,
    }
    wide = coded.select("vehicle", at=name, **{channel: channels[channel].cast("float64") for channel in CHANNELS})
    cells = wide.pivot_longer(list(CHANNELS), names_to="channel", values_to="value")
    known = cells.filter(cells.value.notnull(), ~cells.value.isnan(), ~cells.value.isinf())
    return known.select("vehicle", feature_name=known["at"] + known.channel, value=known.value)


def _newest(results: ir.Table, length: int) -> ir.Table:
    """Return the newest rows of each vehicle with their step.

    Rows with the same time are ordered by the rest of the natural key, so that the order is total and the same in every
    lake. Sorting all rows by the complete key takes twice as long on DuckDB as first finding, by DATA alone, the time
    from which a vehicle's rows can be among the newest.
    """
    by_time = ibis.window(group_by="vehicle", order_by=ibis.desc("DATA"))
    times = results.select("vehicle", "DATA").mutate(step=ibis.row_number().over(by_time))
    late = times.filter(times.step < length)
    since = late.group_by("vehicle").aggregate(since=late.DATA.min())
    candidates = results.join(since, "vehicle")
    candidates = candidates.filter(candidates.since <= candidates.DATA)
    key = [ibis.desc(column) for column in ("DATA", "ID", "NAME", "VALUE_ID")]
    ordered = candidates.mutate(step=ibis.row_number().over(ibis.window(group_by="vehicle", order_by=key)))
    return ordered.filter(ordered.step < length)


def _code(tests: ir.Table) -> ir.IntegerColumn:
    text = tests.ID.cast("string") + ":" + tests.NAME + ":" + tests.VALUE_ID.cast("string")
    return ("0x" + text.hexdigest("md5").left(_CODE_DIGITS)).cast("int32")
