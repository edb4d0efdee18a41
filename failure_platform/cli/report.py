"""Results as tables for people.

What belongs here: drawing. What does not: finding anything out.
"""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLOURS = {
    "better": "green",
    "no_evidence": "yellow",
    "worse": "red",
    "no_signal": "red",
    "not_judged": "yellow",
    "merged": "green",
    "refused": "red",
    "already_in": "yellow",
}


def processed(result: dict[str, Any], out: Console) -> None:
    """Draw what `process` came to."""
    table = Table("upload", "file", "state", title="uploads", title_justify="left")
    counts = ("rows_in", "merged", "duplicate", "superseded", "quarantined")
    for count in counts:
        table.add_column(count, justify="right")
    for line in result["uploads"]:
        table.add_row(line["kind"], escape(line["name"]), _coloured(line["state"]), *(f"{line[c]:,}" for c in counts))
    out.print(table)
    for line in result["uploads"]:
        if line["state"] == "refused":
            out.print(f"[red]refused[/] {line['kind']}/{escape(line['name'] + ': ' + line['reason'])}")
    for name, found in result["targets"].items():
        out.print(f"\n[bold]{name}[/]")
        comparison(found, out)


def comparison(found: dict[str, Any], out: Console) -> None:
    """Draw old against new, and the verdict."""
    if found["table"]:
        reference = f"production {found['production']['version']}" if found["production"] else "the base rate"
        title = f"old: {reference}   new: candidate {found['candidate']['version']}   on the same newest vehicles"
        table = Table("metric", title=title, title_justify="left")
        for column in ("old", "new", "difference", "interval"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in found["table"]:
            table.add_row(
                row["metric"],
                _number(row["old"]),
                _number(row["new"]),
                _number(row["difference"], sign=True),
                f"{_number(row['low'], sign=True)} to {_number(row['high'], sign=True)}",
            )
        out.print(table)
        out.print(f"{found['vehicles']:,} vehicles, {found['failures']:,} of them failed")
    verdict = found["verdict"]
    out.print(f"verdict: {_coloured(verdict['outcome'])} - {verdict['reason']}")


def models(result: dict[str, Any], out: Console) -> None:
    """Draw the versions and the decisions."""
    # It has to be read in 80 columns: what must be typed again and the figures are never cut.
    table = Table(title=result["target"], title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("version", no_wrap=True)
    table.add_column("state", min_width=10)
    table.add_column("family", min_width=10)
    table.add_column("made", no_wrap=True)
    for column in ("vehicles", "AUC", "AP"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for version in result["versions"]:
        metrics = version["metrics"]
        table.add_row(
            version["version"],
            version["state"],
            version["family"].replace("_", " "),
            version["created_at"][:10],
            f"{version['vehicles']:,}",
            *(_number(metrics.get(name), digits=3) for name in ("roc_auc", "average_precision")),
            _coloured(version["verdict"] or ""),
        )
    out.print(table)
    out.print(
        f"The newest comparison is number {result['comparisons_on_these_vehicles']} of "
        f"{result['comparisons_per_holdout']} on its vehicles."
    )
    for line in result["decisions"]:
        decided(line, out)


def decided(line: dict[str, Any], out: Console) -> None:
    """Draw one decision."""
    out.print(
        f"{line['decided_at']:%Y-%m-%d %H:%M} {line['who']}: {line['decision']} {line['version']} - {line['why']} "
        f"(in production: {line['production_version'] or 'nothing'})",
        markup=False,
    )
    for gate in (line["evidence"] or {}).get("gates", ()):
        if not gate["passed"]:
            out.print(f"  not passed: {gate['sentence']}", markup=False)


def predicted(found: dict[str, Any], out: Console) -> None:
    """Draw what is predicted of one vehicle."""
    alarm = "[red]inspect[/]" if found["alarm"] else "no alarm"
    out.print(
        f"{found['KNR']}: {found['probability']:.1%} likely to fail ({alarm}; alarm from {found['threshold']:.1%}), "
        f"by version {found['version']}, as of {found['predicted_at']}"
    )
    if found["outcome"] is not None:
        out.print("outcome: it failed" if found["outcome"] else "outcome: it did not fail")
    if found["trained_on"]:
        out.print("[yellow]The model was trained on this vehicle: this says nothing about how good it is.[/]")


def simulated(result: dict[str, Any], out: Console) -> None:
    """Draw what was written."""
    for kind, path in result["uploads"].items():
        out.print(f"{path}: {result['rows'][kind]:,} rows, {result['bytes'][kind] / 1e6:,.1f} MB")
    out.print(f"truth: {result['truth']}\nthe next batch may start on {result['next_start']}")


def waiting(result: dict[str, Any], out: Console) -> None:
    """Draw why rows wait in quarantine."""
    rows = f"{result['open_rows']:,} {'row waits' if result['open_rows'] == 1 else 'rows wait'} for a correction"
    table = Table("kind", "reason", title=rows, title_justify="left")
    for column in ("rows", "uploads"):
        table.add_column(column, justify="right")
    table.add_column("newest (UTC)", no_wrap=True)
    table.add_column("for example")
    for line in result["reasons"]:
        # A reason may hold a pattern in brackets, which is no colour.
        told = (escape(line[name]) for name in ("kind", "reason"))
        counts = (f"{line[name]:,}" for name in ("rows", "uploads"))
        table.add_row(*told, *counts, f"{line['newest']:%Y-%m-%d %H:%M}", escape(line["example"]))
    out.print(table)
    if result["reasons"]:
        out.print("To correct them: failure-platform quarantine export FILE.csv --kind KIND")


def exported(result: dict[str, Any], out: Console) -> None:
    """Draw what was exported and what to do with it."""
    out.print(f"{result['file']}: {result['rows']:,} rows", end="", markup=False)
    out.print(f" and {result['lines']:,} lines that could not be read as rows" if result["lines"] else "")
    out.print(
        f"Correct the cells, keep QUARANTINE_ID, and drop the file into {result['drop_into']}: its rows are merged "
        "and no longer open. Rows that you leave out stay open.\n"
        "In Excel, open it by Data > From Text/CSV without type detection: a double click cuts the leading zeros of "
        "012001 and the seconds of a time.",
        markup=False,
    )


def examined(result: dict[str, Any], out: Console) -> None:
    """Draw settings, versions and checks."""
    table = Table("setting", "value", title="settings", title_justify="left")
    for name, value in result["settings"].items():
        table.add_row(name, str(value))
    out.print(table)
    out.print("versions: " + ", ".join(f"{name} {version}" for name, version in result["versions"].items()))
    for check in result["checks"]:
        mark = "[green]ok[/]" if check["ok"] else "[red]no[/]"
        out.print(f"{mark}  {check['check']}" + (f": {check['what to do']}" if check["what to do"] else ""))


def _number(value: float | None, *, sign: bool = False, digits: int = 4) -> str:
    if value is None:
        return "-"
    return f"{value:{'+' if sign else ''}.{digits}f}"


def _coloured(word: str) -> str:
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else word
