"""Evidence: the stretches of days that each falhas upload reports, and the halls that it counts for.

An upload is judged by its own good rows, rows that other uploads repeat included. They are counted as vehicles per day
and hall (`LakeTables.falhas_days`), since the rows of one vehicle come together and some exports have each row twice.
What is usual is measured per vehicle that passes its prediction point on those days.
"""

import math
from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from failure_platform.domain.targets import Target
from failure_platform.domain.vehicles.lake_tables import LakeTables
from failure_platform.domain.vehicles.prediction_points import prediction_points

ANY_HALL = "*"
"""Stands for all halls together, as a target without halls asks for them."""
BLANK_HALL = ""

LONGEST_GAP = 14
"""Days from one of usual volume to the next in a stretch, at most, where few vehicles make the gap plausible; so many
times the upload's median distance, where it has at least FEWEST_DAYS of them."""
FEWEST_DAYS = 7
COMPARABLE = 0.2
"""Part of the usual volume that counts as comparable."""
SURPRISE = -math.log(1e-4)
"""A count that is less likely than 1 in 10,000 is implausible."""
TILT = 3
"""How many times as busy, in odds, some halls may be against others on single days, as after a weekend."""
MOST_WITHOUT = 30
"""Vehicles that the lake may name before it says nothing about a hall of which it never had a row."""


def implausibly_few(count: ir.Value, expected: ir.Value) -> ir.BooleanValue:
    """Return whether a count is below COMPARABLE of what is expected, and chance gives so little less than 1 in 10,000.

    The bound for Poisson counts is P(X <= k) <= exp(-m) (e m / k)^k for k < m: Mitzenmacher and Upfal, Probability and
    Computing, 2nd edition, theorem 5.4. For k = 0 it is exact.
    """
    many = count.cast("float64")
    ratio = ibis.greatest(expected / ibis.greatest(many, 1.0), 1.0)
    return (many < COMPARABLE * expected) & (expected - many - many * ratio.ln() > SURPRISE)


