"""`simulate`: writes one batch of simulated uploads into the upload folders of a home."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress

from failure_platform.settings import Settings
from failure_platform.simulation.dirt import DIRT, SOME_DIRT, DirtKind
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.writing import SimulationReport, simulate


class WrongOptionsError(Exception):
    """The options describe no possible plant."""


def simulate_batch(settings: Settings, plan: Mapping[str, Any], dirt: Sequence[str], err: Console) -> dict[str, Any]:
    """Write the batch and return its files, row counts and next possible start.

    Raises:
        WrongOptionsError: the message gives the option and its possible values.
    """
    try:
        options = Simulation(**plan, dirt=_shares(dirt))
    except ValueError as wrong:
        raise WrongOptionsError(str(wrong)) from wrong
    report = write(settings, options, err)
    return {
        "vehicles": options.vehicles,
        "uploads": {kind: str(path) for kind, path in report.uploads.items()},
        "rows": dict(report.rows),
        "bytes": dict(report.bytes),
        "truth": str(report.truth),
        "next_start": report.next_start.isoformat(),
    }


def write(settings: Settings, options: Simulation, err: Console) -> SimulationReport:
    """Write the batch with a progress bar on standard error."""
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(f"simulating {options.name}", total=options.vehicles)
        return simulate(options, settings.uploads_folder, lambda done, _: bar.update(task, completed=done))


def _shares(dirt: Sequence[str]) -> dict[DirtKind, float]:
    shares: dict[DirtKind, float] = {}
    for item in dirt:
        if item == "some":
            shares |= SOME_DIRT
            continue
        kind, _, share = item.partition("=")
        try:
            shares[DirtKind(kind)] = float(share)
        except ValueError as wrong:
            kinds = ", ".join(f"{k} ({d.description})" for k, d in DIRT.items())
            raise WrongOptionsError(f"--dirt {item}: write KIND=SHARE or `some`. Kinds: {kinds}.") from wrong
    return shares
