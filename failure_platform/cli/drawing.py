"""Results as tables in a terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from failure_platform.domain.not_taken import NotTaken

_COUNTS = ("rows_in", "merged", "duplicate", "superseded", "quarantined")
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


def draw_process(result: dict[str, Any], out: Console) -> None:
    """Draw the result of `process`."""
    table = Table("upload", "file", "state", title="uploads", title_justify="left")
    for count in _COUNTS:
        table.add_column(count, justify="right")
    for line in result["uploads"]:
        table.add_row(line["kind"], escape(line["name"]), coloured(line["state"]), *(f"{line[c]:,}" for c in _COUNTS))
    out.print(table)
    for line in result["uploads"]:
        if line["state"] == "refused":
            out.print(f"[red]refused[/] {line['kind']}/{escape(line['name'] + ': ' + line['reason'])}")
    _draw_not_taken(result, out)
    for name, compared in result["targets"].items():
        out.print(f"\n[bold]{name}[/]")
        draw_comparison(compared, out)


def draw_comparison(compared: dict[str, Any], out: Console) -> None:
    """Draw old against new, and the verdict."""
    if compared["table"]:
        reference = f"production {compared['production']['version']}" if compared["production"] else "the base rate"
        title = f"old: {reference}   new: candidate {compared['candidate']['version']}   on the same newest vehicles"
        table = Table("metric", title=title, title_justify="left")
        for column in ("old", "new", "difference", "interval"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in compared["table"]:
            table.add_row(
                row["metric"],
                number(row["old"]),
                number(row["new"]),
                number(row["difference"], sign=True),
                f"{number(row['low'], sign=True)} to {number(row['high'], sign=True)}",
            )
        out.print(table)
        out.print(f"{compared['vehicles']:,} vehicles, {compared['failures']:,} of them failed")
    verdict = compared["verdict"]
    out.print(f"verdict: {coloured(verdict['outcome'])} - {escape(verdict['reason'])}")
    if compared["leak_audit"]:
        out.print(f"[yellow]look at this first:[/] {escape(compared['leak_audit'])}")
    if compared["consequence"]:
        out.print(compared["consequence"])
    draw_blocked(compared["blocked"], out)


def draw_blocked(blocked: dict[str, Any] | None, out: Console) -> None:
    """Say why the last training gave no version, and what to do; nothing if it gave one."""
    if blocked is None:
        return
    features = f" Features: {', '.join(blocked['features'])}." if blocked["features"] else ""
    out.print(f"[red]blocked[/] by {blocked['check']}: {escape(blocked['reason'] + features)}")
    out.print(f"What to do: {blocked['what_to_do']}", markup=False)


def draw_decision(line: dict[str, Any], out: Console) -> None:
    """Draw one decision."""
    out.print(
        f"{line['decided_at']:%Y-%m-%d %H:%M} {line['who']}: {line['decision']} {line['version']} - {line['why']} "
        f"(in production: {line['production_version'] or 'nothing'})",
        markup=False,
    )
    for gate in (line["evidence"] or {}).get("gates", ()):
        if not gate["passed"]:
            out.print(f"  not passed: {gate['sentence']}", markup=False)


def draw_prediction(predicted: dict[str, Any], out: Console) -> None:
    """Draw the prediction for one vehicle."""
    alarm = "[red]inspect[/]" if predicted["alarm"] else "no alarm"
    out.print(
        f"{predicted['KNR']}: {predicted['probability']:.1%} likely to fail "
        f"({alarm}; alarm from {predicted['threshold']:.1%}), "
        f"by version {predicted['version']}, as of {predicted['predicted_at']}"
    )
    if predicted["outcome"] is not None:
        out.print("outcome: it failed" if predicted["outcome"] else "outcome: it did not fail")
    if predicted["trained_on"]:
        out.print("[yellow]The model was trained on this vehicle: this says nothing about how good it is.[/]")
    verdict = predicted["verdict"]
    if verdict is None:
        out.print("[yellow]This model was never compared: how good it is is not known.[/]")
    elif verdict["outcome"] == "not_judged":
        out.print(f"[yellow]This model was not judged:[/] {verdict['reason']}")
    else:
        out.print(f"verdict of this model: {coloured(verdict['outcome'])} - {verdict['reason']}")


def draw_simulation(result: dict[str, Any], out: Console) -> None:
    """Draw the files of a simulation."""
    for kind, path in result["uploads"].items():
        out.print(f"{path}: {result['rows'][kind]:,} rows, {result['bytes'][kind] / 1e6:,.1f} MB")
    out.print(f"truth: {result['truth']}\nthe next batch may start on {result['next_start']}")


def draw_open_reasons(result: dict[str, Any], out: Console) -> None:
    """Draw why rows wait in quarantine."""
    rows = f"{result['open_rows']:,} {'row waits' if result['open_rows'] == 1 else 'rows wait'} for a correction"
    table = Table("kind", "reason", title=rows, title_justify="left")
    for column in ("rows", "uploads"):
        table.add_column(column, justify="right")
    table.add_column("newest (UTC)", no_wrap=True)
    table.add_column("for example")
    for line in result["reasons"]:
        # A reason may contain a pattern in brackets, which is no markup.
        texts = (escape(line[name]) for name in ("kind", "reason"))
        counts = (f"{line[name]:,}" for name in ("rows", "uploads"))
        table.add_row(*texts, *counts, f"{line['newest']:%Y-%m-%d %H:%M}", escape(line["example"]))
    out.print(table)
    if result["reasons"]:
        out.print("To correct them: failure-platform quarantine export FILE.csv --kind KIND")


def draw_export(result: dict[str, Any], out: Console) -> None:
    """Draw the exported file and how to use it."""
    out.print(f"{result['file']}: {result['rows']:,} rows", end="", markup=False)
    out.print(f" and {result['lines']:,} lines that could not be read as rows" if result["lines"] else "")
    out.print(
        f"Correct the cells, keep QUARANTINE_ID, and drop the file into {result['drop_into']}: its rows are merged "
        "and no longer open. Rows that you leave out stay open.\n"
        "In Excel, open it by Data > From Text/CSV without type detection: a double click cuts the leading zeros of "
        "012001 and the seconds of a time.",
        markup=False,
    )


def draw_doctor(result: dict[str, Any], out: Console) -> None:
    """Draw settings, versions and checks."""
    table = Table("setting", "value", title="settings", title_justify="left")
    for name, value in result["settings"].items():
        table.add_row(name, str(value))
    out.print(table)
    out.print("versions: " + ", ".join(f"{name} {version}" for name, version in result["versions"].items()))
    for check in result["checks"]:
        mark = "[green]ok[/]" if check["ok"] else "[red]no[/]"
        out.print(f"{mark}  {check['check']}" + (f": {check['what to do']}" if check["what to do"] else ""))


def number(value: float | None, *, sign: bool = False, digits: int = 4) -> str:
    """Return a figure as text, "-" if it is not defined."""
    if value is None:
        return "-"
    return f"{value:{'+' if sign else ''}.{digits}f}"


def coloured(word: str) -> str:
    """Return a state or an outcome in its colour."""
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else word


def draw_uploads(result: dict[str, Any], out: Console) -> None:
    """Draw the ledger as a table."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for column in ("hash", "kind", "state"):
        table.add_column(column, no_wrap=True)
    for count in _COUNTS:
        # A number is never cut, however narrow the terminal; its heading folds instead.
        longest = max((len(f"{line[count]:,}") for line in result["uploads"]), default=0)
        table.add_column(count.replace("_", " "), justify="right", overflow="fold", min_width=longest)
    table.add_column("file", overflow="fold", min_width=8)
    for line in result["uploads"]:
        counts = (f"{line[count]:,}" for count in _COUNTS)
        table.add_row(line["sha256"][:8], line["kind"], line["state"], *counts, escape(line["name"]))
    out.print(table)
    for line in result["uploads"]:
        if line["reason"]:
            out.print(f"{line['name']}: {line['reason']}", markup=False)
    _draw_not_taken(result, out)


