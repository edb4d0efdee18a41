"""What following a model's alarms costs and finds, in a sentence.

Nothing here imports a library for models: every command that shows a comparison shows this sentence.
"""

from failure_platform.domain.comparison.result import Comparison, Confusion


def consequence(compared: Comparison, model: str = "candidate") -> str:
    """Return what following a model's alarms costs and finds per 100 of the compared vehicles.

    Args:
        compared: the comparison.
        model: "candidate" or "production".
    """
    confusion = compared.confusions.get(model)
    if confusion is None or not compared.vehicles:
        return "What following it costs and finds is not known: no vehicle with a known outcome was compared."
    per_100 = 100 / compared.vehicles
    alarms, failures = confusion.tp + confusion.fp, confusion.tp + confusion.fn
    fail = f"{failures * per_100:.3g} that fail"
    if not alarms:
        return f"Per 100 vehicles it alarms none: following it costs nothing and finds none of the {fail}."
    costs = f"Per 100 vehicles, following it costs {alarms * per_100:.3g} inspections"
    if not failures:
        return f"{costs}; none of the compared vehicles failed, so what it finds is not known."
    at_random = alarms * per_100 * failures / compared.vehicles
    return (
        f"{costs}, {confusion.fp * per_100:.3g} of them of vehicles that do not fail, and finds "
        f"{confusion.tp * per_100:.3g} of the {fail}. As many vehicles drawn at random would find {at_random:.3g}: its "
        f"alarms are right {lift(confusion):.2f} times as often.{_over_capacity(compared, alarms)}"
    )


def lift(confusion: Confusion) -> float | None:
    """Return the precision of the alarms divided by the failure rate; None without an alarm or without a failure."""
    alarms, failures = confusion.tp + confusion.fp, confusion.tp + confusion.fn
    vehicles = alarms + confusion.fn + confusion.tn
    return confusion.tp / alarms / (failures / vehicles) if alarms and failures else None


def _over_capacity(compared: Comparison, alarms: int) -> str:
    if compared.inspections is None or alarms <= compared.inspections:
        return ""
    return (
        f" That is more than the {100 * compared.inspections / compared.vehicles:.3g} of 100 that can be inspected "
        f"({compared.inspections_per_day} a day)."
    )
