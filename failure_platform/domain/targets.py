"""What is predicted: a target names a checkpoint, the falhas that count as failures, and how long to wait for them.

What belongs here: the value `Target` and the default one.
What does not: how labels follow from it (labels), which targets an installation has (settings).
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Target:
    """One question to a model: will this vehicle fail, asked at its prediction point?

    Attributes:
        name: key of the target, used in table names and partitions.
        prediction_point: status code; a vehicle is asked about when it first passes this checkpoint.
        halle: HALLE values of the falhas that count as failures, as the lake spells them (upper case).
        failure_groups: S_GROUP_ID values that count, or None for all.
        horizon: how long after the prediction point a failure still counts. Three days bring a vehicle that
            passes ZP7 on Friday evening to its road test on Monday.
        description: one sentence for pages and model cards.
    """

    name: str
    prediction_point: str = "M700"
    halle: tuple[str, ...] = ("ROD",)
    failure_groups: tuple[str, ...] | None = None
    horizon: timedelta = timedelta(days=3)
    description: str = "Fails its road test (HALLE ROD) after passing ZP7 (status M700)."

    def __post_init__(self) -> None:
        """Refuse a target that could have no label.

        Raises:
            ValueError: the name is no identifier, no HALLE or group is named, or the horizon is not positive.
        """
        if not self.name.isidentifier():
            raise ValueError(f"target '{self.name}': the name goes into table names; use letters, digits and _")
        if not self.halle or self.failure_groups == ():
            raise ValueError(f"target '{self.name}': name at least one HALLE, and no empty list of failure groups")
        if self.horizon <= timedelta(0):
            raise ValueError(f"target '{self.name}': the horizon must be longer than zero, not {self.horizon}")


ROAD_TEST = Target(name="road_test")
