"""The comparison of a candidate with the production model, or with the base rate, on the same newest vehicles.

What belongs here: putting figures, intervals and verdict together to one value that can be stored and shown.
What does not: resampling (bootstrap), the rules of the verdict (verdict), pictures (figures).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from failure_platform.domain.bootstrap import Scored, cautious_auc_interval, interval, resample
from failure_platform.domain.curves import Curves, Points, curves_of
from failure_platform.domain.metrics import METRICS, measure
from failure_platform.domain.verdict import Evidence, Reference, Row, Verdict, judge

Floats = NDArray[np.float64]
_Span = Callable[[Floats, float], tuple[float, float] | tuple[None, None]]


@dataclass(frozen=True)
class Gate:
    """What is asked of the evidence.

    Attributes:
        alpha: chance of a wrong "better", shared among all candidates compared on the same vehicles.
        min_failures: fewer failures among the comparison vehicles are not judged.
        repetitions: resamples behind each interval.
        seed: of the resampling.
    """

    alpha: float = 0.05
    min_failures: int = 30
    repetitions: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class Comparison:
    """A finished comparison; see `as_dict` for the stored form.

    Attributes:
        vehicles, failures: how many were compared on.
        period_from, period_to: first and last prediction point among them; None without vehicles.
        holdout_id: name of this set of vehicles.
        uses: candidates compared on it so far, this one included.
        alpha: chance of a wrong "better" over all uses.
        level: of every interval, 1 - alpha / uses.
        reference: what `table` compares with.
        candidate, production, base_rate: the eight figures of each; production None when there is none.
        table: one row per figure.
        verdict: outcome and reason.
        curves: by "candidate", "production" and "base_rate", as far as there are.
    """

    vehicles: int
    failures: int
    period_from: datetime | None
    period_to: datetime | None
    holdout_id: str
    uses: int
    alpha: float
    level: float
    reference: Reference
    candidate: dict[str, float | None]
    production: dict[str, float | None] | None
    base_rate: dict[str, float | None]
    table: tuple[Row, ...]
    verdict: Verdict
    curves: dict[str, Curves]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON types."""
        period = {
            key: None if value is None else value.isoformat()
            for key, value in (("period_from", self.period_from), ("period_to", self.period_to))
        }
        return {**asdict(self), **period, "table": [asdict(row) for row in self.table]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Comparison":
        """Return the comparison that `as_dict` made these JSON types of."""
        moments = {key: stored[key] and datetime.fromisoformat(stored[key]) for key in ("period_from", "period_to")}
        return cls(
            **{
                **stored,
                **moments,
                "table": tuple(Row(**row) for row in stored["table"]),
                "verdict": Verdict(**stored["verdict"]),
                "curves": {name: _curves(points) for name, points in stored["curves"].items()},
            }
        )

    def markdown(self) -> str:
        """Return the table of figures as Markdown."""
        old = "production" if self.reference == "production" else "base rate"
        lines = [
            f"| figure | old ({old}) | new (candidate) | difference | {100 * self.level:.4g} % interval |",
            "|---|---:|---:|---:|---:|",
        ]
        for row in self.table:
            span = "" if row.low is None or row.high is None else f"{row.low:+.3f} to {row.high:+.3f}"
            difference = "" if row.difference is None else f"{row.difference:+.3f}"
            lines.append(f"| {row.metric} | {_text(row.old)} | {_text(row.new)} | {difference} | {span} |")
        return "\n".join(lines)


def holdout_id(knr: Iterable[str]) -> str:
    """Return the name of a set of vehicles: the same set, in any order, has the same name."""
    return hashlib.sha256("\n".join(sorted(knr)).encode()).hexdigest()[:16]


def compare(
    knr: Sequence[str],
    predicted_at: NDArray[np.datetime64],
    y: NDArray[np.int8],
    candidate: Scored,
    production: Scored | None,
    base_rate: float,
    uses: int,
    gate: Gate,
) -> Comparison:
    """Compare on the given vehicles, the comparison side of a split.

    Args:
        knr: the vehicles.
        predicted_at: their prediction points, in the same order as everything below.
        y: their labels, 1 = failed.
        candidate: what the candidate says of them.
        production: what the production model says of them, or None when there is none.
        base_rate: share of failures on the candidate's training side: what one would say without any model.
        uses: comparisons made on these vehicles so far, this one included.
        gate: what is asked of the evidence.

    Raises:
        ValueError: uses is less than 1, or the lengths differ.
    """
    lengths = {len(knr), len(predicted_at), len(y), *(len(model.p) for model in (candidate, production) if model)}
    if uses < 1 or len(lengths) > 1:
        raise ValueError(f"uses is {uses} (at least 1: this one); vehicles, labels and scores number {sorted(lengths)}")
    level = 1 - gate.alpha / uses
    # The base rate never alarms: it would have to alarm every vehicle or none.
    constant = Scored(np.full(len(y), base_rate), threshold=np.inf)
    models = {"candidate": candidate, "base_rate": constant} | ({"production": production} if production else {})
    figures = {name: measure(y, model.p, model.threshold) for name, model in models.items()}
    resampled = dict(zip(models, _resample(y, list(models.values()), gate), strict=True))

    failures = int(y.sum())

    def rows(reference: str) -> tuple[Row, ...]:
        olds, news = resampled[reference].T, resampled["candidate"].T
        return tuple(
            _row(
                name,
                (figures[reference][name], figures["candidate"][name]),
                (olds[i], news[i]),
                lambda samples, point: interval(samples, point, level, failures) or (None, None),
            )
            for i, name in enumerate(METRICS)
        )

    reference: Reference = "production" if production else "base_rate"
    table = rows(reference)
    if failures < gate.min_failures:
        table = tuple(_with_few_failures(row, failures, len(y) - failures, level) for row in table)
    by_metric = {row.metric: row for row in table}
    base_rate_loss = next(row for row in rows("base_rate") if row.metric == "log_loss")
    evidence = Evidence(len(y), failures, gate.min_failures, level, uses, reference, by_metric, base_rate_loss)
    asked = pd.DatetimeIndex(predicted_at)
    return Comparison(
        vehicles=len(y),
        failures=failures,
        period_from=asked.min().to_pydatetime() if len(y) else None,
        period_to=asked.max().to_pydatetime() if len(y) else None,
        holdout_id=holdout_id(knr),
        uses=uses,
        alpha=gate.alpha,
        level=level,
        reference=reference,
        candidate=figures["candidate"],
        production=figures.get("production"),
        base_rate=figures["base_rate"],
        table=table,
        verdict=judge(evidence),
        curves={name: curves_of(y, model.p) for name, model in models.items()},
    )


def _resample(y: NDArray[np.int8], models: list[Scored], gate: Gate) -> list[Floats]:
    if len(y) == 0:
        return [np.full((1, len(METRICS)), np.nan) for _ in models]
    return resample(y, models, gate.repetitions, gate.seed)


def _row(metric: str, figures: tuple[float | None, float | None], resampled: tuple[Floats, Floats], span: _Span) -> Row:
    """Return the row of one figure from (old, new) on all vehicles and on the resamples."""
    (old, new), (olds, news) = figures, resampled
    if new is None:
        return Row(metric, old, new, None, None, None, None, None)
    low, high = span(news, new)
    if low is not None and high is not None:
        # All figures are at least 0, and all but log loss at most 1.
        low, high = max(low, 0.0), high if metric == "log_loss" else min(high, 1.0)
    if old is None:
        return Row(metric, old, new, None, None, None, low, high)
    lowest, highest = span(news - olds, new - old)
    return Row(metric, old, new, new - old, lowest, highest, low, high)


def _with_few_failures(row: Row, failures: int, others: int, level: float) -> Row:
    """Return the row without intervals of no width, and with the cautious one of the ROC AUC."""
    if row.low == row.high:
        row = replace(row, low=None, high=None)
    if row.new_low == row.new_high:
        row = replace(row, new_low=None, new_high=None)
    if row.metric == "roc_auc" and row.new is not None:
        low, high = cautious_auc_interval(row.new, failures, others, level)
        row = replace(row, new_low=low, new_high=high)
    return row


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _curves(stored: Mapping[str, Any]) -> Curves:
    def points(name: str) -> Points:
        return tuple((float(a), float(b)) for a, b in stored[name])

    return Curves(
        points("roc"), points("precision_recall"), points("calibration"), tuple(stored["calibration_vehicles"])
    )
