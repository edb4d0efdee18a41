"""The model card of a version as Markdown, with sections after Mitchell et al., Model Cards (FAT* 2019)."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from failure_platform.domain.comparison.consequence import consequence
from failure_platform.domain.comparison.result import Comparison, ComparisonRecord, counted_uses
from failure_platform.domain.deciding.log import DecisionLine, version_state
from failure_platform.domain.features.names import FAMILIES
from failure_platform.domain.leaks.findings import Audit, audit_of
from failure_platform.domain.markdown import markdown_table
from failure_platform.domain.model_version import ModelVersion
from failure_platform.domain.targets import Target

# Slices with fewer failures are left out of the card: their metrics are mostly noise.
_MIN_FAILURES = 10
_MOST_WARNINGS = 50


# Facts that other sections show, or that a reader does not need.
_SHOWN_ELSEWHERE = {
    *("trained_from", "trained_until", "vehicles", "failures", "tried", "given_up", "notes", "seconds", "leak_audit"),
}


def model_card(
    version: ModelVersion,
    target: Target,
    compared: ComparisonRecord | None = None,
    history: Sequence[DecisionLine] = (),
) -> str:
    """Return the card.

    Args:
        version: the version's row in the registry.
        target: what it predicts.
        compared: its newest comparison, or None; without one the card has no metrics.
        history: the target's decision log, oldest line first.
    """
    parts = [
        f"# Model {version.version}",
        _purpose(target),
        _data(version),
        _features(version),
        _leak_audit(audit_of(version.facts)),
        _choice(version),
        _figures(compared),
        _decisions(version, history),
        _limits(target, version, compared),
        _reproduction(version),
    ]
    return "\n\n".join(parts) + "\n"


def _figures(record: ComparisonRecord | None) -> str:
    if record is None:
        return (
            "## Figures\n\nNot compared yet. `failure-platform card` and the page of model_comparison show this card "
            "with figures once it is."
        )
    compared = record.comparison
    uses = counted_uses(compared.uses, compared.most_uses)
    reference = f"production {record.production}" if record.production else "the base rate"
    rows = [
        (
            row.metric,
            _number(row.new),
            _span(row.new_low, row.new_high),
            _number(row.old),
            _number(row.difference, "+"),
            _span(row.low, row.high, "+"),
        )
        for row in compared.table
    ]
    table = markdown_table(("figure", "value", "interval", "old", "difference", "interval of it"), rows)
    level = f"{100 * compared.level:.4g} % intervals, since this is comparison {uses}"
    return (
        f"## Figures\n\nOn {compared.vehicles} vehicles newer than the training "
        f"({_day(compared.period_from)} to {_day(compared.period_to)}), {compared.failures} of them failed; compared "
        f"with {reference} (old); {level}.\n\n{table}\n\n"
        f"Verdict: {compared.verdict.outcome}. {compared.verdict.reason}\n\n{consequence(compared)}\n\n"
        f"{_slices(compared)}"
    )


def _slices(compared: Comparison) -> str:
    shown = [one for one in compared.slices if one.judged or one.failures >= _MIN_FAILURES]
    if not shown:
        return f"## Slices\n\nNo model, engine, colour, month or failure group holds {_MIN_FAILURES} failures or more."
    rows = [
        (
            one.kind,
            one.value,
            one.vehicles,
            one.failures,
            one.metric,
            _number(one.old),
            _number(one.new),
            _span(one.low, one.high, "+"),
            "worse" if one.worse else "not worse" if one.judged else "not judged",
        )
        for one in shown
    ]
    head = ("slice", "value", "vehicles", "failures", "figure", "old", "new", "interval of the difference", "judgement")
    counts = (
        f"{len(shown)} of {len(compared.slices)} hold {_MIN_FAILURES} failures or more. {compared.slices_judged} "
        "are judged against production; their intervals are corrected for as many."
    )
    return f"## Slices\n\n{counts}\n\n{markdown_table(head, rows)}"


def _number(value: float | None, sign: str = "") -> str:
    return "not defined" if value is None else f"{value:{sign}.3f}"


def _span(low: float | None, high: float | None, sign: str = "") -> str:
    return "" if low is None or high is None else f"{_number(low, sign)} to {_number(high, sign)}"


def _day(moment: datetime | None) -> str:
    return "none" if moment is None else f"{moment:%Y-%m-%d}"


def _purpose(target: Target) -> str:
    groups = (
        "any failure group" if target.failure_groups is None else f"failure groups {', '.join(target.failure_groups)}"
    )
    halle = f"HALLE {', '.join(target.halle)}" if target.halle else "any HALLE"
    return (
        f"## What it is for\n\n{target.description}\n\n"
        f"Target `{target.name}`: predicted when a vehicle first reaches status {target.prediction_point}; "
        f"a failure is a falha of {halle} ({groups}) within {target.horizon.total_seconds() / 86400:g} days after it. "
        "It gives a probability per vehicle, to choose which vehicles to look at first. It does not release a vehicle "
        "from its test."
    )


def _data(version: ModelVersion) -> str:
    return (
        "## Data\n\n"
        f"* Data version {version.data_version}\n"
        f"* Prediction points from {version.trained_from:%Y-%m-%d %H:%M} to {version.trained_until:%Y-%m-%d %H:%M}\n"
        f"* {version.vehicles} vehicles with a known outcome, {version.failures} of them failed "
        f"({100 * version.base_rate:.2f} %)\n"
        "* Every feature is of rows older than the vehicle's prediction point; the newest vehicles were kept apart for "
        "the comparison"
    )


def _features(version: ModelVersion) -> str:
    counted = Counter(name.split(":")[0] for name in version.features)
    rows = [(prefix, counted[prefix], of.source) for prefix, of in FAMILIES.items() if counted[prefix]]
    table = markdown_table(("family", "features", "rows of"), rows)
    return f"## Features\n\n{len(version.features)}, of these families:\n\n{table}"


def _leak_audit(audit: Audit) -> str:
    parts = [f"## Leak audit\n\n{audit.summary or 'No feature that was checked looks as if it knew the outcome.'}"]
    if audit.accepted:
        rows = [
            (one.feature, ", ".join(dict.fromkeys(found.kind for found in one.findings)), one.who, one.why)
            for one in audit.accepted
        ]
        parts.append(markdown_table(("accepted feature", "named for", "by", "because"), rows))
    if audit.warnings:
        warned = [(one.feature or "", one.kind, f"{one.number:.3g}", one.sentence) for one in audit.warnings]
        parts.append(markdown_table(("warning about", "kind", "figure", "what was found"), warned[:_MOST_WARNINGS]))
        if len(warned) > _MOST_WARNINGS:
            parts.append(f"{len(warned) - _MOST_WARNINGS} more warnings are in the version's facts.")
    return "\n\n".join(parts)


def _choice(version: ModelVersion) -> str:
    facts = version.facts
    parts = [
        f"## Family and setting\n\n{version.family}. A vehicle is alarmed from a probability of "
        f"{version.threshold:.3f}, chosen on vehicles of the training side that the scoring model had not seen."
    ]
    tried: Sequence[Mapping[str, Any]] = facts.get("tried", ())
    if tried:
        best = {
            family: min((one for one in tried if one["family"] == family), key=lambda one: one["log_loss"])
            for family in dict.fromkeys(one["family"] for one in tried)
        }
        rows = [
            (family, f"{one['log_loss']:.4f}", _number(one.get("roc_auc")), _number(one.get("average_precision")))
            for family, one in best.items()
        ]
        table = markdown_table(("family, best setting", "log loss", "ROC AUC", "average precision"), rows)
        parts.append(
            f"{len(tried)} settings were tried in time order inside the training side, each judged on "
            f"{facts.get('out_of_fold_vehicles', 'its')} newer vehicles:\n\n{table}"
        )
    texts = {key: _as_text(value) for key, value in facts.items() if key not in _SHOWN_ELSEWHERE}
    parts.append("\n".join(f"* {key.replace('_', ' ')}: {text}" for key, text in texts.items() if text))
    return "\n\n".join(parts)


def _as_text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_as_text(part)}" for key, part in value.items() if part is not None)
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _decisions(version: ModelVersion, history: Sequence[DecisionLine]) -> str:
    lines = [line for line in history if version.version in (line.version, line.previous_version)]
    if not lines:
        return "## Decisions\n\nNone yet."
    rows = [
        (f"{line.decided_at:%Y-%m-%d %H:%M}", line.decision, line.version, line.who, line.why, _outcome(line))
        for line in lines
    ]
    table = markdown_table(("when, UTC", "decision", "version", "who", "why", "verdict, gates"), rows)
    return f"## Decisions\n\nIt is now: {version_state(version.version, history)}.\n\n{table}"


def _outcome(line: DecisionLine) -> str:
    return f"{line.evidence['outcome']}, {line.evidence['advice']}" if line.evidence else ""


def _limits(target: Target, version: ModelVersion, compared: ComparisonRecord | None) -> str:
    lines = [
        *version.facts.get("notes", ()),
        f"It says nothing about vehicles that never reach status {target.prediction_point}, and it knows a failure "
        "only where a falhas upload covers the days after.",
        "Failures recorded later than the horizon count as none.",
        "It was fitted on one period. New tests, new equipment or another mix of models can make it wrong; only newer "
        "vehicles with a known outcome show that.",
        "A probability is not a cause: a feature it uses may only stand beside what makes vehicles fail.",
    ]
    if compared is not None:
        comparison = compared.comparison
        not_judged = len(comparison.slices) - comparison.slices_judged
        if not_judged:
            lines.append(f"{not_judged} of its slices were not judged: whether it is worse there is not known.")
        if comparison.verdict.outcome != "better":
            lines.append(f"Its verdict is {comparison.verdict.outcome}: it was not shown to be better.")
    return "## Limits\n\n" + "\n".join(f"* {line}" for line in lines)


def _reproduction(version: ModelVersion) -> str:
    recipe = json.dumps({**version.recipe, "seed": version.seed}, indent=2, ensure_ascii=False)
    return (
        "## How to reproduce\n\n"
        "```\n"
        f"pip install -r models/{version.target}/{version.version}/requirements.txt\n"
        "failure-platform replay --check    # the lake is what the archived originals say\n"
        "failure-platform process           # describes the vehicles, trains, compares\n"
        f"failure-platform models --target {version.target}\n"
        "```\n\n"
        f"The same vehicles (data version {version.data_version}), code {version.code_version}, libraries and recipe "
        f"give version {version.version} again; another name says that one of them differs. The uploads must be those "
        "of that day: on a copy of the home, withdraw what came later. The recipe follows from the settings:\n\n"
        f"```json\n{recipe}\n```\n\n"
        f"Made with {', '.join(f'{name} {number}' for name, number in sorted(version.libraries.items()))}."
    )
