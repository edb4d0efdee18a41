"""What a leak audit found, as values, with its stored form: findings, their severity, and accepted features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Self, cast

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as validated

_LISTED = 10
_STORED = 200
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class LeakKind(StrEnum):
    """The kinds of leak."""

    newer_than_prediction_point = "newer_than_prediction_point"
    too_good_feature = "too_good_feature"
    near_certain_rule = "near_certain_rule"
    one_class_only = "one_class_only"
    missing_by_label = "missing_by_label"
    identifier = "identifier"
    upload_effect = "upload_effect"
    same_vehicle_twice = "same_vehicle_twice"


class Severity(StrEnum):
    """What a finding does: `blocks` stops the training; `warns` is shown wherever the model is judged."""

    blocks = "blocks"
    warns = "warns"


@dataclass(frozen=True)
class Finding:
    """One finding: its kind, the feature (None: it concerns vehicles), the statistic, and the message for people."""

    kind: LeakKind
    feature: str | None
    number: float
    sentence: str
    severity: Severity = Severity.blocks


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class Acceptance:
    """Who looked at a feature that the audit named, and why it may stay, `[accepted_features."<feature>"]`."""

    who: Annotated[_Text, Field(description="Who looked where the feature comes from.")]
    why: Annotated[_Text, Field(description="Why it is known before the outcome; stored with every version.")]


@dataclass(frozen=True)
class AcceptedFeature:
    """A feature that the audit named and a person accepted: what was found, who accepted it, and why."""

    feature: str
    findings: tuple[Finding, ...]
    who: str
    why: str


@dataclass(frozen=True)
class Audit:
    """The result of a leak audit.

    Attributes:
        findings: those that no person accepted, in the order of the rules.
        features_checked: number of features that were checked.
        accepted: the features named by the audit that stay, because a person accepted them.
    """

    findings: tuple[Finding, ...] = ()
    features_checked: int = 0
    accepted: tuple[AcceptedFeature, ...] = ()

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that stop a training."""
        return tuple(one for one in self.findings if one.severity is Severity.blocks)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that people see and that stop nothing."""
        return tuple(one for one in self.findings if one.severity is Severity.warns)

    @property
    def acceptance(self) -> str:
        """Which features stay although the audit named them, who accepted them and why; empty if there are none."""
        if not self.accepted:
            return ""
        by_person: dict[tuple[str, str], list[str]] = {}
        for one in self.accepted:
            by_person.setdefault((one.who, one.why), []).append(one.feature)
        parts = [f"{listed(names)}; accepted by {who} because {why}" for (who, why), names in by_person.items()]
        return f"Trained with {_features(len(self.accepted))} that the leak audit named: {'. And '.join(parts)}"

    @property
    def summary(self) -> str:
        """The accepted features and the warnings, in at most two sentences; empty if there are none of either."""
        warned = list(dict.fromkeys(one.feature or one.kind for one in self.warnings))
        warns = f"The leak audit warns of {_features(len(warned))}: {listed(warned)}" if warned else ""
        return " ".join(text.rstrip(".") + "." for text in (self.acceptance, warns) if text)

    def same_acceptance(self, accepted: Mapping[str, Acceptance]) -> bool:
        """Return whether the same data with these acceptances would be recorded in the same way."""
        recorded = {one.feature: (one.who, one.why) for one in self.accepted}
        named = recorded.keys() | {one.feature for one in self.warnings}
        return recorded == {name: (one.who, one.why) for name, one in accepted.items() if name in named}

    def as_recipe(self) -> dict[str, Any]:
        """Return what of the audit is a part of a version's origin, as JSON types; empty without accepted features."""
        accepted = [{"feature": one.feature, "who": one.who, "why": one.why} for one in self.accepted]
        return {"accepted_features": accepted} if accepted else {}

    def as_dict(self) -> dict[str, Any]:
        """Return the audit as JSON types; of very many warnings, the largest."""
        largest = sorted(self.warnings, key=lambda one: -abs(one.number))[:_STORED]
        kept = replace(self, findings=(*self.blocking, *largest))
        return cast(dict[str, Any], _stored_form().dump_python(kept, mode="json"))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Return the audit from the JSON types returned by `as_dict`; one without findings from an empty mapping.

        Raises:
            pydantic.ValidationError: they have another form.
        """
        return cast(Self, _stored_form().validate_python(stored))


NOTHING_FOUND = Audit()


def audit_of(facts: Mapping[str, Any]) -> Audit:
    """Return the leak audit in the facts of a version; one without findings if they have none."""
    return Audit.from_dict(facts.get("leak_audit", {}))


@cache
def _stored_form() -> TypeAdapter[Audit]:
    return TypeAdapter(Audit)


def _features(number: int) -> str:
    return f"{number} feature{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names as text, the first few of many."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
