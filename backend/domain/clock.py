"""What time it is: handed in where a test wants to move it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment, with its zone."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
