"""The figures of a model card: what a comparison found, as Markdown tables.

What belongs here: figures with intervals, slices, and the verdict in words. What does not: the rest of the card
(model_card), and the comparison itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failure_platform.domain.versions.model_version import ComparisonRecord

# A slice with fewer failures is left out of the card: its figures are chance.
_FEWEST_FAILURES = 10


def figures(compared: ComparisonRecord | None) -> str:
    """Return the sections on figures and slices."""
    if compared is None:
        return (
            "## Figures\n\nNot compared yet. `failure-platform card` and the page of model_comparison show this card "
            "with figures once it is."
        )
    body = compared.body
    other = f"production {compared.production}" if compared.production else "the base rate"
    rows = [
        (
            row["metric"],
            number(row["new"]),
            _span(row.get("new_low"), row.get("new_high")),
            number(row.get("old")),
            number(row.get("difference"), "+"),
            _span(row.get("low"), row.get("high"), "+"),
        )
        for row in body["table"]
    ]
    table = markdown_table(("figure", "value", "interval", "old", "difference", "interval of it"), rows)
    level = f"{100 * body['level']:.4g} % intervals, since this is comparison {compared.uses} on these vehicles"
    return (
        f"## Figures\n\nOn {compared.vehicles} vehicles newer than the training "
        f"({_day(body['period_from'])} to {_day(body['period_to'])}), {compared.failures} of them failed; compared "
        f"with {other} (old); {level}.\n\n{table}\n\n"
        f"Verdict: {compared.outcome}. {compared.reason}\n\n{_slices(body.get('slices', ()))}"
    )


def _slices(slices: Sequence[Mapping[str, Any]]) -> str:
    shown = [one for one in slices if one["judged"] or one["failures"] >= _FEWEST_FAILURES]
    if not shown:
        return (
            f"## Slices\n\nNo model, engine, colour, month or failure group holds {_FEWEST_FAILURES} failures or more."
        )
    rows = [
        (
            one["kind"],
            one["value"],
            one["vehicles"],
            one["failures"],
            one["metric"],
            number(one["old"]),
            number(one["new"]),
            _span(one["low"], one["high"], "+"),
            "worse" if one["worse"] else "not worse" if one["judged"] else "not judged",
        )
        for one in shown
    ]
    head = ("slice", "value", "vehicles", "failures", "figure", "old", "new", "interval of the difference", "judgement")
    judged = sum(one["judged"] for one in slices)
    told = (
        f"{len(shown)} of {len(slices)} hold {_FEWEST_FAILURES} failures or more. {judged} are judged against "
        "production; their intervals are corrected for as many."
    )
    return f"## Slices\n\n{told}\n\n{markdown_table(head, rows)}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; what a person wrote cannot break it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(str(cell).replace("|", "/").split()) for cell in row) + " |" for row in lines
    )


def number(value: float | None, sign: str = "") -> str:
    """Return a figure as text."""
    return "not defined" if value is None else f"{value:{sign}.3f}"


def _span(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else f"{number(low, sign)} to {number(high, sign)}"


def _day(moment: str | None) -> str:
    return "none" if moment is None else moment[:10]
