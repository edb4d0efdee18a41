"""Where commands print: results to standard output, drawn or as JSON; progress and errors to standard error."""

import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def show(result: dict[str, Any], as_json: bool, draw: Callable[[dict[str, Any], Console], None]) -> None:
    """Print a result as one JSON object, or let `draw` draw it."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2, default=str) + "\n")
    else:
        draw(result, out)
