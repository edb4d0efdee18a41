"""The current time as the platform stores it."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time in UTC without a zone, as every timestamp of the lake and of receipts is kept."""
    return datetime.now(UTC).replace(tzinfo=None)
