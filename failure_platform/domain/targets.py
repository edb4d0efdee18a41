"""What is predicted: a target names a checkpoint, the falhas that count as failures, and how long to wait for them.

What belongs here: the value `Target`, the line it stands in, and the default one.
What does not: how labels follow from it (labels), which targets an installation has (settings).
"""

from dataclasses import dataclass
from datetime import timedelta

CHECKPOINTS = ("R750", "L540", "G700", "M600", "M620", "M700", "M710", "M720", "M800")
"""Status codes in the order of the line: ZP5, ZP5A, ZP61, ZP6/62, CAB, ZP7, road test, AGUA, ZP8."""


@dataclass(frozen=True)
class Target:
    """One question to a model: will this vehicle fail, asked at its prediction point?

    Attributes:
        name: key of the target, used in table names and partitions.
        prediction_point: status code; a vehicle is asked about when it first passes this checkpoint.
        halle: HALLE values of the falhas that count as failures, as the lake spells them (upper case); none: any.
        failure_groups: S_GROUP_ID values that count, or None for all.
        horizon: how long after the prediction point a failure still counts. Three days bring a vehicle that
            passes ZP7 on Friday evening to its road test on Monday.
        description: one sentence for pages and model cards; by default, the fields in words.
    """

    name: str
    prediction_point: str = "M700"
    halle: tuple[str, ...] = ("ROD",)
    failure_groups: tuple[str, ...] | None = None
    horizon: timedelta = timedelta(days=3)
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse a target that could have no label, and say in words what is asked where nobody did.

        Raises:
            ValueError: the name is no identifier, a HALLE or group is spelled as the lake never does, the list of
                groups is empty, or the horizon is not positive.
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
        if self.horizon <= timedelta(0):
            raise ValueError(f"target '{self.name}': the horizon must be longer than zero, not {self.horizon}")
        if not self.description:
            object.__setattr__(self, "description", self._in_words())

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
            f"Has a defect{groups} recorded{halle} within {self.horizon / timedelta(days=1):g} days after passing "
            f"{self.prediction_point}."
        )


ROAD_TEST = Target(name="road_test", description="Fails its road test (HALLE ROD) after passing ZP7 (status M700).")
