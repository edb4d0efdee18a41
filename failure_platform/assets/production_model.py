"""Stage 6: the decision; a person in the launchpad, or the policy, changes the production model or keeps it."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from failure_platform.catalog import CODE_VERSION, LAKE_POOL, OWNER, Group, inline_table, not_there, table_page
from failure_platform.domain.deciding.decisions import DecisionRefusedError, NoDecision, apply_policy
from failure_platform.domain.deciding.log import (
    Choice,
    ComparedOn,
    DecisionLine,
    DecisionRequest,
    VersionSummary,
    summarize_versions,
)
from failure_platform.domain.deciding.policy import Advice, GateResult, Gates, Policy, Ruling, ruling
from failure_platform.resources.platform import Platform
from failure_platform.resources.registry.model_files import ModelRefusedError

DECIDE_JOB = "decide"

_COLUMNS = {
    "seq": ("INTEGER", "number of the decision, from 1"),
    "decided_at": ("TIMESTAMP", "when, UTC"),
    "decision": ("VARCHAR", "promote, keep, roll_back or retire"),
    "version": ("VARCHAR", "the version it was about"),
    "previous_version": ("VARCHAR", "in production before"),
    "production_version": ("VARCHAR", "in production from then on"),
    "who": ("VARCHAR", "who decided"),
    "why": ("VARCHAR", "the reason given"),
    "outcome": ("VARCHAR", "verdict of the comparison that it rests on"),
    "gates": ("VARCHAR", "advice of the policy's gates: promote, keep, or a person decides"),
    "leak_audit": (
        "VARCHAR",
        "features that it was trained with although the leak audit named them, who accepted them",
    ),
}
_FIGURES = ("roc_auc", "average_precision", "recall", "calibration_error")


class Decision(StrEnum):
    """What the launchpad offers. Names equal values: the launchpad takes the name."""

    policy = "policy"
    promote = "promote"
    keep = "keep"
    roll_back = "roll_back"
    retire = "retire"


class DecisionForm(dg.Config):
    """What a person fills in."""

    decision: Decision = Field(
        Decision.policy,
        description="promote, keep, roll_back or retire; `policy` leaves it to the gates (policy automatic).",
    )
    version: str = Field("", description="The version it is about, as on the comparison's page; 6 characters do.")
    expected_version: str = Field("", description="The production version you saw; empty when there was none.")
    who: str = Field("", description="Who decides.")
    why: str = Field("", description="Why; stored with the decision permanently.")


def production_model_asset(
    targets: dg.StaticPartitionsDefinition, condition: dg.AutomationCondition[Any] | None
) -> dg.AssetsDefinition:
    """Return the asset `production_model`; with no condition, only a person materialises it."""

    @dg.asset(
        name="production_model",
        deps=["model_comparison"],
        partitions_def=targets,
        group_name=Group.decision,
        owners=[OWNER],
        kinds={"duckdb"},
        tags={"stage": "production_model"},
        code_version=CODE_VERSION,
        pool=LAKE_POOL,
        automation_condition=condition,
        # The policy may have nothing to decide.
        output_required=False,
        check_specs=[
            dg.AssetCheckSpec(
                "production_version_loads",
                asset="production_model",
                description="A fresh process loads the version in production and gives its recorded answers.",
            ),
            dg.AssetCheckSpec(
                "gates",
                asset="production_model",
                description="What the policy asks of the comparison that the decision rests on; each gate with its "
                "number. A person may decide otherwise.",
            ),
        ],
        description=(
            "The version in production: the last line of the decision log.\n\n"
            "Materialise it from the launchpad with decision, version, expected_version, who and why. A decision that "
            "rests on what is no longer in production is refused and says what to do. A retired version stays readable "
            "and cannot be used again. The log only grows."
        ),
    )
    def production_model(
        context: dg.AssetExecutionContext, config: DecisionForm, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        target, gates = context.partition_key, platform.settings.policy_gates
        try:
            decided = _decide(config, target, platform)
        except (DecisionRefusedError, ModelRefusedError) as refusal:
            raise dg.Failure(str(refusal), allow_retries=False) from refusal
        if isinstance(decided, NoDecision):
            yield from not_there(["production_version_loads"], decided.reason)
            yield _gates(_newest_ruling(platform, target, gates), decided.reason)
            return
        platform.mirror()
        version = decided.production_version
        yield dg.MaterializeResult(data_version=dg.DataVersion(version or "none"), metadata=_page(platform, decided))
        yield _gates(_ruling_of(platform, decided, gates), f"{decided.decision} by {decided.who}: {decided.why}")
        yield from _loads(platform, version)

    return production_model


def _decide(form: DecisionForm, target: str, platform: Platform) -> DecisionLine | NoDecision:
    """Take the decision of the form, or the one of the policy when the form leaves it to the policy."""
    policy, gates = Policy(platform.settings.policy), platform.settings.policy_gates
    request = _request(form, target, policy, platform)
    if isinstance(request, NoDecision):
        return request
    by_hand = form.decision is not Decision.policy
    return platform.registry.decide(request, datetime.now(UTC), Policy.manual if by_hand else policy, gates)


def _loads(platform: Platform, version: str | None) -> Iterator[dg.AssetCheckResult]:
    if version is None:
        yield from not_there(["production_version_loads"], "Nothing is in production yet.")
        return
    yield dg.AssetCheckResult(
        passed=True,
        check_name="production_version_loads",
        metadata={"largest difference": platform.registry.verify(version)},
    )


def _request(form: DecisionForm, target: str, policy: Policy, platform: Platform) -> DecisionRequest | NoDecision:
    if form.decision is not Decision.policy:
        return DecisionRequest(
            target, Choice(form.decision.value), form.version, form.expected_version, form.who, form.why
        )
    if policy is Policy.manual:
        raise DecisionRefusedError(
            "The policy is manual, so a person decides. Open the launchpad (Materialize > Open launchpad) and fill in "
            "decision (promote, keep, roll_back or retire), version, expected_version, who and why; the comparison's "
            "page shows the versions."
        )
    comparisons = platform.registry.comparisons(target)
    if not comparisons:
        raise DecisionRefusedError("Nothing was compared yet. Materialise model_comparison first.")
    return apply_policy(policy, comparisons[0], platform.registry.history(target), platform.settings.policy_gates)


def _newest_ruling(platform: Platform, target: str, gates: Gates) -> Ruling | None:
    comparisons = platform.registry.comparisons(target)
    return ruling(comparisons[0], gates) if comparisons else None


def _ruling_of(platform: Platform, line: DecisionLine, gates: Gates) -> Ruling | None:
    rests_on = (line.evidence or {}).get("comparison")
    comparisons = [one for one in platform.registry.comparisons(line.target) if one.id == rests_on]
    return ruling(comparisons[0], gates) if comparisons else None


def _gates(advised: Ruling | None, decided: str) -> dg.AssetCheckResult:
    if advised is None:
        return dg.AssetCheckResult(
            passed=True, check_name="gates", description=f"The decision rests on no comparison. {decided}"
        )
    return dg.AssetCheckResult(
        passed=advised.advice is Advice.promote,
        check_name="gates",
        severity=dg.AssetCheckSeverity.WARN,
        description=f"The gates say: {advised.advice}. {advised.reason} {decided}",
        metadata={"gates": inline_table(pd.DataFrame([_gate(one) for one in advised.gates]))},
    )


def _gate(gate: GateResult) -> dict[str, str]:
    number, limit = ("" if value is None else f"{value:.4g}" for value in (gate.number, gate.limit))
    passed = "passed" if gate.passed else "not passed"
    return {"gate": gate.gate, "passed": passed, "number": number, "limit": limit, "in words": gate.sentence}


def _page(platform: Platform, line: DecisionLine) -> dict[str, Any]:
    history = platform.registry.history(line.target)
    log = pd.DataFrame([_decision(entry) for entry in reversed(history)])[list(_COLUMNS)]
    columns = [(name, kind, meaning) for name, (kind, meaning) in _COLUMNS.items()]
    versions, comparisons = platform.registry.versions(line.target), platform.registry.comparisons(line.target)
    models = pd.DataFrame([_model(entry) for entry in summarize_versions(versions, comparisons, history)])
    return {
        **table_page("decisions", len(history), columns, log, keys=("seq", "decided_at", "decision", "version")),
        "model version": line.production_version or "none",
        "decision": line.decision.value,
        "who": line.who,
        "why": line.why,
        "leak audit": (line.evidence or {}).get("leak_audit") or "nothing found, or no comparison",
        "models, newest first": inline_table(models),
        "decisions, newest first": inline_table(log),
    }


def _decision(line: DecisionLine) -> dict[str, Any]:
    evidence = line.evidence or {}
    return {
        **asdict(line),
        "outcome": evidence.get("outcome"),
        "gates": evidence.get("advice"),
        "leak_audit": evidence.get("leak_audit"),
    }


def _model(line: VersionSummary) -> dict[str, str]:
    return {
        "version": line.version,
        "state": line.state,
        "made": f"{line.created_at:%Y-%m-%d %H:%M}",
        "family": line.family,
        "vehicles": f"{line.vehicles:,}",
        "failures": f"{line.failures:,}",
        "trained until": f"{line.trained_until:%Y-%m-%d}",
        **{name: _figure(line.metrics.get(name)) for name in _FIGURES},
        "figures measured on": _vehicles(line.compared_on),
        "verdict": line.verdict or "",
    }


def _vehicles(on: ComparedOn | None) -> str:
    """Return which vehicles the figures are of: those of different vehicles cannot be set side by side."""
    if on is None:
        return ""
    until = f", until {on.period_to:%Y-%m-%d}" if on.period_to else ""
    return f"{on.vehicles:,} vehicles, {on.failures:,} failed{until} (set {on.holdout_id[:6]})"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
