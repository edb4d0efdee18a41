"""Numbers and names as the pictures write them."""

from failure_platform.domain.comparison.values import Comparison


def counted(comparison: Comparison) -> str:
    """Return how many vehicles and failures the picture is of."""
    return f"{comparison.vehicles:,} vehicles, {comparison.failures:,} failures"


def figure_of(comparison: Comparison, name: str, metric: str, digits: int = 3) -> str:
    """Return one figure of candidate, production or base_rate as text."""
    figures = {
        "candidate": comparison.candidate,
        "production": comparison.production or {},
        "base_rate": comparison.base_rate,
    }
    value = figures[name].get(metric)
    return "not defined" if value is None else f"{value:.{digits}f}"


def named(name: str, most: int = 44) -> str:
    """Return a name that leaves room for the drawing: of a long one, both ends."""
    half = most // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"
