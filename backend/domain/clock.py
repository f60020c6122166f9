"""What time it is: handed in where a test wants to move it."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

Clock = Callable[[], datetime]
"""Answers the present moment, with its zone."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def start_of_day(moment: datetime, zone: tzinfo | None) -> datetime:
    """When the day of a moment began in `zone`, told in UTC; None is this machine's own, summer time included."""
    midnight = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    # Without the moment's offset: at midnight it may have been another one.
    return midnight.replace(tzinfo=zone).astimezone(UTC)