class Evidence:
    """The tables from which coverage is derived, for the prediction points of one target.

    Attributes:
        counts: upload, day, HALLE, vehicles; of merged falhas uploads, ANY_HALL included.
        without_groups: upload; those that have rows, but no S_GROUP_ID, as older exports.
        declared: upload, first, last (dates); the uploads whose period is declared, which overrides their rows.
        passed: day, passed (number of vehicles at their prediction point).
        stretches: upload, first, last (dates); where the rows of the other uploads are as many as usual for them.
        shares: HALLE, share of all rows in the lake, rate per vehicle at its prediction point.
    """

    def __init__(self, lake: LakeTables, target: Target) -> None:
        """Derive the tables; nothing is computed yet."""
        merged = lake.uploads.filter(lake.uploads.kind == "falhas", lake.uploads.state == "merged")
        days = lake.falhas_days.semi_join(merged, "upload")
        groups = days.group_by("upload").aggregate(grouped=days.grouped.sum())
        self.without_groups = groups.filter(groups.grouped == 0).select("upload")
        self.declared = _declared(merged, lake)
        halls = days.select("upload", "day", "vehicles", HALLE=days.HALLE.fill_null(BLANK_HALL))
        totals = halls.group_by("upload", "day").aggregate(vehicles=halls.vehicles.sum())
        self.counts = halls.union(totals.mutate(HALLE=ibis.literal(ANY_HALL)))
        points = prediction_points(lake.status, target)
        self.passed = points.group_by(day=points.predicted_at.date()).aggregate(passed=points.count())
        self._days = self._with_expected(totals.anti_join(self.declared, "upload"))
        self.stretches = self._stretches()
        self.shares = self._shares()

    def halls(self, wanted: ir.Table) -> ir.Table:
        """Return for which wanted halls (HALLE and more) each upload without a declared period counts.

        * An upload that lacks most of the usual rows, or has rows of halls only that make up less than half of them,
          counts for the halls of which it has at least half as many rows per vehicle as the lake.
        * Any other upload counts for a hall unless it has implausibly few rows of it.
        * A hall that no upload has counts while the whole lake names at most MOST_WITHOUT vehicles.

        Returns:
            the columns of wanted; upload; counts (no row for a partial upload that does not); share (of the hall among
            its rows) and rate (of its rows per vehicle that passed), those of the lake where it has none, 0 where
            nobody has; thin (whether it has no row of the hall, and too few others for that to tell).
        """
        uploads = self._uploads()
        own = self.counts.group_by("upload", "HALLE").aggregate(own=self.counts.vehicles.sum())
        pairs = uploads.cross_join(wanted)
        pairs = pairs.left_join(own, ["upload", "HALLE"]).select(pairs, own=own.own.fill_null(0))
        pairs = pairs.left_join(self.shares, "HALLE").select(
            pairs, share=self.shares.share.fill_null(0.0), rate=self.shares.rate.fill_null(0.0)
        )
        enough = (pairs.own > 0) & (pairs.own >= 0.5 * pairs.rate * pairs.passed)
        of_part = enough & (pairs.HALLE != ANY_HALL)
        known = ~implausibly_few(pairs.own, ibis.least(pairs.share * pairs.vehicles, pairs.rate * pairs.passed))
        unknown = (pairs.share == 0) & (pairs.in_lake > MOST_WITHOUT)
        judged = pairs.mutate(counts=ibis.ifelse(pairs.partial, of_part, known & ~unknown))
        judged = judged.filter(judged.counts | ~judged.partial)
        few = ibis.ifelse(judged.HALLE == ANY_HALL, judged.vehicles <= MOST_WITHOUT, judged.own == 0)
        share = ibis.ifelse(judged.own > 0, judged.own / judged.vehicles, judged.share)
        rate = ibis.ifelse(judged.own > 0, judged.own / ibis.greatest(judged.passed, 1), judged.rate)
        return judged.select(*wanted.columns, "upload", "counts", thin=few, share=share, rate=rate)

    def _with_expected(self, totals: ir.Table) -> ir.Table:
        """Add to the uploads' days how many vehicles passed, `before` them too, and the rows expected by own rate."""
        calendar = totals.select("day").union(self.passed.select("day"), distinct=True)
        calendar = calendar.left_join(self.passed, "day").select(calendar.day, passed=self.passed.passed.fill_null(0))
        upto = ibis.window(order_by=calendar.day, preceding=None, following=0)
        calendar = calendar.mutate(before=calendar.passed.sum().over(upto) - calendar.passed)
        days = totals.join(calendar, "day").select(totals, calendar.passed, calendar.before)
        of_upload = ibis.window(group_by="upload")
        on_its_days = days.vehicles.sum(where=days.passed > 0) / ibis.greatest(days.passed.sum(), 1)
        # Of an upload with few rows a day, the days without any belong to what is usual.
        passed_until_last = (days.before + days.passed).max() - days.before.min()
        throughout = days.vehicles.sum() / ibis.greatest(passed_until_last, 1)
        days = days.mutate(on_its_days=on_its_days.over(of_upload), throughout=throughout.over(of_upload))
        return days.mutate(expected=days.on_its_days.fill_null(0.0) * days.passed)

    def _stretches(self) -> ir.Table:
        """Join the days of usual volume, where the quiet days between two of them are few and plausible."""
        days = self._days
        upto = ibis.window(group_by="upload", order_by=days.day, preceding=None, following=0)
        days = days.mutate(upto=days.vehicles.sum().over(upto))
        usual = days.filter(days.vehicles >= COMPARABLE * days.expected)
        in_order = ibis.window(group_by="upload", order_by=usual.day)
        usual = usual.mutate(
            previous=usual.day.lag().over(in_order),
            passed_since=usual.before - (usual.before + usual.passed).lag().over(in_order),
            named_since=usual.upto - usual.vehicles - usual.upto.lag().over(in_order),
        )
        usual = usual.mutate(distance=usual.day.epoch_days() - usual.previous.epoch_days())
        of_upload = ibis.window(group_by="upload")
        often = usual.distance.count().over(of_upload) >= FEWEST_DAYS
        longest = LONGEST_GAP * ibis.ifelse(often, usual.distance.median().over(of_upload), 1)
        breaks = (usual.distance > longest) | implausibly_few(usual.named_since, usual.throughout * usual.passed_since)
        marked = usual.mutate(breaks=(usual.previous.isnull() | breaks).cast("int64"))
        upto = ibis.window(group_by="upload", order_by=marked.day, preceding=None, following=0)
        numbered = marked.mutate(stretch=marked.breaks.sum().over(upto))
        found = numbered.group_by("upload", "stretch").aggregate(first=numbered.day.min(), last=numbered.day.max())
        return found.select("upload", "first", "last")

    def _shares(self) -> ir.Table:
        """Return how much of all rows each hall has; a day of several uploads counts once, as the fullest of them."""
        fullest = self.counts.group_by("day", "HALLE").aggregate(vehicles=self.counts.vehicles.max())
        fullest = fullest.filter(fullest.HALLE != ANY_HALL)
        timed = fullest.left_join(self.passed, "day").select(fullest, passed=self.passed.passed.fill_null(0))
        days = timed.select("day", "passed").distinct()
        every = days.aggregate(all_passed=days.passed.sum())
        halls = timed.group_by("HALLE").aggregate(
            total=timed.vehicles.sum(), busy=timed.vehicles.sum(where=timed.passed > 0).fill_null(0)
        )
        whole = halls.aggregate(total=halls.total.sum(), busy=halls.busy.sum()).mutate(HALLE=ibis.literal(ANY_HALL))
        with_whole = halls.union(whole.select(*halls.columns))
        of = with_whole.cross_join(whole.select(in_lake="total")).cross_join(every)
        return of.select(
            "HALLE", "in_lake", share=of.total / of.in_lake, rate=of.busy / ibis.greatest(of.all_passed, 1)
        )

    def _uploads(self) -> ir.Table:
        """Return upload, vehicles (in its rows), passed (on its days), in_lake, and whether it is only a part."""
        days, shares = self._days, self.shares
        uploads = days.group_by("upload").aggregate(
            vehicles=days.vehicles.sum(),
            busy=days.vehicles.sum(where=days.passed > 0).fill_null(0),
            passed=days.passed.sum(),
        )
        halls = self.counts.filter(self.counts.HALLE != ANY_HALL).select("upload", "HALLE").distinct()
        held = halls.join(shares, "HALLE").group_by("upload").aggregate(held=shares.share.sum())
        lake = shares.filter(shares.HALLE == ANY_HALL).select("in_lake", lake_rate="rate")
        uploads = uploads.join(held, "upload").cross_join(lake)
        # All rows fall into halls that usually have less than half of them, even if these are busier today by TILT,
        # and enough vehicles passed to bring rows of the others.
        tilted = TILT * uploads.held / (1 + (TILT - 1) * uploads.held)
        absent = (1 - uploads.held) * uploads.lake_rate * uploads.passed
        one_sided = (uploads.held < 0.5) & (-uploads.vehicles * tilted.ln() > SURPRISE) & (absent > SURPRISE)
        little = implausibly_few(uploads.busy, uploads.lake_rate * uploads.passed)
        return uploads.select("upload", "vehicles", "passed", "in_lake", partial=one_sided | little)


def _declared(merged: ir.Table, lake: LakeTables) -> ir.Table:
    """Return the uploads with a declared period for their file name."""
    first, last = (
        _of_file(merged, {name: period[end] for name, period in lake.declared_periods.items()}) for end in (0, 1)
    )
    return merged.select("upload", first=first, last=last).filter(ibis._["first"].notnull())


def _of_file(uploads: ir.Table, by_name: Mapping[str, date]) -> ir.DateValue:
    """Return the day that stands for the file name of each upload, or NULL."""
    nothing = ibis.null("date")
    if not by_name:
        return nothing
    days = ((uploads["name"] == name, ibis.literal(day)) for name, day in by_name.items())
    return ibis.cases(*days, else_=nothing)
