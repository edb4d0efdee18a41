"""What a person or the policy may decide about a version, and the line it leaves in the log.

What belongs here: the rules, as functions of the log, the known versions and the comparisons. What does not: the clock,
loading a model, what the gates ask (policy), and where the log is kept (resources.registry).

A decision names the version that the decider saw in production; when that has changed in the meantime it is refused, so
that nobody overrides a decision that they have not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    ComparisonRecord,
    VersionNotFoundError,
    resolve,
)

POLICY_WHO = "policy automatic"


class DecisionRefusedError(Exception):
    """The decision was not taken and the log is as it was; the message says why and what to do."""


@dataclass(frozen=True)
class NoDecision:
    """The policy decides nothing; the reason says why, and who does."""

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
        request: what is wanted.
        log: the target's lines, oldest first.
        versions: every known version and the target it is of.
        comparisons: the target's comparisons, oldest first.
        decided_at: when, UTC.
        policy: under which the request was made. A person may promote against the gates, saying why; what they said
            then stands in the line. The automatic policy may not.
        gates: the limits of the policy.

    Raises:
        DecisionRefusedError: somebody or a reason is missing, the version is unknown, of another target, or not
            eligible, or production is not what the request expects.
    """
    who, why = _said(request.who, "who", "who decides"), _said(request.why, "why", "the reason, in a sentence")
    try:
        version = resolve(request.version, request.target, versions)
    except VersionNotFoundError as error:
        raise DecisionRefusedError(str(error)) from error
    current = production(log)
    _same_production(request.expected_version, current, log)
    _not_retired(version, log)
    evidence = _evidence(version, current, comparisons)
    if request.decision is Choice.promote:
        compared = _may_promote(version, current, log, evidence, comparisons)
        if policy is Policy.automatic:
            _gates_allow(version, ruling(compared, gates))
    elif request.decision is Choice.roll_back:
        _may_roll_back(version, current, log)
    elif request.decision is Choice.retire:
        _may_retire(version, current)
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
        evidence=_as_evidence(evidence, gates),
        policy=policy,
    )


def apply_policy(
    policy: Policy, record: ComparisonRecord, log: Sequence[DecisionLine], gates: Gates
) -> DecisionRequest | NoDecision:
    """Return what the policy asks for after a comparison, or why it asks for nothing.

    `manual` never decides. `automatic` promotes where every gate is passed and keeps where one is not, once for each
    comparison, so that a repeated run adds no second line; where the evidence is too thin for a rule it leaves the
    decision to a person. The request expects what the comparison saw in production.
    """
    if policy is Policy.manual:
        return NoDecision("The policy is manual, so a person decides.")
    if any(line.evidence is not None and line.evidence["comparison"] == record.id for line in log):
        return NoDecision("Nothing to decide: this comparison was decided on already.")
    if record.candidate == production(log):
        return NoDecision("Nothing to decide: the candidate is in production already.")
    if retirement(record.candidate, log):
        return NoDecision("Nothing to decide: the candidate is retired.")
    found = ruling(record, gates)
    if found.advice is Advice.ask:
        return NoDecision(
            f"A person decides. {found.reason} Read the comparison, then open the launchpad (Materialize > Open "
            f"launchpad) and promote or keep {record.candidate}."
        )
    return DecisionRequest(
        target=record.target,
        decision=Choice.promote if found.advice is Advice.promote else Choice.keep,
        version=record.candidate,
        expected_version=record.production,
        who=POLICY_WHO,
        why=f"{record.comparison.verdict.outcome}: {found.reason}",
    )


def _said(text: str, field: str, meaning: str) -> str:
    if not text.strip():
        raise DecisionRefusedError(f"`{field}` is empty. The log keeps it for ever: give {meaning}, and decide again.")
    return text.strip()


def _same_production(expected: str | None, current: str | None, log: Sequence[DecisionLine]) -> None:
    saw = (expected or "").strip().lower()
    if saw == (current or "") or (current is not None and len(saw) >= SHORTEST_PREFIX and current.startswith(saw)):
        return
    if not log:
        found = "nothing is in production and nothing was ever decided"
    else:
        setting = next(
            line for line in reversed(log) if line.production_version != line.previous_version or not current
        )
        found = (
            f"{current or 'nothing'} is in production since {setting.decided_at:%Y-%m-%d %H:%M} UTC "
            f"({setting.decision}, {setting.who}: {setting.why})"
        )
    raise DecisionRefusedError(
        f"You expected {saw or 'nothing'} in production, but {found}. Look at the comparison with what is in "
        f"production now, and if you still want this, decide again with expected_version '{current or ''}'."
    )


def _evidence(version: str, current: str | None, comparisons: Sequence[ComparisonRecord]) -> ComparisonRecord | None:
    fitting = [c for c in comparisons if c.candidate == version and c.production == current]
    return fitting[-1] if fitting else None


def _as_evidence(record: ComparisonRecord | None, gates: Gates) -> Mapping[str, Any] | None:
    if record is None:
        return None
    found = ruling(record, gates)
    return {
        "comparison": record.id,
        "candidate": record.candidate,
        "production": record.production,
        "holdout": record.comparison.holdout_id,
        "outcome": record.comparison.verdict.outcome,
        "reason": record.comparison.verdict.reason,
        "advice": found.advice.value,
        "gates": found.as_list(),
    }


def _not_retired(version: str, log: Sequence[DecisionLine]) -> None:
    line = retirement(version, log)
    if line is not None:
        raise DecisionRefusedError(
            f"{version} was retired on {line.decided_at:%Y-%m-%d %H:%M} UTC ({line.who}: {line.why}) and cannot be "
            "used again. Name another version; training with other settings or newer data makes a new one."
        )


def _may_promote(
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
        done = f"only with {', '.join(others)}" if others else "with nothing"
        back = " It was in production before, so roll_back is possible too." if was_production(version, log) else ""
        raise DecisionRefusedError(
            f"{version} was never compared with what is in production now ({current or 'nothing'}), {done}. "
            f"Materialise model_comparison, read it, and decide again.{back}"
        )
    return evidence


def _gates_allow(version: str, found: Ruling) -> None:
    if found.advice is not Advice.promote:
        raise DecisionRefusedError(
            f"The automatic policy promotes where every gate is passed, and {version} passes not all of them: "
            f"{found.reason} A person can decide otherwise."
        )


def _may_roll_back(version: str, current: str | None, log: Sequence[DecisionLine]) -> None:
    if version == current:
        raise DecisionRefusedError(f"{version} is in production already. Name the version to go back to.")
    if not was_production(version, log):
        earlier = list(dict.fromkeys(line.production_version for line in log if line.production_version))
        can = ", ".join(v for v in earlier if v != current) or "none yet"
        raise DecisionRefusedError(
            f"{version} was never in production, so there is no way back to it. Promote it instead, or roll back to "
            f"an earlier production version: {can}."
        )


def _may_retire(version: str, current: str | None) -> None:
    if version == current:
        raise DecisionRefusedError(
            f"{version} is in production and cannot be retired. Promote another version or roll back first."
        )
