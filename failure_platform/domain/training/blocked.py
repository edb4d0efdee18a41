"""Why a training gave no version, as a value that is stored and shown wherever a person asks for the model.

Nothing here imports a library for models: every command that shows a target reads it.
"""

from dataclasses import dataclass
from typing import Any, Literal

BlockingCheck = Literal["trainable", "leak_audit"]


@dataclass(frozen=True)
class Blocked:
    """A training without a version.

    Attributes:
        check: the check of candidate_model that was not passed.
        reason: what was found, in sentences.
        features: the features that it was found in.
        what_to_do: what a person can do now.
    """

    check: BlockingCheck
    reason: str
    features: tuple[str, ...]
    what_to_do: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "check": self.check,
            "reason": self.reason,
            "features": list(self.features),
            "what_to_do": self.what_to_do,
        }
