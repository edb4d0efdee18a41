"""Which version is in production: what a person or the policy may decide, and the line it leaves in the log.

What belongs here: the rules, as functions of the log, the known versions and the comparisons. What does not: the clock,
loading a model, and where the log is kept (resources.registry).

The log of a target only grows, and the version in production is what its last line says. A decision names the version
that the decider saw in production; when that has changed in the meantime it is refused, so that nobody overrides a
decision that they have not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from failure_platform.domain.model_version import ComparisonRecord

SHORTEST_PREFIX = 6
POLICY_WHO = "policy automatic"
_BETTER = "better"


class Choice(StrEnum):
    """What can be decided. Names equal values: Dagster's launchpad takes the name."""

    promote = "promote"
    keep = "keep"
    roll_back = "roll_back"


class Policy(StrEnum):
    """Who decides: a person, or the verdict."""

    manual = "manual"
    automatic = "automatic"


class DecisionRefusedError(Exception):
    """The decision was not taken and the log is as it was; the message says why and what to do."""


@dataclass(frozen=True)
class DecisionRequest:
    """What somebody wants: `version` is what it is about, `expected_version` what they saw in production.

    Versions may be given by their first 6 digits or more. No expected version (None or "") says: nothing was in
    production.
    """

    target: str
    decision: Choice
    version: str
    expected_version: str | None
    who: str
    why: str


@dataclass(frozen=True)
class DecisionLine:
    """One line of the log. `production_version` is in production from `decided_at` (UTC) on; None: nothing is.

    `evidence` is the comparison that the decision rests on: its id, what was compared, outcome and reason.
    """

    target: str
    seq: int
    decided_at: datetime
    decision: Choice
    version: str
    previous_version: str | None
    production_version: str | None
    who: str
    why: str
    evidence: Mapping[str, str | None] | None
    policy: Policy


def production(log: Sequence[DecisionLine]) -> str | None:
    """Return the version that a target's log, oldest line first, says is in production."""
    return log[-1].production_version if log else None


def state(version: str, log: Sequence[DecisionLine]) -> str:
    """Return what a version is by the log: production, earlier production, kept (turned down) or candidate."""
    if version == production(log):
        return "production"
    if any(line.production_version == version for line in log):
        return "earlier production"
    return "kept" if any(line.version == version for line in log) else "candidate"


def decide(
    request: DecisionRequest,
    log: Sequence[DecisionLine],
    versions: Mapping[str, str],
    comparisons: Sequence[ComparisonRecord],
    decided_at: datetime,
    policy: Policy = Policy.manual,
) -> DecisionLine:
    """Return the line that a request adds to the log.

    Args:
        request: what is wanted.
        log: the target's lines, oldest first.
        versions: every known version and the target it is of.
        comparisons: the target's comparisons, oldest first.
        decided_at: when, UTC.
        policy: under which the request was made. A person may promote against the verdict, saying why; the verdict
            then stands in the line. The automatic policy may not.

    Raises:
        DecisionRefusedError: somebody or a reason is missing, the version is unknown, of another target, or not
            eligible, or production is not what the request expects.
    """
    who, why = _said(request.who, "who", "who decides"), _said(request.why, "why", "the reason, in a sentence")
    version = _resolve(request.version, request.target, versions)
    current = production(log)
    _same_production(request.expected_version, current, log)
    evidence = _evidence(version, current, comparisons)
    if request.decision is Choice.promote:
        _may_promote(version, current, log, evidence, comparisons, policy)
    elif request.decision is Choice.roll_back:
        _may_roll_back(version, current, log)
    return DecisionLine(
        target=request.target,
        seq=len(log) + 1,
        decided_at=decided_at,
        decision=request.decision,
        version=version,
        previous_version=current,
        production_version=current if request.decision is Choice.keep else version,
        who=who,
        why=why,
        evidence=_as_evidence(evidence),
        policy=policy,
    )


