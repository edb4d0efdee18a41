"""What is predicted: a target names a checkpoint, the falhas that count as failures, and how long to wait for them."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

CHECKPOINTS = ("R750", "L540", "G700", "M600", "M620", "M700", "M710", "M720", "M800")
"""Status codes in the order of the line: ZP5, ZP5A, ZP61, ZP6/62, CAB, ZP7, road test, AGUA, ZP8."""


# Failure groups are numbers to people and text in the lake.
@dataclass(frozen=True, config=ConfigDict(extra="forbid", coerce_numbers_to_str=True))
class Target:
    """One question to a model: will this vehicle fail, predicted at its prediction point?

    All fields but the name are settings, in the section `[targets.<name>]`.

    Attributes:
        name: key of the target, used in table names and partitions.
        prediction_point: status code; a vehicle is predicted when it first passes this checkpoint.
        halle: HALLE values of the falhas that count as failures, as the lake spells them (upper case); empty: any.
        failure_groups: S_GROUP_ID values that count, or None for all.
        horizon_days: how long after the prediction point a failure still counts. Three days bring a vehicle that
            passes ZP7 on Friday evening to its road test on Monday.
        description: one sentence for pages and model cards; by default, the fields in words.
    """

    name: str
    prediction_point: str = "M700"
    halle: tuple[str, ...] = ("ROD",)
    failure_groups: tuple[str, ...] | None = None
    horizon_days: Annotated[float, Field(gt=0)] = 3.0
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse a target that could have no label, and describe it in words where no description is given.

        Raises:
            ValueError: the name is no identifier, a HALLE or group is spelled as the lake never does, or the list of
                groups is empty. pydantic raises it as a ValidationError, as for any field that is out of its limits.
        """
        if not self.name.isidentifier():
            raise ValueError(f"target '{self.name}': the name goes into table names; use letters, digits and _")
        if self.failure_groups == ():
            raise ValueError(f"target '{self.name}': an empty list of failure groups; leave it out to count all groups")
        for code in (*self.halle, *(self.failure_groups or ())):
            if not code or code != code.strip().upper():
                raise ValueError(
                    f"target '{self.name}': write '{code}' in upper case, without spaces, as the lake does"
                )
        if not self.description:
            object.__setattr__(self, "description", self._in_words())

    @property
    def horizon(self) -> timedelta:
        """How long after the prediction point a failure still counts."""
        return timedelta(days=self.horizon_days)

    @property
    def line_before(self) -> tuple[str, ...]:
        """Checkpoints before the prediction point; all of them where it is no checkpoint of the line."""
        return CHECKPOINTS[: self._place]

    @property
    def line_after(self) -> tuple[str, ...]:
        """Checkpoints after the prediction point; none where it is no checkpoint of the line."""
        return () if self._place is None else CHECKPOINTS[self._place + 1 :]

    @property
    def _place(self) -> int | None:
        return CHECKPOINTS.index(self.prediction_point) if self.prediction_point in CHECKPOINTS else None

    def _in_words(self) -> str:
        halle = f" at HALLE {' or '.join(self.halle)}" if self.halle else ""
        groups = f" of failure group {' or '.join(self.failure_groups)}" if self.failure_groups else ""
        return (
            f"Has a defect{groups} recorded{halle} within {self.horizon_days:g} days after passing "
            f"{self.prediction_point}."
        )


ROAD_TEST = Target(name="road_test", description="Fails its road test (HALLE ROD) after passing ZP7 (status M700).")
