"""The result of a comparison: what was asked of the evidence, and everything that was found.

What belongs here: the two values, and their stored form. What does not: how any of it is computed (comparing).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter

from failure_platform.domain.comparison.alarms import Confusion, Flips, McNemar
from failure_platform.domain.comparison.curves import Curves
from failure_platform.domain.comparison.slices import Slice
from failure_platform.domain.comparison.table import Row
from failure_platform.domain.comparison.verdict import Reference, Verdict
from failure_platform.domain.markdown import markdown_table


@dataclass(frozen=True)
class ComparisonSettings:
    """What is asked of the evidence.

    Attributes:
        alpha: chance that any of the candidates compared on the same vehicles is wrongly called better.
        min_failures: fewer failures among the comparison vehicles are not judged.
        repetitions: resamples behind each interval.
        seed: of the resampling.
        inspections_per_day: vehicles that can be inspected in a day.
        most_uses: candidates that may be compared on the same vehicles before newer vehicles are asked for.
    """

    alpha: float = 0.05
    min_failures: int = 30
    repetitions: int = 2000
    seed: int = 0
    inspections_per_day: int = 20
    most_uses: int = 10

    def level(self, uses: int) -> float:
        """Return the level of the intervals of the comparison that is the `uses`-th on its vehicles, from 1.

        The first has 1 - alpha, so that an equal model lies above its interval with a chance of alpha / 2. Every
        further one is stricter, so that these chances, alpha / (2 uses^2), add up to less than alpha (0.82 alpha)
        however many follow. Sharing by 1 / uses does not keep to it: at alpha 0.05, one of ten equal candidates was
        called better in 5.4 % of 1,600 simulated cases, with this level in 2.7 %.
        """
        return 1 - self.alpha / uses**2


@dataclass(frozen=True)
class Comparison:
    """A finished comparison; see `as_dict` for the stored form.

    Attributes:
        vehicles, failures: how many were compared on.
        period_from, period_to: first and last prediction point among them; None without vehicles.
        holdout_id: name of this set of vehicles.
        uses: candidates compared on it so far, this one included.
        most_uses: how many may be; more than these and newer vehicles are asked for.
        alpha: chance of a wrong "better" over all uses.
        level: of every interval, see `ComparisonSettings.level`.
        inspections_per_day: vehicles that can be inspected in a day; the alarm budget that is equal for both models.
        reference: what `table` and `slices` compare with.
        candidate, production, base_rate: the figures of each, by metric; production None when there is none.
        table: one row per figure.
        verdict: outcome and reason.
        curves: by "candidate", "production" and "base_rate", as far as there are.
        confusions: of "candidate" and "production", each at its own threshold.
        mcnemar: the failed vehicles found by one model and not by the other; None without production.
        flips: vehicles that one model alarms and the other does not; None without production.
        slices: by kind, most failures first.
        worst_slice: of the judged slices, the credibly worst, else the one with the lowest difference; None where none
            is judged, as without production. Its `worse` says whether it is credible.
    """

    vehicles: int
    failures: int
    period_from: datetime | None
    period_to: datetime | None
    holdout_id: str
    uses: int
    most_uses: int
    alpha: float
    level: float
    inspections_per_day: int
    reference: Reference
    candidate: dict[str, float | None]
    production: dict[str, float | None] | None
    base_rate: dict[str, float | None]
    table: tuple[Row, ...]
    verdict: Verdict
    curves: dict[str, Curves]
    confusions: dict[str, Confusion]
    mcnemar: McNemar | None
    flips: Flips | None
    slices: tuple[Slice, ...]
    worst_slice: Slice | None

    @property
    def slices_judged(self) -> int:
        """How many slices held enough failures; their intervals are corrected for as many."""
        return sum(one.judged for one in self.slices)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON types."""
        return cast(dict[str, Any], _stored_form().dump_python(self, mode="json"))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Comparison":
        """Return the comparison that `as_dict` made these JSON types of.

        Raises:
            pydantic.ValidationError: they are of another form, such as that of an older version of the platform.
        """
        return _stored_form().validate_python(stored)

    def markdown(self) -> str:
        """Return the table of figures as Markdown."""
        old = "production" if self.reference == "production" else "base rate"
        interval = f"{100 * self.level:.4g} % interval"
        rows = []
        for row in self.table:
            span = "" if row.low is None or row.high is None else f"{row.low:+.3f} to {row.high:+.3f}"
            difference = "" if row.difference is None else f"{row.difference:+.3f}"
            rows.append((row.metric, _text(row.old), _text(row.new), difference, span, _text(row.base_rate)))
        head = ("figure", f"old ({old})", "new (candidate)", "difference", interval, "base rate")
        return markdown_table(head, rows)


@cache
def _stored_form() -> TypeAdapter[Comparison]:
    return TypeAdapter(Comparison)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