def apply_policy(policy: Policy, comparison: ComparisonRecord, log: Sequence[DecisionLine]) -> DecisionRequest | None:
    """Return what the policy asks for after a comparison, or None when it asks for nothing.

    `manual` never decides. `automatic` promotes on the outcome `better` and keeps on every other, once for each
    comparison, so that a repeated run adds no second line. The request expects what the comparison saw in production.
    """
    decided = any(line.evidence is not None and line.evidence["comparison"] == comparison.id for line in log)
    if policy is Policy.manual or decided or comparison.candidate == production(log):
        return None
    return DecisionRequest(
        target=comparison.target,
        decision=Choice.promote if comparison.outcome == _BETTER else Choice.keep,
        version=comparison.candidate,
        expected_version=comparison.production,
        who=POLICY_WHO,
        why=f"{comparison.outcome}: {comparison.reason}",
    )


def _said(text: str, field: str, meaning: str) -> str:
    if not text.strip():
        raise DecisionRefusedError(f"`{field}` is empty. The log keeps it for ever: give {meaning}, and decide again.")
    return text.strip()


def _resolve(asked: str, target: str, versions: Mapping[str, str]) -> str:
    given = asked.strip().lower()
    here = [version for version, of in versions.items() if of == target]
    if not given:
        raise DecisionRefusedError(f"`version` is empty. Name the version to decide about. {_there_are(here, target)}")
    found = [v for v in versions if v == given or (len(given) >= SHORTEST_PREFIX and v.startswith(given))]
    if not found:
        near = [v for v in here if v.startswith(given[: SHORTEST_PREFIX - 2])]
        guess = f"Did you mean {', '.join(near)}?" if near else _there_are(here, target)
        raise DecisionRefusedError(
            f"There is no version '{asked}'. {guess} Give the whole version or at least its first "
            f"{SHORTEST_PREFIX} digits."
        )
    if len(found) > 1:
        raise DecisionRefusedError(f"'{asked}' fits {', '.join(sorted(found))}. Give more digits.")
    if versions[found[0]] != target:
        raise DecisionRefusedError(
            f"Version {found[0]} predicts '{versions[found[0]]}', not '{target}'. Decide on it under its own target, "
            f"or name another version. {_there_are(here, target)}"
        )
    return found[0]


def _there_are(here: Sequence[str], target: str) -> str:
    if not here:
        return f"'{target}' has no versions yet: materialise candidate_model first."
    return f"The versions of '{target}' are {', '.join(here)}."


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


def _as_evidence(comparison: ComparisonRecord | None) -> Mapping[str, str | None] | None:
    if comparison is None:
        return None
    return {
        "comparison": comparison.id,
        "candidate": comparison.candidate,
        "production": comparison.production,
        "holdout": comparison.holdout,
        "outcome": comparison.outcome,
        "reason": comparison.reason,
    }


def _may_promote(
    version: str,
    current: str | None,
    log: Sequence[DecisionLine],
    evidence: ComparisonRecord | None,
    comparisons: Sequence[ComparisonRecord],
    policy: Policy,
) -> None:
    if version == current:
        raise DecisionRefusedError(f"{version} is in production already. There is nothing to promote.")
    if evidence is None:
        others = sorted({c.production or "nothing" for c in comparisons if c.candidate == version})
        done = f"only with {', '.join(others)}" if others else "with nothing"
        back = " It was in production before, so roll_back is possible too." if _was_production(version, log) else ""
        raise DecisionRefusedError(
            f"{version} was never compared with what is in production now ({current or 'nothing'}), {done}. "
            f"Materialise model_comparison, read it, and decide again.{back}"
        )
    if policy is Policy.automatic and evidence.outcome != _BETTER:
        raise DecisionRefusedError(
            f"The automatic policy promotes on '{_BETTER}' only, and the verdict on {version} is "
            f"'{evidence.outcome}': {evidence.reason} A person can decide otherwise."
        )


def _may_roll_back(version: str, current: str | None, log: Sequence[DecisionLine]) -> None:
    if version == current:
        raise DecisionRefusedError(f"{version} is in production already. Name the version to go back to.")
    if not _was_production(version, log):
        earlier = list(dict.fromkeys(line.production_version for line in log if line.production_version))
        can = ", ".join(v for v in earlier if v != current) or "none yet"
        raise DecisionRefusedError(
            f"{version} was never in production, so there is no way back to it. Promote it instead, or roll back to "
            f"an earlier production version: {can}."
        )


def _was_production(version: str, log: Sequence[DecisionLine]) -> bool:
    return any(line.production_version == version for line in log)