def _draw_not_taken(result: dict[str, Any], out: Console) -> None:
    for one in result["not_taken"]:
        out.print(f"[red]not taken[/] {escape(str(NotTaken(**one)))}")


def draw_withdrawal(line: dict[str, Any], out: Console) -> None:
    """Print what was removed, and how to ingest it again."""
    out.print(
        f"'{line['name']}' is out of the lake: {line['reason']}. Its original stays in the archive; to ingest it "
        f"again, materialise partition {line['upload']} of {line['kind']} in the UI.",
        markup=False,
    )


def draw_card(result: dict[str, Any], out: Console) -> None:
    """Print the card as Markdown."""
    out.print(result["card"], markup=False, highlight=False, soft_wrap=True)


def draw_report(result: dict[str, Any], out: Console) -> None:
    """Draw the path on a line of its own, so that it can be copied."""
    out.print(result["reason"], markup=False)
    out.print(result["consequence"], markup=False)
    draw_blocked(result["blocked"], out)
    out.print(result["report"], markup=False, soft_wrap=True)


def draw_restore(result: dict[str, Any], out: Console) -> None:
    """Print the problems and what was done."""
    for problem in result["problems"]:
        out.print(problem, markup=False)
    out.print(result["done"], markup=False)
    if result["kept"]:
        out.print(f"The damaged file is kept as {result['kept']}; delete it when you no longer need it.", markup=False)


def draw_replay(result: dict[str, Any], out: Console) -> None:
    """Draw the comparison of the tables, and print what was done."""
    table = Table("table", title="the lake, and the same rebuilt from the archive", title_justify="left")
    for column in ("uploads", "rows before", "rows after", "same"):
        table.add_column(column, justify="right")
    for kind in result["kinds"]:
        before = "unreadable" if kind["rows_before"] is None else f"{kind['rows_before']:,}"
        same = "[green]yes[/]" if kind["identical"] else "[red]no[/]"
        table.add_row(kind["kind"], f"{kind['uploads']:,}", before, f"{kind['rows_after']:,}", same)
    out.print(table)
    if result["before"]:
        out.print(f"The lake could not be read: {result['before']}", markup=False)
    if result["identical"]:
        out.print("Both are the same; nothing was changed.")
    elif not result["replaced"]:
        out.print("They differ; nothing was changed. Without --check the rebuilt one replaces the lake.")
    else:
        carried = ", ".join(result["carried_over"]) or "none: the model versions' tables could not be read"
        out.print(f"The lake was replaced; the old file is kept as {result['kept']}.", markup=False)
        out.print(f"Tables carried over: {carried}.", markup=False)
