"""The versions of a target as a table in a terminal, with the vehicles that their figures were measured on."""

from typing import Any

from rich.console import Console
from rich.table import Table

from failure_platform.cli.drawing import coloured, draw_blocked, draw_decision, number
from failure_platform.domain.comparison.result import counted_uses


def draw_models(result: dict[str, Any], out: Console) -> None:
    """Draw the versions and the decisions."""
    # It must fit 80 columns: figures, and names that a person types again, are never cut.
    sets = _compared_sets(result["versions"])
    table = Table(title=result["target"], title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("version", no_wrap=True)
    table.add_column("state", min_width=10)
    table.add_column("family", min_width=10)
    table.add_column("made", no_wrap=True)
    for column in ("vehicles", "AUC", "AP"):
        table.add_column(column, justify="right", no_wrap=True)
    if len(sets) > 1:
        table.add_column("on", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for version in result["versions"]:
        metrics = version["metrics"]
        table.add_row(
            version["version"],
            version["state"],
            version["family"].replace("_", " "),
            version["created_at"][:10],
            f"{version['vehicles']:,}",
            *(number(metrics.get(name), digits=3) for name in ("roc_auc", "average_precision")),
            *([_letter_of(version, sets)] if len(sets) > 1 else []),
            coloured(version["verdict"] or ""),
        )
    out.print(table)
    for letter, on in sets.values():
        named = f"{letter}: " if len(sets) > 1 else "Figures measured on "
        out.print(f"{named}{on['vehicles']:,} vehicles, {on['failures']:,} failed{_period(on)}", markup=False)
    if len(sets) > 1:
        out.print("Figures of different letters are of different vehicles: they do not say which version is better.")
    if uses := result["comparisons_on_these_vehicles"]:
        out.print(f"The newest comparison is number {counted_uses(uses, result['comparisons_per_holdout'])}.")
    for line in result["decisions"]:
        draw_decision(line, out)
    draw_blocked(result["blocked"], out)


def _compared_sets(versions: list[dict[str, Any]]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a letter and the description of each set of compared vehicles, by its identifier, newest first."""
    sets: dict[str, tuple[str, dict[str, Any]]] = {}
    for version in versions:
        on = version["compared_on"]
        if on is not None and on["holdout_id"] not in sets:
            sets[on["holdout_id"]] = (_letter(len(sets)), on)
    return sets


def _letter_of(version: dict[str, Any], sets: dict[str, tuple[str, dict[str, Any]]]) -> str:
    on = version["compared_on"]
    return "" if on is None else sets[on["holdout_id"]][0]


def _letter(position: int) -> str:
    """Return a, b, ... z, aa, ab ..."""
    return (_letter(position // 26 - 1) if position >= 26 else "") + chr(ord("a") + position % 26)


def _period(on: dict[str, Any]) -> str:
    return f", {on['period_from'][:10]} to {on['period_to'][:10]}" if on["period_from"] and on["period_to"] else ""
