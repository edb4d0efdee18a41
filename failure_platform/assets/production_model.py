"""Stage 6: the decision - a person in the launchpad, or the policy, moves the production model or leaves it.

What belongs here: the launchpad's form, and showing the log. What does not: what may be decided (domain.decisions) and
how the log is written (resources.registry).
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from failure_platform.catalog import CODE_VERSION, LAKE_POOL, OWNER, Group, inline_table, not_there, table_page
from failure_platform.domain.decisions import (
    Choice,
    DecisionLine,
    DecisionRefusedError,
    DecisionRequest,
    Policy,
    apply_policy,
)
from failure_platform.resources.model_files import ModelRefusedError
from failure_platform.resources.platform import Platform

DECIDE_JOB = "decide"

_COLUMNS = {
    "seq": ("INTEGER", "number of the decision, from 1"),
    "decided_at": ("TIMESTAMP", "when, UTC"),
    "decision": ("VARCHAR", "promote, keep or roll_back"),
    "version": ("VARCHAR", "the version it was about"),
    "previous_version": ("VARCHAR", "in production before"),
    "production_version": ("VARCHAR", "in production from then on"),
    "who": ("VARCHAR", "who decided"),
    "why": ("VARCHAR", "the reason given"),
    "outcome": ("VARCHAR", "verdict of the comparison that it rests on"),
}


class Decision(StrEnum):
    """What the launchpad offers. Names equal values: the launchpad takes the name."""

    policy = "policy"
    promote = "promote"
    keep = "keep"
    roll_back = "roll_back"


class DecisionForm(dg.Config):
    """What a person fills in."""

    decision: Decision = Field(
        Decision.policy, description="promote, keep or roll_back; `policy` leaves it to the verdict (policy automatic)."
    )
    version: str = Field("", description="The version it is about, as on the comparison's page; 6 characters do.")
    expected_version: str = Field("", description="The production version you saw; empty when there was none.")
    who: str = Field("", description="Who decides.")
    why: str = Field("", description="Why; kept with the decision for ever.")


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
            )
        ],
        description=(
            "The version in production: the last line of the decision log.\n\n"
            "Materialise it from the launchpad with decision, version, expected_version, who and why. A decision that "
            "rests on what is no longer in production is refused and says what to do. The log only grows."
        ),
    )
    def production_model(
        context: dg.AssetExecutionContext, config: DecisionForm, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        target = context.partition_key
        policy = Policy(platform.settings.policy)
        try:
            request = _request(config, target, policy, platform)
            if request is None:
                yield from not_there(
                    ["production_version_loads"], "Nothing to decide: this comparison was decided on already."
                )
                return
            line = platform.registry.decide(
                request, datetime.now(UTC), Policy.manual if config.decision is not Decision.policy else policy
            )
        except (DecisionRefusedError, ModelRefusedError) as refusal:
            raise dg.Failure(str(refusal), allow_retries=False) from refusal
        platform.mirror()
        history = platform.registry.history(target)
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(line.production_version or "none"), metadata=_page(line, history)
        )
        if line.production_version is None:
            yield from not_there(["production_version_loads"], "Nothing is in production yet.")
            return
        difference = platform.registry.verify(line.production_version)
        yield dg.AssetCheckResult(
            passed=True, check_name="production_version_loads", metadata={"largest difference": difference}
        )

    return production_model


def _request(form: DecisionForm, target: str, policy: Policy, platform: Platform) -> DecisionRequest | None:
    if form.decision is not Decision.policy:
        return DecisionRequest(
            target, Choice(form.decision.value), form.version, form.expected_version, form.who, form.why
        )
    if policy is Policy.manual:
        raise DecisionRefusedError(
            "The policy is manual, so a person decides. Open the launchpad (Materialize > Open launchpad) and fill in "
            "decision (promote, keep or roll_back), version, expected_version, who and why; the comparison's page "
            "shows the versions."
        )
    comparisons = platform.registry.comparisons(target)
    if not comparisons:
        raise DecisionRefusedError("Nothing was compared yet. Materialise model_comparison first.")
    return apply_policy(policy, comparisons[0], platform.registry.history(target))


def _page(line: DecisionLine, history: list[DecisionLine]) -> dict[str, Any]:
    log = pd.DataFrame(
        [{**asdict(entry), "outcome": (entry.evidence or {}).get("outcome")} for entry in reversed(history)]
    )[list(_COLUMNS)]
    columns = [(name, kind, meaning) for name, (kind, meaning) in _COLUMNS.items()]
    return {
        **table_page("decisions", len(history), columns, log, keys=("seq", "decided_at", "decision", "version")),
        "model version": line.production_version or "none",
        "decision": line.decision.value,
        "who": line.who,
        "why": line.why,
        "decisions, newest first": inline_table(log),
    }
