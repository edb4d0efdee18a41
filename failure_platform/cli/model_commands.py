"""What a home holds on a target, on its versions and on one vehicle, as plain values for JSON and tables."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd

from failure_platform.domain.comparison.consequence import consequence
from failure_platform.domain.deciding.log import ComparedOn, summarize_versions
from failure_platform.domain.model_version import VersionNotFoundError, resolve
from failure_platform.resources.lake.target_tables import predictions_table, read_table
from failure_platform.resources.platform import Platform
from failure_platform.resources.registry.report_files import report_file
from failure_platform.settings import Settings

NOT_TRAINED = "No candidate could be trained: too few vehicles with a known outcome, or too few failures among them."


class NotKnownError(Exception):
    """There is nothing to show; the message says what to do."""


def summary(platform: Platform, target: str) -> dict[str, Any]:
    """Return the newest candidate, what is in production, and the verdict on the same vehicles.

    `candidate` and `production` hold version, family and metrics, or are None; `leak_audit` is what the audit of its
    training warned of, and who accepted what; `consequence` is what following the alarms costs and finds; `table` holds
    old, new, difference and interval of each metric. `blocked` is None, or why the last training gave no version:
    check, reason, features and what to do; the rest is then that of before.
    """
    candidate = platform.registry.newest(target)
    comparisons = platform.registry.comparisons(target)
    blocked = blocked_training(platform, target)
    if candidate is None or not comparisons:
        reason = NOT_TRAINED if blocked is None else blocked["reason"]
        return {
            "candidate": None,
            "production": None,
            "vehicles": 0,
            "failures": 0,
            "verdict": {"outcome": "not_judged", "reason": reason},
            "consequence": None,
            "leak_audit": "",
            "table": [],
            "blocked": blocked,
        }
    newest = comparisons[0]
    compared = newest.comparison
    return {
        "candidate": _model(platform, newest.candidate, compared.candidate),
        "production": _model(platform, newest.production, compared.production) if newest.production else None,
        "vehicles": compared.vehicles,
        "failures": compared.failures,
        "verdict": asdict(compared.verdict),
        "leak_audit": compared.leak_audit.summary,
        "period": {"from": _isoformat(compared.period_from), "to": _isoformat(compared.period_to)},
        "consequence": consequence(compared),
        "table": [asdict(row) for row in compared.table],
        "blocked": blocked,
    }


def blocked_training(platform: Platform, target: str) -> dict[str, Any] | None:
    """Return why the last training of a target gave no version, as JSON types; None if it gave one."""
    blocked = platform.registry.blocked(target)
    return None if blocked is None else blocked.as_dict()


def _model(platform: Platform, version: str, metrics: Mapping[str, float | None] | None) -> dict[str, Any]:
    return {"version": version, "family": platform.registry.version(version).family, "metrics": metrics}


def _isoformat(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def history(settings: Settings, target: str) -> dict[str, Any]:
    """Return every version of a target, newest first, every decision, oldest first, and the uses of the holdout."""
    platform = Platform(settings)
    must_be_known(settings, target)
    log = platform.registry.history(target)
    comparisons = platform.registry.comparisons(target)
    versions = [
        {
            **asdict(line),
            "created_at": line.created_at.isoformat(sep=" ", timespec="seconds"),
            "trained_from": str(line.trained_from),
            "trained_until": str(line.trained_until),
            "compared_on": None if line.compared_on is None else _compared_on(line.compared_on),
        }
        for line in summarize_versions(platform.registry.versions(target), comparisons, log)
    ]
    return {
        "target": target,
        "versions": versions,
        "decisions": [asdict(line) for line in log],
        "comparisons_on_these_vehicles": comparisons[0].comparison.uses if comparisons else 0,
        "comparisons_per_holdout": settings.comparisons_per_holdout,
        "blocked": blocked_training(platform, target),
    }


def _compared_on(on: ComparedOn) -> dict[str, Any]:
    return {**asdict(on), "period_from": _isoformat(on.period_from), "period_to": _isoformat(on.period_to)}


def prediction(settings: Settings, target: str, knr: str) -> dict[str, Any]:
    """Return what the production model predicts of one vehicle, and the verdict of that model's newest comparison.

    Raises:
        NotKnownError: no such target, nothing in production, no predictions of the production model yet, or the vehicle
            is not among them.
    """
    must_be_known(settings, target)
    platform = Platform(settings)
    production = platform.registry.current(target)
    if production is None:
        raise NotKnownError("No model is in production. Promote a version first: failure-platform decide --help")
    table = predictions_table(target)
    rows = read_table(platform.lake, table, "KNR = ?", (knr.strip(),))
    if rows is None or (not rows.empty and rows["version"].iloc[0] != production.version):
        raise NotKnownError(
            f"Version {production.version} is in production and has not predicted yet. A platform that is up does so "
            "by itself; otherwise materialise predictions, or run: failure-platform process"
        )
    if rows.empty:
        raise NotKnownError(
            f"Vehicle {knr} has no prediction: it has not passed the prediction point by any status upload, or its "
            "number is written otherwise (YYYY-WWDSSSS)."
        )
    row = rows.iloc[0]
    return {
        **{name: row[name] for name in ("KNR", "version")},
        "predicted_at": str(row["predicted_at"]),
        "probability": float(row["probability"]),
        "alarm": bool(row["alarm"]),
        "threshold": float(row["threshold"]),
        "trained_on": bool(row["trained_on"]),
        "outcome": None if pd.isna(row["outcome"]) else int(row["outcome"]),
        "verdict": _verdict_of(platform, target, production.version),
    }


def _verdict_of(platform: Platform, target: str, version: str) -> dict[str, Any] | None:
    """Return the verdict of the newest comparison in which a version was the candidate; None: it was never compared."""
    records = (record for record in platform.registry.comparisons(target) if record.candidate == version)
    newest = next(records, None)
    return None if newest is None else asdict(newest.comparison.verdict)


def must_be_known(settings: Settings, target: str) -> None:
    """Raise NotKnownError where the settings have no such target."""
    if target not in settings.targets:
        raise NotKnownError(f"There is no target '{target}'; the settings have: {', '.join(sorted(settings.targets))}.")


def card(settings: Settings, target: str, version: str) -> dict[str, Any]:
    """Return the model card of a version, given by its complete name or its first digits.

    Raises:
        NotKnownError: no such target or version.
    """
    from failure_platform.domain.report.model_card import model_card

    must_be_known(settings, target)
    registry = Platform(settings).registry
    try:
        name = resolve(version, target, {known.version: target for known in registry.versions(target)})
    except VersionNotFoundError as error:
        raise NotKnownError(str(error)) from error
    compared = next((one for one in registry.comparisons(target) if one.candidate == name), None)
    text = model_card(registry.version(name), settings.target(target), compared, registry.history(target))
    return {"version": name, "card": text}


def newest_report(settings: Settings, target: str) -> dict[str, Any]:
    """Return the newest comparison's report: its path, id, verdict, reason, and why no newer version was trained.

    Raises:
        NotKnownError: no such target, nothing compared yet, or the report is gone.
    """
    must_be_known(settings, target)
    platform = Platform(settings)
    comparisons, blocked = platform.registry.comparisons(target), blocked_training(platform, target)
    if not comparisons:
        raise NotKnownError(
            "Nothing was compared yet. Drop files into the upload folders: failure-platform process"
            if blocked is None
            else f"Nothing was compared yet: the last training was blocked by {blocked['check']}. {blocked['reason']} "
            f"{blocked['what_to_do']}"
        )
    newest = comparisons[0]
    file = report_file(settings.reports_folder, newest)
    if not file.is_file():
        raise NotKnownError(
            f"The report of comparison {newest.id} is not at {file}. Materialise model_comparison again: it is then "
            "written again, with the same figures."
        )
    verdict = newest.comparison.verdict
    return {
        "report": str(file),
        "comparison": newest.id,
        "verdict": verdict.outcome,
        "reason": verdict.reason,
        "consequence": consequence(newest.comparison),
        "blocked": blocked,
    }
