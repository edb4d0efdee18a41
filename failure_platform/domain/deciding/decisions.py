"""The rules for decisions about a model version, made by a person or by the policy.

A decision names the version that the decider saw in production and is refused if production has changed since, so that
nobody overrides a decision they have not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from failure_platform.domain.comparison.result import ComparisonRecord
from failure_platform.domain.deciding.log import (
    Choice,
    DecisionLine,
    DecisionRequest,
    production,
    retirement,
    was_production,
)
from failure_platform.domain.deciding.policy import Advice, Gates, Policy, Ruling, ruling
from failure_platform.domain.model_version import (
    SHORTEST_PREFIX,
    VersionNotFoundError,
    resolve,
)

POLICY_WHO = "policy automatic"  # the `who` of the policy's decisions


class DecisionRefusedError(Exception):
    """The decision was refused and the log is unchanged; the message gives the reason and what to do."""


@dataclass(frozen=True)
class NoDecision:
    """The policy makes no decision; the reason states why, and who decides instead."""

    reason: str


def decide(
    request: DecisionRequest,
    log: Sequence[DecisionLine],
    versions: Mapping[str, str],
    comparisons: Sequence[ComparisonRecord],
    decided_at: datetime,
    policy: Policy,
    gates: Gates,
) -> DecisionLine:
    """Return the line that a request adds to the log.

    Args:
        request: the decision requested.
        log: the target's lines, oldest first.
        versions: every known version and its target.
        comparisons: the target's comparisons, oldest first.
        decided_at: time of the decision, UTC.
        policy: policy under which the request was made. A person may promote against the gates, with a reason that is
            recorded in the line; the automatic policy may not.
        gates: the limits of the policy.

    Raises:
        DecisionRefusedError: `who` or `why` is empty, the version is unknown, belongs to another target or is not
            eligible, or another version than expected is in production.
    """
    who = _not_empty(request.who, "who", "who decides")
    why = _not_empty(request.why, "why", "the reason, in a sentence")
    try:
        version = resolve(request.version, request.target, versions)
    except VersionNotFoundError as error:
        raise DecisionRefusedError(str(error)) from error
    current = production(log)
    _check_production(request.expected_version, current, log)
    _check_not_retired(version, log)
    evidence = _evidence(version, current, comparisons)
    if request.decision is Choice.promote:
        compared = _check_promotion(version, current, log, evidence, comparisons)
        if policy is Policy.automatic:
            _check_gates(version, ruling(compared, gates))
    elif request.decision is Choice.roll_back:
        _check_roll_back(version, current, log)
    elif request.decision is Choice.retire:
        _check_retirement(version, current)
    return DecisionLine(
        target=request.target,
        seq=len(log) + 1,
        decided_at=decided_at,
        decision=request.decision,
        version=version,
        previous_version=current,
        production_version=version if request.decision in (Choice.promote, Choice.roll_back) else current,
        who=who,
        why=why,
        evidence=_evidence_as_json(evidence, gates),
        policy=policy,
    )


def apply_policy(
    policy: Policy, record: ComparisonRecord, log: Sequence[DecisionLine], gates: Gates
) -> DecisionRequest | NoDecision:
    """Return the decision that the policy requests after a comparison, or why it requests none.

    `manual` never decides. `automatic` promotes if every gate is passed and keeps if one is not, once per comparison,
    so that a repeated run adds no second line; if there is too little evidence for a rule, it leaves the decision to a
    person. The request expects the version that was in production at the comparison.
    """
    if policy is Policy.manual:
        return NoDecision("The policy is manual, so a person decides.")
    if any(line.evidence is not None and line.evidence["comparison"] == record.id for line in log):
        return NoDecision("Nothing to decide: this comparison was decided on already.")
    if record.candidate == production(log):
        return NoDecision("Nothing to decide: the candidate is in production already.")
    if retirement(record.candidate, log):
        return NoDecision("Nothing to decide: the candidate is retired.")
    result = ruling(record, gates)
    if result.advice is Advice.ask:
        return NoDecision(
            f"A person decides. {result.reason} Read the comparison, then open the launchpad (Materialize > Open "
            f"launchpad) and promote or keep {record.candidate}."
        )
    return DecisionRequest(
        target=record.target,
        decision=Choice.promote if result.advice is Advice.promote else Choice.keep,
        version=record.candidate,
        expected_version=record.production,
        who=POLICY_WHO,
        why=f"{record.comparison.verdict.outcome}: {result.reason}",
    )


def _not_empty(text: str, field: str, meaning: str) -> str:
    if not text.strip():
        raise DecisionRefusedError(f"`{field}` is empty. The log keeps it for ever: give {meaning}, and decide again.")
    return text.strip()


def _check_production(expected: str | None, current: str | None, log: Sequence[DecisionLine]) -> None:
    given = (expected or "").strip().lower()
    if given == (current or "") or (
        current is not None and len(given) >= SHORTEST_PREFIX and current.startswith(given)
    ):
        return
    if not log:
        actual = "nothing is in production and nothing was ever decided"
    else:
        last_change = next(
            line for line in reversed(log) if line.production_version != line.previous_version or not current
        )
        actual = (
            f"{current or 'nothing'} is in production since {last_change.decided_at:%Y-%m-%d %H:%M} UTC "
            f"({last_change.decision}, {last_change.who}: {last_change.why})"
        )
    raise DecisionRefusedError(
        f"You expected {given or 'nothing'} in production, but {actual}. Look at the comparison with what is in "
        f"production now, and if you still want this, decide again with expected_version '{current or ''}'."
    )


def _evidence(version: str, current: str | None, comparisons: Sequence[ComparisonRecord]) -> ComparisonRecord | None:
    matching = [c for c in comparisons if c.candidate == version and c.production == current]
    return matching[-1] if matching else None


def _evidence_as_json(record: ComparisonRecord | None, gates: Gates) -> Mapping[str, Any] | None:
    if record is None:
        return None
    result = ruling(record, gates)
    return {
        "comparison": record.id,
        "candidate": record.candidate,
        "production": record.production,
        "holdout": record.comparison.holdout_id,
        "outcome": record.comparison.verdict.outcome,
        "reason": record.comparison.verdict.reason,
        "advice": result.advice.value,
        "gates": result.as_list(),
        "leak_audit": record.comparison.leak_audit.summary,
    }


def _check_not_retired(version: str, log: Sequence[DecisionLine]) -> None:
    line = retirement(version, log)
    if line is not None:
        raise DecisionRefusedError(
            f"{version} was retired on {line.decided_at:%Y-%m-%d %H:%M} UTC ({line.who}: {line.why}) and cannot be "
            "used again. Name another version; training with other settings or newer data makes a new one."
        )


def _check_promotion(
    version: str,
    current: str | None,
    log: Sequence[DecisionLine],
    evidence: ComparisonRecord | None,
    comparisons: Sequence[ComparisonRecord],
) -> ComparisonRecord:
    if version == current:
        raise DecisionRefusedError(f"{version} is in production already. There is nothing to promote.")
    if evidence is None:
        others = sorted({c.production or "nothing" for c in comparisons if c.candidate == version})
        compared_with = f"only with {', '.join(others)}" if others else "with nothing"
        hint = " It was in production before, so roll_back is possible too." if was_production(version, log) else ""
        raise DecisionRefusedError(
            f"{version} was never compared with what is in production now ({current or 'nothing'}), {compared_with}. "
            f"Materialise model_comparison, read it, and decide again.{hint}"
        )
    return evidence


def _check_gates(version: str, result: Ruling) -> None:
    if result.advice is not Advice.promote:
        raise DecisionRefusedError(
            f"The automatic policy promotes where every gate is passed, and {version} passes not all of them: "
            f"{result.reason} A person can decide otherwise."
        )


def _check_roll_back(version: str, current: str | None, log: Sequence[DecisionLine]) -> None:
    if version == current:
        raise DecisionRefusedError(f"{version} is in production already. Name the version to go back to.")
    if not was_production(version, log):
        earlier = list(dict.fromkeys(line.production_version for line in log if line.production_version))
        available = ", ".join(v for v in earlier if v != current) or "none yet"
        raise DecisionRefusedError(
            f"{version} was never in production, so there is no way back to it. Promote it instead, or roll back to "
            f"an earlier production version: {available}."
        )


def _check_retirement(version: str, current: str | None) -> None:
    if version == current:
        raise DecisionRefusedError(
            f"{version} is in production and cannot be retired. Promote another version or roll back first."
        )
